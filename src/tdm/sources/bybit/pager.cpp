#include "tdm/sources/bybit/detail/pager.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tdm/sources/bybit/detail/protocol.hpp"  // kPageRows

namespace tdm::sources::bybit {
namespace {

// Bars between the first grid point of 1970 and `open_time`, which is on the grid.
std::int64_t bar_index(Timeframe timeframe, TimePoint anchor, TimePoint open_time) {
  return open_time >= anchor ? timeframe.count(TimeRange::of(anchor, open_time))
                             : -timeframe.count(TimeRange::of(open_time, anchor));
}

std::int64_t floor_divide(std::int64_t value, std::int64_t by) { return value / by - (value % by < 0 ? 1 : 0); }

}  // namespace

std::vector<PageRequest> pages_of(Timeframe timeframe, TimeRange range) {
  std::vector<PageRequest> pages;
  const auto anchor = timeframe.ceil(TimePoint{});
  const auto end = timeframe.ceil(range.end());
  auto begin = timeframe.ceil(range.begin());
  auto number = floor_divide(bar_index(timeframe, anchor, begin), kPageRows);
  while (begin < end) {
    const auto boundary = timeframe.advance(anchor, ++number * kPageRows);
    const auto stop = std::min(boundary, end);
    pages.push_back({TimeRange::of(begin, stop)});
    begin = stop;
  }
  return pages;
}

Result<void> CursorPager::consume(std::size_t rows, std::string_view next_cursor) {
  ++pages_;
  if (rows == 0 || next_cursor.empty() || seen_.contains(next_cursor)) {
    finished_ = true;
    return {};
  }
  if (pages_ >= kMaxPages)
    return fail(ErrorCode::corrupt_data, fmt::format("the list does not end after {} pages", kMaxPages));
  const auto visible = [](char c) { return c > ' ' && c < '\x7f' && c != '#'; };
  if (!std::ranges::all_of(next_cursor, visible))
    return fail(ErrorCode::corrupt_data, "nextPageCursor holds characters that cannot stand in a URL");
  seen_.emplace(next_cursor);
  cursor_ = next_cursor;
  return {};
}

}  // namespace tdm::sources::bybit
