#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "tdm/core/error.hpp"  // Result

namespace tdm {

// An instant in UTC, microseconds since the Unix epoch: the unit of storage. Milliseconds appear on wires only.
using TimePoint = std::chrono::sys_time<std::chrono::microseconds>;
using Micros = std::chrono::microseconds;

constexpr TimePoint from_ms(std::int64_t ms) { return TimePoint{std::chrono::milliseconds{ms}}; }
constexpr TimePoint from_us(std::int64_t us) { return TimePoint{std::chrono::microseconds{us}}; }
constexpr std::int64_t to_us(TimePoint t) { return t.time_since_epoch().count(); }
constexpr std::int64_t to_ms(TimePoint t) {
  return std::chrono::floor<std::chrono::milliseconds>(t).time_since_epoch().count();
}

// "2023-01-01T00:00:00Z"; a fraction (ms or us) only when there is one.
std::string to_iso(TimePoint t);

// A half-open range [begin, end) in UTC. Never reversed: make() refuses that.
class TimeRange {
 public:
  constexpr TimeRange() = default;
  static Result<TimeRange> make(TimePoint begin, TimePoint end);
  // For ranges that are ordered by construction. An end before the begin gives an empty range at `begin`.
  static constexpr TimeRange of(TimePoint begin, TimePoint end) { return TimeRange{begin, end < begin ? begin : end}; }

  constexpr TimePoint begin() const { return begin_; }
  constexpr TimePoint end() const { return end_; }
  constexpr bool empty() const { return begin_ == end_; }
  constexpr bool contains(TimePoint t) const { return begin_ <= t && t < end_; }
  constexpr bool contains(TimeRange other) const { return begin_ <= other.begin_ && other.end_ <= end_; }
  constexpr bool overlaps(TimeRange other) const { return begin_ < other.end_ && other.begin_ < end_; }
  constexpr TimeRange intersect(TimeRange o) const {
    return of(begin_ < o.begin_ ? o.begin_ : begin_, end_ < o.end_ ? end_ : o.end_);
  }
  friend constexpr auto operator<=>(const TimeRange&, const TimeRange&) = default;

 private:
  constexpr TimeRange(TimePoint begin, TimePoint end) : begin_{begin}, end_{end} {}
  TimePoint begin_{};
  TimePoint end_{};
};

std::string to_string(TimeRange range);  // "[2023-01-01T00:00:00Z, 2024-01-01T00:00:00Z)"

// One bound of a range as a user writes it (design: Read semantics). A calendar date ("2023-12-31", also "2023-12" and
// "2023") names the whole day (month, year); anything finer is an instant.
struct TimeBound {
  TimePoint first;  // the instant, or the first instant of the named day, month or year
  TimePoint after;  // the instant, or the first instant after the named day, month or year
  bool is_date = false;
  friend auto operator<=>(const TimeBound&, const TimeBound&) = default;
};

// Accepts dates, RFC 3339 instants (also with a space for the T, without seconds, or naive = UTC) and integer
// milliseconds. Integers that look like seconds (< 1e11 in magnitude) or like micro/nanoseconds (> 1e14) are refused.
// `parameter` names the input in the error.
Result<TimeBound> parse_time_bound(std::string_view text, std::string_view parameter);

// [start.first, end.after when end is a date, else end.first). start after end is invalid_argument naming both.
Result<TimeRange> resolve_range(const TimeBound& start, const TimeBound& end);

}  // namespace tdm
