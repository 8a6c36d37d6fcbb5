#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "tdm/core/error.hpp"  // Result
#include "tdm/core/time.hpp"   // TimePoint

namespace tdm::sources {

using Json = nlohmann::json;

// A JSON document as a tree in which no number has lost a digit: integers stay integers, every other number is kept as
// the text that was sent. corrupt_data when it is not JSON, is nested deeper than kMaxDepth, is larger than
// kMaxJsonBytes, or says two things of one key.
inline constexpr std::size_t kMaxDepth = 64;
inline constexpr std::size_t kMaxJsonBytes = std::size_t{64} << 20;
Result<Json> parse_json(std::string_view text);

// The member `key` of an object; null when `parent` has none or is no object.
const Json& member(const Json& parent, std::string_view key);
// Text of a string or number; nothing for null, absent, "" (how exchanges say "no value") and anything else.
std::optional<std::string> text_of(const Json& value);
inline std::optional<std::string> text_of(const Json& parent, std::string_view key) {
  return text_of(member(parent, key));
}
std::optional<std::int64_t> integer_of(const Json& value);

// Integer milliseconds in any exact spelling ("1791241020000", "1.79124102E12"), from 1970 to 9999; else nothing.
std::optional<TimePoint> parse_ms(std::string_view text);

// ASCII letters only: for a look whether a body mentions a word.
std::string lower(std::string_view text);

// "the answer is HTML", "the answer is empty", "the answer is not JSON (...)": with the first characters, printable.
std::string describe_bad_body(std::string_view body, std::string_view reason);

// One line without line breaks; bytes that are not UTF-8 are replaced.
template <class AnyJson>
std::string to_line(const AnyJson& value) {
  return value.dump(-1, ' ', false, AnyJson::error_handler_t::replace);
}

}  // namespace tdm::sources
