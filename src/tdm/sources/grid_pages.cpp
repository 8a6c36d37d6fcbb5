#include "tdm/sources/grid_pages.hpp"

#include <algorithm>

namespace tdm::sources {
namespace {

// Bars between the first grid point of 1970 and `open_time`, which is on the grid.
std::int64_t bar_index(Timeframe timeframe, TimePoint anchor, TimePoint open_time) {
  return open_time >= anchor ? timeframe.count(TimeRange::of(anchor, open_time))
                             : -timeframe.count(TimeRange::of(open_time, anchor));
}

std::int64_t floor_divide(std::int64_t value, std::int64_t by) { return value / by - (value % by < 0 ? 1 : 0); }

}  // namespace

std::vector<PageRequest> grid_pages(Timeframe timeframe, TimeRange range, int rows) {
  std::vector<PageRequest> pages;
  const auto anchor = timeframe.ceil(TimePoint{});
  const auto end = timeframe.ceil(range.end());
  auto begin = timeframe.ceil(range.begin());
  auto number = floor_divide(bar_index(timeframe, anchor, begin), rows);
  while (begin < end) {
    const auto boundary = timeframe.advance(anchor, ++number * rows);
    const auto stop = std::min(boundary, end);
    pages.push_back({TimeRange::of(begin, stop)});
    begin = stop;
  }
  return pages;
}

}  // namespace tdm::sources
