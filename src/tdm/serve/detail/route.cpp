#include "tdm/serve/detail/route.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "tdm/core/time.hpp"  // parse_time_bound

namespace tdm::serve {
namespace {

std::unexpected<Error> wrong(const Parameter& parameter, std::string_view value, std::string_view expected) {
  constexpr std::size_t kQuoted = 80;
  return fail(ErrorCode::invalid_argument,
              fmt::format("{} is \"{}{}\", expected {}", parameter.name, value.substr(0, kQuoted),
                          value.size() > kQuoted ? "…" : "", expected),
              std::string{parameter.name});
}

template <class T>
std::optional<T> to_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<void> check_integer(const Parameter& parameter, std::string_view value) {
  const auto number = to_number<std::int64_t>(value);
  if (number && parameter.minimum <= *number && *number <= parameter.maximum) return {};
  return wrong(parameter, value, fmt::format("an integer from {} to {}", parameter.minimum, parameter.maximum));
}

Result<void> check_number(const Parameter& parameter, std::string_view value) {
  const auto number = to_number<double>(value);
  if (number && std::isfinite(*number) && *number >= static_cast<double>(parameter.minimum) &&
      *number <= static_cast<double>(parameter.maximum))
    return {};
  return wrong(parameter, value, fmt::format("a number from {} to {}", parameter.minimum, parameter.maximum));
}

Result<void> check_word(const Parameter& parameter, std::string_view value) {
  if (std::ranges::find(parameter.words, value) != parameter.words.end()) return {};
  auto error = wrong(parameter, value, fmt::format("one of {}", fmt::join(parameter.words, ", ")));
  error.error().suggestions = nearest(value, {parameter.words.begin(), parameter.words.end()});
  return error;
}

Result<void> check_text(const Parameter& parameter, std::string_view value) {
  const auto longest = static_cast<std::size_t>(parameter.maximum > 0 ? parameter.maximum : 256);
  if (value.empty()) return wrong(parameter, value, "a text that is not empty");
  if (value.size() > longest) return wrong(parameter, value, fmt::format("at most {} characters", longest));
  if (parameter.accepts != nullptr && !parameter.accepts(value))
    return wrong(parameter, value, fmt::format("text that matches {}", parameter.pattern));
  return {};
}

Result<void> check(const Parameter& parameter, std::string_view value) {
  switch (parameter.kind) {
    case Parameter::Kind::text: return check_text(parameter, value);
    case Parameter::Kind::integer: return check_integer(parameter, value);
    case Parameter::Kind::number: return check_number(parameter, value);
    case Parameter::Kind::word: return check_word(parameter, value);
    case Parameter::Kind::flag:
      if (value == "true" || value == "false") return {};
      return wrong(parameter, value, "true or false");
    case Parameter::Kind::time: {
      auto bound = parse_time_bound(value, parameter.name);
      if (!bound) return std::unexpected{std::move(bound).error()};
      return {};
    }
  }
  std::abort();  // not a kind at all: memory is corrupt
}

std::unexpected<Error> unknown(const std::vector<Parameter>& known, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& parameter : known) names.emplace_back(parameter.name);
  auto suggestions = nearest(name, names);
  return fail(ErrorCode::invalid_argument,
              names.empty() ? fmt::format("unknown parameter \"{}\"; there are none here", name)
                            : fmt::format("unknown parameter \"{}\"; there are {}", name, fmt::join(names, ", ")),
              name, std::move(suggestions));
}

}  // namespace

Result<Arguments> Arguments::parse(const std::vector<Parameter>& known, const net::ServerRequest& request) {
  Arguments arguments;
  for (const auto& [name, value] : request.query) {
    const auto parameter = std::ranges::find(known, name, &Parameter::name);
    if (parameter == known.end()) return unknown(known, name);
    const auto before = std::ranges::count(arguments.values_, name, [](const auto& pair) { return pair.first; });
    if (before > 0 && !parameter->repeated)
      return fail(ErrorCode::invalid_argument, fmt::format("{} is given more than once", name), name);
    if (static_cast<std::size_t>(before) >= kRepeats)
      return fail(ErrorCode::invalid_argument, fmt::format("{} is given more than {} times", name, kRepeats), name);
    if (auto checked = check(*parameter, value); !checked) return std::unexpected{std::move(checked).error()};
    arguments.values_.emplace_back(name, value);
  }
  for (const auto& parameter : known)
    if (parameter.required && !arguments.text(parameter.name))
      return fail(ErrorCode::invalid_argument, fmt::format("{} is missing: {}", parameter.name, parameter.meaning),
                  std::string{parameter.name});
  return arguments;
}

std::optional<std::string> Arguments::text(std::string_view name) const {
  for (const auto& [key, value] : values_)
    if (key == name) return value;
  return std::nullopt;
}

std::optional<std::int64_t> Arguments::integer(std::string_view name) const {
  const auto value = text(name);
  return value ? to_number<std::int64_t>(*value) : std::nullopt;
}

std::optional<double> Arguments::number(std::string_view name) const {
  const auto value = text(name);
  return value ? to_number<double>(*value) : std::nullopt;
}

bool Arguments::flag(std::string_view name) const { return text(name) == "true"; }

std::vector<std::string> Arguments::all(std::string_view name) const {
  std::vector<std::string> found;
  for (const auto& [key, value] : values_)
    if (key == name) found.push_back(value);
  return found;
}

Match find_route(const std::vector<Route>& routes, std::string_view method, std::string_view path) {
  Match match;
  for (const auto& route : routes) {
    std::string argument;
    if (const auto brace = route.path.find('{'); brace != std::string_view::npos) {
      const auto prefix = route.path.substr(0, brace);
      if (!path.starts_with(prefix) || path.size() == prefix.size()) continue;
      argument = path.substr(prefix.size());
      if (argument.find('/') != std::string::npos) continue;
    } else if (route.path != path) {
      continue;
    }
    if (route.method == method || (method == "HEAD" && route.method == "GET")) return Match{&route, argument, {}};
    match.allowed += match.allowed.empty() ? "" : ", ";
    match.allowed += route.method;
    if (route.method == "GET") match.allowed += ", HEAD";
  }
  return match;
}

}  // namespace tdm::serve
