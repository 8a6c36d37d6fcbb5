#include "tdm/sources/bybit/detail/pager.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tdm::sources::bybit {
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
