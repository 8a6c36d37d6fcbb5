#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "tdm/store/store.hpp"  // Layer

// The columns of a segment, and how each lies in memory and in the file.
namespace tdm::store::duckdb::detail {

enum class Kind : std::uint8_t {
  time,     // TimePoint; int64 microseconds UTC
  real,     // double
  integer,  // int64
  small,    // int32
  flags,    // uint32
  text,     // UTF-8 as it was sent
  word,     // text of few different values
  number,   // int64 in the file, decimal text in an answer
};

struct Field {
  std::string_view name;
  Kind kind;
  bool nullable = false;
};

// exchange market symbol price_kind timeframe: the same in every row of a segment, so that a file explains itself.
inline constexpr std::string_view kKeyColumns[] = {"exchange", "market", "symbol", "price_kind", "timeframe"};

std::span<const Field> fields(Layer layer);  // beyond the key, open_time first
const Field& field_of(Layer layer, std::string_view name);

constexpr bool is_text(Kind kind) { return kind == Kind::text || kind == Kind::word || kind == Kind::number; }
// Bytes a value takes in memory; text has none of a fixed width.
constexpr std::size_t width(Kind kind) {
  switch (kind) {
    case Kind::time:
    case Kind::real:
    case Kind::integer: return 8;
    case Kind::small:
    case Kind::flags: return 4;
    case Kind::text:
    case Kind::word:
    case Kind::number: return 0;
  }
  return 0;
}

}  // namespace tdm::store::duckdb::detail
