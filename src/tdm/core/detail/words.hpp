#pragma once

#include <array>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tdm/core/error.hpp"  // Result, fail

namespace tdm::detail {

// The written forms of an enumeration, in the order of its enumerators, which count from zero.
template <std::size_t N>
using Words = std::array<std::string_view, N>;

template <class Enum, std::size_t N>
std::string_view word_of(const Words<N>& words, Enum value) {
  const auto index = static_cast<std::size_t>(std::to_underlying(value));
  if (index >= N) std::abort();  // not an enumerator at all: memory is corrupt
  return words[index];
}

// Text of foreign origin as it may stand in a message: quoted and never long.
inline std::string quoted(std::string_view text) {
  constexpr std::size_t kMaxQuoted = 64;
  std::string quote{"'"};
  quote += text.substr(0, kMaxQuoted);
  quote += text.size() > kMaxQuoted ? "...'" : "'";
  return quote;
}

inline std::string join(const std::vector<std::string>& parts) {
  std::string joined;
  for (const auto& part : parts) {
    if (!joined.empty()) joined += ", ";
    joined += part;
  }
  return joined;
}

// `what` names the kind of word for a person ("price kind"), `parameter` the input.
template <class Enum, std::size_t N>
Result<Enum> parse_word(const Words<N>& words, std::string_view text, std::string_view what, std::string parameter) {
  for (std::size_t index = 0; index < N; ++index)
    if (words[index] == text) return static_cast<Enum>(index);
  const std::vector<std::string> known{words.begin(), words.end()};
  std::string message{what};
  message += " " + quoted(text) + " is not known; it is one of: " + join(known);
  return fail(ErrorCode::invalid_argument, std::move(message), std::move(parameter), nearest(text, known));
}

}  // namespace tdm::detail
