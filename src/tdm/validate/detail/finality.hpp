#pragma once

#include "tdm/validate/detail/sheet.hpp"  // Sheet

namespace tdm::validate::detail {

// What the answer proves of the bar: closed by the exchange's word or seen late enough; ended, yet too young to be
// final; or not ended at all.
inline Finality finality_of(const Sheet& sheet, std::size_t row) {
  if (sheet.says_closed(row)) return Finality::confirmed;
  const auto age = sheet.event_time[row] - sheet.close_time[row];
  if (age < Micros{0}) return Finality::open;
  return age >= sheet.context().settle ? Finality::confirmed : Finality::provisional;
}

}  // namespace tdm::validate::detail
