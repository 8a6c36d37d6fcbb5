#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

#include "tdm/core/time.hpp"  // TimePoint, TimeRange

namespace tdm {

// The length of a bar on the UTC grid. Made only by parse() or all(), so every Timeframe in the program is one we
// support. Weeks start on Monday, months on day 1; both are calendar units, all others divide the day.
class Timeframe {
 public:
  static Result<Timeframe> parse(std::string_view text);  // 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 1w 1M, case matters
  static std::span<const Timeframe> all();                // the 14, shortest first

  std::string_view name() const;
  TimePoint open_of(TimePoint t) const;           // open time of the bar that holds t
  TimePoint close_of(TimePoint open_time) const;  // the first instant after the bar that opens at open_time
  TimePoint ceil(TimePoint t) const;              // the first open time >= t
  TimePoint advance(TimePoint open_time, std::int64_t bars) const;  // open time `bars` later (or earlier)
  bool on_grid(TimePoint t) const { return open_of(t) == t; }
  // Bars whose open time lies in the range.
  std::int64_t count(TimeRange range) const;
  // The sub-range of whole bars: open_time >= begin and close_time <= end.
  TimeRange whole_bars(TimeRange range) const;
  bool is_month() const;
  std::chrono::minutes nominal_length() const;  // 1M counts 30 days: for estimates and settle times only
  // True when bars of this timeframe are made of whole bars of `part` (1h of 1m; 1M of 1d; never 1M of 1w).
  bool is_multiple_of(Timeframe part) const;

  friend constexpr auto operator<=>(const Timeframe&, const Timeframe&) = default;

 private:
  constexpr explicit Timeframe(std::uint8_t index) : index_{index} {}
  std::int64_t number_of(TimePoint t) const;  // bars are numbered through, from one that is not told
  TimePoint open_time_of(std::int64_t number) const;
  std::uint8_t index_;
};

}  // namespace tdm
