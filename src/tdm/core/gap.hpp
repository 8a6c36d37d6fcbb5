#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/instrument.hpp"  // Series

namespace tdm {

// Why expected bars are absent. Every cause but `unknown` names its evidence. `low_quality` is in no ledger: a read
// makes it for a day below the caller's min_quality, so that on_gap decides about it.
enum class GapCause : std::uint8_t {
  exchange_outage,
  no_trades,
  our_disconnect,
  upstream_missing,
  not_listed,
  unknown,
  low_quality
};
std::string_view to_string(GapCause cause);
Result<GapCause> parse_gap_cause(std::string_view text);

// open: may still be cured. accounted: explained, no retry. closed: the bars came after all.
enum class GapState : std::uint8_t { open, accounted, closed };
std::string_view to_string(GapState state);
Result<GapState> parse_gap_state(std::string_view text);

// Expected bars that are absent: [range.begin, range.end) on the series' grid.
struct Gap {
  std::int64_t id = 0;  // given by the store; 0 before
  Series series;
  TimeRange range{};
  std::int64_t bars = 0;
  GapCause cause = GapCause::unknown;
  std::string evidence{};
  GapState state = GapState::open;
  TimePoint first_look{};
  TimePoint last_look{};
  int looks = 0;
  std::string accepted_reason{};  // given by a person (tdm gaps accept); empty = not accepted
  bool operator==(const Gap&) const = default;
};

// A hole is not asked for again within this time of its last look.
inline constexpr std::chrono::hours kGapRetry{1};

// Parts of `wanted` that `held` does not cover. `held` in any order, may overlap.
std::vector<TimeRange> subtract(TimeRange wanted, std::vector<TimeRange> held);
// Sorted, merged where they touch.
std::vector<TimeRange> merge(std::vector<TimeRange> ranges);
// The parts of `ranges` that lie inside `within`, merged.
std::vector<TimeRange> intersect(const std::vector<TimeRange>& ranges, const std::vector<TimeRange>& within);
// The parts of `ranges` that `held` does not cover, merged.
std::vector<TimeRange> subtract_all(const std::vector<TimeRange>& ranges, const std::vector<TimeRange>& held);

}  // namespace tdm
