#include "sim/deribit/call.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace tdm::sim::deribit {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostBytes = 32 * 1'024;           // of a body (§1)
constexpr std::int64_t kFarthestMs = 4'102'444'800'000;  // 2100-01-01: times beyond are clamped
constexpr std::string_view kRoot = "/api/v2";
constexpr std::string_view kHistory = "/history";

Refusal bad_request() { return {11'050, "bad_request"}; }  // R: observed_errors/errors.jsonl, line 3

std::optional<Refusal> read_body(const std::string& text, Call& call) {
  if (text.size() > kMostBytes) return Refusal{-32'600, "request entity too large"};  // §2.4
  const Json body = Json::parse(text, nullptr, false);
  if (body.is_discarded()) return Refusal{-32'700, "Parse error"};  // §2.4
  if (!body.is_object()) return bad_request();                      // no batches (§1); the code is assumed
  if (const auto id = body.find("id"); id != body.end()) {
    if (!id->is_string() && !id->is_number_integer()) return bad_request();  // assumed
    call.id = id->dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  if (const auto method = body.find("method"); method != body.end()) {
    if (!method->is_string()) return bad_request();
    call.method = method->get<std::string>();
  }
  const auto params = body.find("params");
  if (params == body.end()) return std::nullopt;
  if (!params->is_object()) return bad_request();  // no positional parameters (§1)
  for (const auto& [name, value] : params->items()) {
    call.parameters.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::pair<Host, std::string_view>> find_place(std::string_view path) {
  const bool history = path.starts_with(kHistory);
  if (history) path.remove_prefix(kHistory.size());
  if (!path.starts_with(kRoot)) return std::nullopt;
  path.remove_prefix(kRoot.size());
  if (!path.empty() && !path.starts_with('/')) return std::nullopt;
  return std::pair{history ? Host::history : Host::www, path.empty() ? path : path.substr(1)};
}

std::optional<Refusal> read_call(const net::ServerRequest& request, std::string_view rest, Call& call) {
  call.method = rest;
  call.parameters = request.query;
  if (request.method == "POST") {
    if (auto wrong = read_body(request.body, call)) return wrong;
  } else if (request.method != "GET") {
    return bad_request();  // assumed
  }
  if (call.method.empty()) return bad_request();  // assumed
  return std::nullopt;
}

std::optional<std::string_view> parameter(const Call& call, std::string_view name) {
  const auto found = std::ranges::find_if(call.parameters, [&](const auto& sent) { return sent.first == name; });
  if (found == call.parameters.end()) return std::nullopt;
  return found->second;
}

// §2.4 has -32000 'Missing params' too; that one missing parameter among others gives this one is assumed.
Parsed<std::string_view> required(const Call& call, std::string_view name) {
  const auto value = parameter(call, name);
  if (!value || value->empty()) return std::unexpected{invalid_parameter(name, "value required")};
  return *value;
}

Parsed<TimePoint> time_parameter(const Call& call, std::string_view name) {
  const auto text = required(call, name);
  if (!text) return std::unexpected{text.error()};
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (failure != std::errc{} || end != text->data() + text->size()) {
    return std::unexpected{invalid_parameter(name, "wrong format")};
  }
  return from_ms(std::clamp<std::int64_t>(value, 0, kFarthestMs));
}

Parsed<bool> flag_parameter(const Call& call, std::string_view name) {
  const std::string_view word = parameter(call, name).value_or("false");
  if (word != "true" && word != "false") return std::unexpected{invalid_parameter(name, "wrong format")};
  return word == "true";
}

// R: observed_errors/errors.jsonl, line 2; the reasons are the seen ones (§2.3) where none else is said.
Refusal invalid_parameter(std::string_view name, std::string_view reason) {
  return {-32'602, "Invalid params", std::string{reason}, std::string{name}};
}

Refusal unknown_instrument() { return invalid_parameter("instrument_name", "instrument not found"); }

}  // namespace tdm::sim::deribit
