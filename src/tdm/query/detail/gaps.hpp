#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "tdm/core/gap.hpp"           // Gap
#include "tdm/query/detail/grid.hpp"  // Grid
#include "tdm/query/market_data.hpp"  // OnGap

// What an answer lacks, and what its caller wants done about that. Pure.
namespace tdm::query::detail {

// The gaps of the ledger that touch the range, by begin. `ledger` holds open and accounted ones.
std::vector<Gap> touching(const std::vector<Gap>& ledger, TimeRange range);

// Bars that are absent for a reason the ledger does not hold, as a gap of an answer: id 0, no looks.
Gap unrecorded(const Series& series, const Grid& grid, TimeRange range, GapCause cause, std::string_view evidence);

// The bars of the range that no open time of `times` (sorted) stands for.
std::vector<TimeRange> absent(std::span<const TimePoint> times, const Grid& grid, TimeRange range);

// The ranges of gaps, for arithmetic.
std::vector<TimeRange> ranges_of(const std::vector<Gap>& gaps);

// Bars of the range that the ranges do not cover.
std::int64_t bars_outside(const Grid& grid, TimeRange range, std::vector<TimeRange> ranges);

// One gap of cause low_quality for each UTC day (or bar, where bars are longer) of which a smaller share than `least`
// is there. Bars before the listing, accepted gaps and `withheld` ones are not counted as missing.
std::vector<Gap> low_quality_days(const Series& series, const Grid& grid, TimeRange range,
                                  std::span<const TimePoint> times, const std::vector<Gap>& gaps,
                                  const std::vector<TimeRange>& withheld, double least);

enum class Verdict : std::uint8_t { silent, warn, raise };
Verdict verdict(const Gap& gap, OnGap on_gap);

// incomplete_data naming range, cause and the ways on. `raising` is not empty.
Error incomplete(const Series& series, TimeRange range, const std::vector<Gap>& raising);

}  // namespace tdm::query::detail
