#pragma once

#include <optional>
#include <string>

#include "tdm/core/time.hpp"          // TimePoint, TimeRange
#include "tdm/query/detail/grid.hpp"  // Grid
#include "tdm/query/market_data.hpp"  // Straddle

// What a user's words about time mean. Pure.
namespace tdm::query::detail {

using Text = std::optional<std::string>;

// No exchange we could ask is older, so a history without a start begins here.
inline constexpr TimePoint kBeginning{std::chrono::sys_days{std::chrono::year{2010} / 1 / 1}};

// The bounds that were given, half-open; the end of a named day is the first instant after it.
struct Bounds {
  std::optional<TimePoint> begin{}, end{};
};
// invalid_argument names start or end: no date, or start after end.
Result<Bounds> parse_bounds(const Text& start, const Text& end);

// The grid of a request: HH:MM as day_start moves the days, weeks and months. invalid_argument names day_start.
Result<Grid> parse_grid(Timeframe timeframe, const Text& day_start);

// A range that can be read: bounded, and nothing in it lies in the future.
struct Window {
  TimeRange stated;                       // as every answer states it
  TimeRange bars;                         // the whole bars in it
  bool to_now = false;                    // its end is the last closed bar
  std::optional<TimePoint> straddling{};  // open time of a bar that begins in it and ends after it; withheld
};
Window settle(TimePoint begin, std::optional<TimePoint> end, const Grid& grid, TimePoint now, Straddle straddle);

// The same, ending already at `end`: where a window that reaches to now is known to stop earlier.
Window cut(const Window& window, TimePoint end);

}  // namespace tdm::query::detail
