#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tdm/core/bar.hpp"           // Frame, Column
#include "tdm/query/detail/grid.hpp"  // Grid
#include "tdm/query/market_data.hpp"  // Layer, Fill

// From what a store returns to what a caller asked for. Pure.
namespace tdm::query::detail {

// The columns of an answer after open_time, in the order that was asked for.
struct Selection {
  std::vector<std::string> answer;  // may name close_time, which is computed
  std::vector<std::string> stored;  // what the store is asked for, never empty
};
// Empty: open high low close volume. "all": every stored column and close_time. An unknown one is invalid_argument with
// the nearest.
Result<Selection> select(const std::vector<std::string>& asked, Layer layer);

// open_time and the columns of the answer; views `base` and keeps it alive.
Frame arrange(const Frame& base, const std::vector<std::string>& answer, const Grid& grid);

// Rows [first, last).
Frame rows_of(const Frame& base, std::size_t first, std::size_t last);

// One row for each of `slots` (sorted; it holds every open time of `base`), and a column `filled`: 1 where the row was
// made. Prices of a made row are NaN, or with ffill the close before it (`before` where the frame has none) with
// volumes 0; what cannot be carried is null. `base` holds `close`. Types stay what they were.
Frame fill(const Frame& base, const std::vector<TimePoint>& slots, Fill how, std::optional<double> before);

std::span<const TimePoint> open_times(const Frame& frame);

}  // namespace tdm::query::detail
