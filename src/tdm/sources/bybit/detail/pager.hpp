#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "tdm/core/error.hpp"  // Result

namespace tdm::sources::bybit {

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
