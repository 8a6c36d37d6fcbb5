#pragma once

#include <chrono>

#include "tdm/core/time.hpp"       // TimePoint, TimeRange
#include "tdm/core/timeframe.hpp"  // Timeframe

namespace tdm::query::detail {

// The grid that the bars of an answer stand on: a timeframe's own, or the same moved by the time of day at which a day
// is said to begin. With day_start 08:00 a day runs from 08:00 to 08:00, weeks begin on Monday and months on day 1 at
// that hour.
class Grid {
 public:
  Grid(Timeframe timeframe, Micros day_start = Micros{0})  // NOLINT(google-explicit-constructor): it is that grid
      : timeframe_{timeframe}, day_start_{day_start} {}

  Timeframe timeframe() const { return timeframe_; }
  Micros day_start() const { return day_start_; }

  TimePoint open_of(TimePoint t) const { return timeframe_.open_of(t - day_start_) + day_start_; }
  TimePoint close_of(TimePoint open_time) const { return timeframe_.close_of(open_time - day_start_) + day_start_; }
  TimePoint ceil(TimePoint t) const { return timeframe_.ceil(t - day_start_) + day_start_; }
  TimePoint advance(TimePoint open_time, std::int64_t bars) const {
    return timeframe_.advance(open_time - day_start_, bars) + day_start_;
  }
  std::int64_t count(TimeRange range) const {
    return timeframe_.count(TimeRange::of(range.begin() - day_start_, range.end() - day_start_));
  }
  TimeRange whole_bars(TimeRange range) const { return TimeRange::of(ceil(range.begin()), open_of(range.end())); }

  // True when its bars are made of whole bars of `part`, and more than one of them.
  bool is_made_of(Timeframe part) const {
    return part != timeframe_ && timeframe_.is_multiple_of(part) && day_start_ % part.nominal_length() == Micros{0};
  }

 private:
  Timeframe timeframe_;
  Micros day_start_;
};

}  // namespace tdm::query::detail
