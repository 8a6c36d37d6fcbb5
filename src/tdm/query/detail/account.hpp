#pragma once

#include <vector>

#include "tdm/core/gap.hpp"           // Gap
#include "tdm/query/detail/grid.hpp"  // Grid
#include "tdm/store/store.hpp"        // Manifest

// What a manifest says of the bars of an answer, whether they are its own or made of its. Pure.
namespace tdm::query::detail {

// Parts that need not be there for a bar to be whole: the exchange stood still or nothing was traded, and that is
// settled.
bool is_excused(const Gap& gap);

// The gaps of a derived series that gaps of its parts make: each bar that has a part in one that is not excused, and
// each bar all of whose parts are absent. What the ledger knows of a part's gap (cause, state, looks, reason) holds for
// the bar's; a bar with several reasons has the one that can still be cured, else the heaviest. `parts` is by begin.
std::vector<Gap> gaps_of_groups(const Series& series, const Grid& grid, const std::vector<Gap>& parts);

// `series` is what was asked for on `grid`; it is derived when the manifest is of another timeframe.
class Account {
 public:
  Account(const Series& series, const Grid& grid, const store::Manifest& manifest)
      : series_{series}, grid_{grid}, manifest_{manifest} {}

  bool derived() const { return manifest_.series.timeframe != series_.timeframe; }

  // Gaps of the ledger that touch the bars, by begin.
  std::vector<Gap> recorded_gaps(TimeRange bars) const;
  // These and what was never looked at.
  std::vector<Gap> gaps(TimeRange bars) const;
  // Bars of the range that are provisional, merged.
  std::vector<TimeRange> tail(TimeRange bars) const;
  // Absent parts that hinder nothing, merged.
  std::vector<TimeRange> excused(TimeRange bars) const;
  // Bars of the range that are held or settled: nobody could have more of them.
  std::int64_t settled_bars(TimeRange bars) const;

 private:
  std::vector<Gap> on_grid(std::vector<Gap> gaps) const;

  const Series& series_;
  const Grid& grid_;
  const store::Manifest& manifest_;
};

}  // namespace tdm::query::detail
