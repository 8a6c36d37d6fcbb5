#include "tdm/query/detail/range.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace tdm::query::detail {

Result<Bounds> parse_bounds(const Text& start, const Text& end) {
  std::optional<TimeBound> first, last;
  if (start) {
    auto bound = parse_time_bound(*start, "start");
    if (!bound) return std::unexpected{std::move(bound).error()};
    first = *bound;
  }
  if (end) {
    auto bound = parse_time_bound(*end, "end");
    if (!bound) return std::unexpected{std::move(bound).error()};
    last = *bound;
  }
  if (first && last) {
    auto range = resolve_range(*first, *last);
    if (!range) return std::unexpected{std::move(range).error()};
    return Bounds{range->begin(), range->end()};
  }
  Bounds bounds;
  if (first) bounds.begin = first->first;
  if (last) bounds.end = last->is_date ? last->after : last->first;
  return bounds;
}

Result<Grid> parse_grid(Timeframe timeframe, const Text& day_start) {
  if (!day_start) return Grid{timeframe};
  const auto begins = parse_day_start(*day_start);
  if (!begins) return std::unexpected{begins.error()};
  if (timeframe.nominal_length() < std::chrono::days{1})
    return fail(ErrorCode::invalid_argument,
                fmt::format("day_start is for timeframes of whole days: 1d 1w 1M; timeframe is {}", timeframe.name()),
                "day_start");
  return Grid{timeframe, *begins};
}

Window settle(TimePoint begin, std::optional<TimePoint> end, const Grid& grid, TimePoint now, Straddle straddle) {
  Window window;
  if (!end || *end >= now) {
    const auto closed = grid.open_of(now);  // every bar that opened before this one has ended
    window.to_now = true;
    window.stated = TimeRange::of(begin, closed);
    window.bars = grid.whole_bars(window.stated);
    return window;
  }
  window.stated = TimeRange::of(begin, *end);
  const auto last = grid.open_of(*end);
  if (last != *end && last >= begin) {
    const auto close = grid.close_of(last);
    if (straddle == Straddle::keep && close <= now)
      window.stated = TimeRange::of(begin, close);
    else
      window.straddling = last;
  }
  window.bars = grid.whole_bars(window.stated);
  return window;
}

Window cut(const Window& window, TimePoint end) {
  Window shorter = window;
  shorter.stated = TimeRange::of(window.stated.begin(), std::min(window.stated.end(), end));
  shorter.bars = TimeRange::of(window.bars.begin(), std::min(window.bars.end(), end));
  return shorter;
}

}  // namespace tdm::query::detail
