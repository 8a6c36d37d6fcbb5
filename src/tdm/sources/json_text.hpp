#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "tdm/core/error.hpp"  // Result

namespace tdm::sources::bybit {

using Json = nlohmann::json;

// A JSON document as a tree in which no number has lost a digit: integers stay integers, every other number is kept as
// the text that was sent. corrupt_data when it is not JSON or nested deeper than kMaxDepth.
inline constexpr std::size_t kMaxDepth = 64;
Result<Json> parse_json(std::string_view text);

// The member `key` of an object; null when `parent` has none or is no object.
const Json& member(const Json& parent, std::string_view key);
// Text of a string or number; nothing for null, absent, "" (Bybit's "no value") and anything else.
std::optional<std::string> text_of(const Json& value);
inline std::optional<std::string> text_of(const Json& parent, std::string_view key) {
  return text_of(member(parent, key));
}
std::optional<std::int64_t> integer_of(const Json& value);

// One line without line breaks; bytes that are not UTF-8 are replaced.
template <class AnyJson>
std::string to_line(const AnyJson& value) {
  return value.dump(-1, ' ', false, AnyJson::error_handler_t::replace);
}

}  // namespace tdm::sources::bybit
