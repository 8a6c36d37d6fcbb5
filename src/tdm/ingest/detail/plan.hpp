#pragma once

#include "tdm/ingest/ingest.hpp"  // Plan

namespace tdm::ingest::detail {

// What of `range` must be asked for at exchange time `now`, oldest first: bars that have ended and were never looked
// at, open gaps that may be asked for again, provisional bars that are old enough to be proven.
std::vector<TimeRange> missing_of(const Series& series, TimeRange range, const store::Manifest* manifest,
                                  std::chrono::seconds settle, TimePoint now);

// The whole bars of `range` that have ended at `now`.
TimeRange ended_bars(Timeframe timeframe, TimeRange range, TimePoint now);

// Settle time of a series: as configured for its market, else as the connector states it.
std::chrono::seconds settle_of(const sources::MarketTraits& traits, Timeframe timeframe,
                               const std::map<std::string, double>& configured);

std::int64_t count_bars(Timeframe timeframe, const std::vector<TimeRange>& ranges);

}  // namespace tdm::ingest::detail
