#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/bar.hpp"           // Frame
#include "tdm/query/detail/grid.hpp"  // Grid

// Longer bars made of shorter ones. Pure.
namespace tdm::query::detail {

struct Derivation {
  Grid grid;       // of the bars to be made
  Timeframe part;  // of the bars they are made of; grid.is_made_of(part)
  // Parts that need not be there, because the ledger says that nothing was traded or the exchange stood still. Sorted,
  // merged.
  std::vector<TimeRange> excused{};
  // The column that is 0 in a part without a trade. Such a part has no first, highest or lowest price of its own, so it
  // is left out of open, high and low, unless no part has a trade. Empty: every part counts.
  std::string_view traded_by{};
};

// The columns that parts must have, so that `columns` can be made of them.
std::vector<std::string> columns_of_parts(const std::vector<std::string>& columns, const Derivation& derivation);

// One row for each bar of the grid of which every part is there or excused, and one at least is there: open_time, then
// `columns` (names of validated columns). Open is the first part's, close the last one's; volumes and counts are sums,
// exact in decimals and null where a part has none; a bar is as final as the least of its parts, known and available
// when the last of them was, and carries their flags. `parts` is sorted by open_time.
Frame derive(const Frame& parts, const std::vector<std::string>& columns, const Derivation& derivation);

}  // namespace tdm::query::detail
