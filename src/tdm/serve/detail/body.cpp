#include "tdm/serve/detail/body.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace tdm::serve {
namespace {

constexpr std::size_t kLongestText = 1'024;

std::unexpected<Error> wrong(std::string_view name, std::string_view expected) {
  return fail(ErrorCode::invalid_argument, fmt::format("{} must be {}", name, expected), std::string{name});
}

// Nesting is refused before it is parsed: a document of a million brackets must not cost a million frames.
bool too_deep(std::string_view text) {
  constexpr int kDeepest = 16;
  int depth = 0;
  for (const char letter : text) {
    if (letter == '{' || letter == '[') ++depth;
    if (letter == '}' || letter == ']') --depth;
    if (depth > kDeepest) return true;
  }
  return false;
}

}  // namespace

Result<Body> Body::parse(const net::ServerRequest& request, std::initializer_list<std::string_view> known) {
  if (too_deep(request.body)) return wrong("body", "a flat JSON object");
  auto object = Json::parse(request.body, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return wrong("body", "a JSON object");
  for (const auto& [name, value] : object.items()) {
    if (std::ranges::find(known, name) != known.end()) continue;
    return fail(ErrorCode::invalid_argument,
                fmt::format("unknown field \"{}\"; there are {}", name, fmt::join(known, ", ")), name,
                nearest(name, std::vector<std::string>(known.begin(), known.end())));
  }
  return Body{std::move(object)};
}

Result<std::string> Body::text(std::string_view name) const {
  const auto found = object_.find(name);
  if (found == object_.end() || !found->is_string()) return wrong(name, "a text");
  const auto& text = found->get_ref<const std::string&>();
  if (text.empty() || text.size() > kLongestText)
    return wrong(name, fmt::format("a text of 1 to {} bytes", kLongestText));
  return text;
}

Result<std::optional<std::string>> Body::optional_text(std::string_view name) const {
  const auto found = object_.find(name);
  if (found == object_.end() || found->is_null()) return std::optional<std::string>{};
  if (found->is_number_integer()) return std::optional{std::to_string(found->get<std::int64_t>())};
  // 1672531200000.0 is an integer to JSON Schema.
  constexpr double kExact = 9'007'199'254'740'992.0;
  if (found->is_number_float() && std::abs(found->get<double>()) < kExact &&
      std::trunc(found->get<double>()) == found->get<double>())
    return std::optional{std::to_string(static_cast<std::int64_t>(found->get<double>()))};
  auto value = text(name);
  if (!value) return std::unexpected{std::move(value).error()};
  return std::optional{*std::move(value)};
}

Result<std::int64_t> Body::integer(std::string_view name) const {
  const auto found = object_.find(name);
  if (found == object_.end() || !found->is_number_integer()) return wrong(name, "an integer");
  return found->get<std::int64_t>();
}

Result<bool> Body::flag(std::string_view name) const {
  const auto found = object_.find(name);
  if (found == object_.end() || !found->is_boolean()) return wrong(name, "true or false");
  return found->get<bool>();
}

Result<std::optional<std::int64_t>> Body::optional_integer(std::string_view name) const {
  const auto found = object_.find(name);
  if (found == object_.end() || found->is_null()) return std::optional<std::int64_t>{};
  const auto value = integer(name);
  if (!value) return std::unexpected{value.error()};
  return std::optional{*value};
}

Result<const Json*> Body::object(std::string_view name) const {
  const auto found = object_.find(name);
  if (found == object_.end() || !found->is_object()) return wrong(name, "an object");
  return &*found;
}

net::ServerReply json_reply(const Json& document, int status) {
  net::ServerReply reply;
  reply.status = status;
  reply.headers.emplace_back("Content-Type", "application/json");
  reply.headers.emplace_back("Cache-Control", "no-cache");
  reply.body = document.dump(-1, ' ', false, Json::error_handler_t::replace);
  return reply;
}

}  // namespace tdm::serve
