#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tdm::config::detail {

// What a value must be. The loader checks it, the schema states it.

// Text; `pattern` is an ECMAScript expression for the whole value, `expected` says the same to a person.
struct Text {
  const char* pattern = nullptr;
  const char* expected = "text";
  std::size_t max_length = 1'024;
};

// One word of a closed list.
struct Word {
  std::span<const std::string_view> words;
  bool any_case = false;
};

struct Whole {
  std::int64_t min = 0;
  std::int64_t max = 0;
};

// `min` itself is allowed only when `min_included`.
struct Number {
  double min = 0;
  double max = 0;
  bool min_included = true;
};

struct Flag {};

// A date or an instant, as every door accepts it.
struct Moment {};

// A part that has keys of its own.
struct Section {};

// Names that a person chooses: the keys of a mapping whose values are all alike.
struct Names {
  const char* pattern;
  const char* expected;
  std::size_t max_entries = 256;
};

}  // namespace tdm::config::detail
