#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "tdm/core/timeframe.hpp"  // Timeframe

namespace tdm::sim::deribit {

// Deribit's length of a bar: so many bars of a timeframe that the tape knows, counted from a time of day.
struct Resolution {
  Timeframe part;
  int parts = 1;
  std::chrono::minutes begin{0};  // after midnight UTC

  std::chrono::minutes length() const { return part.nominal_length() * parts; }
  TimePoint open_of(TimePoint t) const;
};

// 1 3 5 10 15 30 60 120 180 360 720 and 1D (§5.2); nothing for any other word. 1D runs from 08:00 to 08:00 ([O]: eight
// recorded ticks). That 120 to 720 are counted from 00:00 is assumed: nobody knows.
std::optional<Resolution> resolution_of(std::string_view word);

}  // namespace tdm::sim::deribit
