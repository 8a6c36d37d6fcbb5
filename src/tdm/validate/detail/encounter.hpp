#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "tdm/validate/detail/sheet.hpp"  // Sheet, Repeat

namespace tdm::validate::detail {

// What a judged row is to the row that is stored under its key.
enum class Encounter : std::uint8_t {
  first,      // nothing is stored
  unchanged,  // same values, nothing new proven (D1)
  confirms,   // same values, and what was provisional is confirmed now
  replaces,   // other values of a provisional bar
  revises,    // other values of a confirmed bar (D2)
  too_young,  // other values of a confirmed bar in an answer too young to prove anything
};

// `stored` may be null; `at` is its row of the same key.
Encounter meet(const Sheet& sheet, std::size_t row, Finality finality, const BarColumns& stored, std::size_t at);

// Appends the row as a bar. `quality_flags`, `revision`, `recorded_at` and `finality` are the caller's findings.
struct Standing {
  Finality finality = Finality::provisional;
  std::uint32_t quality_flags = 0;
  std::int32_t revision = 0;
  TimePoint recorded_at{};
  std::int32_t rule_version = 0;
};
void append_bar(BarColumns& to, const Sheet& sheet, std::size_t row, const Standing& standing);

// How the rows in `order` (by open_time, then event_time) stand to each other; empty when no open_time occurs twice.
std::vector<Repeat> find_repeats(const ObservationColumns& rows, std::span<const std::size_t> order);

}  // namespace tdm::validate::detail
