#include "tdm/query/detail/account.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "tdm/query/detail/gaps.hpp"  // touching, unrecorded, ranges_of

namespace tdm::query::detail {
namespace {

// What a caller should hear of first when a bar lacks parts for several reasons.
int weight(const Gap& gap) {
  if (is_excused(gap)) return 0;
  if (!gap.accepted_reason.empty()) return 1;
  switch (gap.cause) {
    case GapCause::not_listed: return 2;
    case GapCause::exchange_outage:
    case GapCause::no_trades: return 3;
    case GapCause::upstream_missing: return 4;
    case GapCause::our_disconnect: return 5;
    case GapCause::low_quality:
    case GapCause::unknown: return 6;
  }
  std::abort();  // not a cause at all: memory is corrupt
}

// A run of bars and the gap of their parts that speaks for them.
struct Run {
  TimeRange bars;
  const Gap* gap;
};

// Gaps do not overlap, so neighbours share one bar at most.
std::vector<Run> runs_of(const Grid& grid, const std::vector<Gap>& parts) {
  std::vector<Run> runs;
  for (const auto& gap : parts) {
    auto bars = TimeRange::of(grid.open_of(gap.range.begin()), grid.ceil(gap.range.end()));
    if (!runs.empty() && bars.begin() < runs.back().bars.end()) {
      auto& last = runs.back();
      if (weight(gap) <= weight(*last.gap)) {
        bars = TimeRange::of(last.bars.end(), std::max(last.bars.end(), bars.end()));
      } else {
        last.bars = TimeRange::of(last.bars.begin(), std::max(last.bars.begin(), bars.begin()));
        if (last.bars.empty()) runs.pop_back();
      }
    }
    if (!bars.empty()) runs.push_back({bars, &gap});
  }
  return runs;
}

// Bars all of whose parts lie in the hole that holds `at`.
TimeRange hollow_bars(const Grid& grid, const std::vector<TimeRange>& holes, TimePoint at) {
  const auto hole = std::prev(std::ranges::upper_bound(holes, at, {}, &TimeRange::begin));
  return grid.whole_bars(*hole);
}

Gap gap_of_run(const Series& series, const Grid& grid, const Run& run) {
  Gap gap = *run.gap;
  const auto absent = fmt::format("{} absent bar{} of {}", gap.bars, gap.bars == 1 ? "" : "s", gap.series.text());
  gap.evidence = gap.evidence.empty() ? absent : fmt::format("{}: {}", absent, gap.evidence);
  gap.series = series;
  gap.range = run.bars;
  gap.bars = grid.count(run.bars);
  return gap;
}

}  // namespace

bool is_excused(const Gap& gap) {
  return gap.state == GapState::accounted &&
         (gap.cause == GapCause::exchange_outage || gap.cause == GapCause::no_trades);
}

std::vector<Gap> gaps_of_groups(const Series& series, const Grid& grid, const std::vector<Gap>& parts) {
  const auto holes = merge(ranges_of(parts));
  std::vector<Gap> gaps;
  for (auto run : runs_of(grid, parts)) {
    if (is_excused(*run.gap)) run.bars = run.bars.intersect(hollow_bars(grid, holes, run.gap->range.begin()));
    if (!run.bars.empty()) gaps.push_back(gap_of_run(series, grid, run));
  }
  return gaps;
}

std::vector<Gap> Account::on_grid(std::vector<Gap> gaps) const {
  std::ranges::stable_sort(gaps, {}, [](const Gap& gap) { return gap.range.begin(); });
  return derived() ? gaps_of_groups(series_, grid_, gaps) : gaps;
}

std::vector<Gap> Account::recorded_gaps(TimeRange bars) const { return on_grid(touching(manifest_.gaps, bars)); }

std::vector<Gap> Account::gaps(TimeRange bars) const {
  auto gaps = touching(manifest_.gaps, bars);
  const auto& stored = manifest_.series;
  for (const auto range : subtract(bars, manifest_.looked))
    gaps.push_back(unrecorded(stored, stored.timeframe, range, GapCause::unknown, "not fetched"));
  return on_grid(std::move(gaps));
}

std::vector<TimeRange> Account::tail(TimeRange bars) const {
  std::vector<TimeRange> ranges;
  for (const auto time : manifest_.tail.open_time) {
    if (!bars.contains(time)) continue;
    const auto open_time = grid_.open_of(time);
    ranges.push_back(TimeRange::of(open_time, grid_.close_of(open_time)));
  }
  return merge(std::move(ranges));
}

std::vector<TimeRange> Account::excused(TimeRange bars) const {
  std::vector<TimeRange> ranges;
  for (const auto& gap : touching(manifest_.gaps, bars))
    if (is_excused(gap)) ranges.push_back(gap.range);
  return merge(std::move(ranges));
}

std::int64_t Account::settled_bars(TimeRange bars) const {
  auto open = subtract(bars, manifest_.looked);
  for (const auto& gap : touching(manifest_.gaps, bars)) {
    if (gap.state == GapState::open) {
      open.push_back(gap.range.intersect(bars));
    } else if (derived() && gap.cause == GapCause::not_listed) {
      // The exchange has a bar of the time that the listing began in; parts of before it there are none.
      if (const auto end = gap.range.end(); grid_.open_of(end) != end)
        open.push_back(TimeRange::of(grid_.open_of(end), end).intersect(bars));
    } else if (derived() && !is_excused(gap)) {
      open.push_back(gap.range.intersect(bars));
    }
  }
  std::vector<TimeRange> unsettled;
  for (const auto range : open)
    if (!range.empty()) unsettled.push_back(TimeRange::of(grid_.open_of(range.begin()), grid_.ceil(range.end())));
  return bars_outside(grid_, bars, std::move(unsettled));
}

}  // namespace tdm::query::detail
