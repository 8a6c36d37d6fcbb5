#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/error.hpp"         // Result
#include "tdm/core/timeframe.hpp"     // Timeframe
#include "tdm/sources/connector.hpp"  // PageRequest

namespace tdm::sources::bybit {

// The pages of a range, oldest first. Boundaries stand at every 1000th bar since the epoch whatever the range is, so
// that overlapping requests share pages; the first and the last page are clipped to the range: only what was asked for
// is fetched.
std::vector<PageRequest> pages_of(Timeframe timeframe, TimeRange range);

// Walks the pages of one instruments list: says which cursor is next and when the list has ended. Ends at an empty or
// absent cursor, at an empty page and at a cursor that was seen before; fails on a cursor that cannot stand in a URL
// and after kMaxPages.
class CursorPager {
 public:
  static constexpr int kMaxPages = 200;

  const std::string& cursor() const { return cursor_; }  // of the page to ask for now, empty for the first
  bool finished() const { return finished_; }
  Result<void> consume(std::size_t rows, std::string_view next_cursor);

 private:
  std::string cursor_;
  std::set<std::string, std::less<>> seen_;
  int pages_ = 0;
  bool finished_ = false;
};

}  // namespace tdm::sources::bybit
