#include "tdm/query/detail/range.hpp"

#include <algorithm>

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

Window settle(TimePoint begin, std::optional<TimePoint> end, Timeframe timeframe, TimePoint now, Straddle straddle) {
  Window window;
  if (!end || *end >= now) {
    const auto closed = timeframe.open_of(now);  // every bar that opened before this one has ended
    window.to_now = true;
    window.stated = TimeRange::of(begin, closed);
    window.bars = timeframe.whole_bars(window.stated);
    return window;
  }
  window.stated = TimeRange::of(begin, *end);
  const auto last = timeframe.open_of(*end);
  if (last != *end && last >= begin) {
    const auto close = timeframe.close_of(last);
    if (straddle == Straddle::keep && close <= now)
      window.stated = TimeRange::of(begin, close);
    else
      window.straddling = last;
  }
  window.bars = timeframe.whole_bars(window.stated);
  return window;
}

Window cut(const Window& window, TimePoint end) {
  Window shorter = window;
  shorter.stated = TimeRange::of(window.stated.begin(), std::min(window.stated.end(), end));
  shorter.bars = TimeRange::of(window.bars.begin(), std::min(window.bars.end(), end));
  return shorter;
}

}  // namespace tdm::query::detail
