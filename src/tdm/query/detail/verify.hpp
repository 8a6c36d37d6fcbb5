#pragma once

#include "tdm/query/market_data.hpp"  // CheckReport
#include "tdm/store/store.hpp"        // Store

namespace tdm::query::detail {

// Holds what is stored of one series against what is said of it: segments against their hashes and counts, rows against
// the grid, the order, the watermark, the looked-at ranges and the gaps. Changes nothing, asks no exchange. An error is
// a failure to look; what was found wrong stands in the report.
Result<CheckReport> verify(const store::Store& store, const Series& series);

}  // namespace tdm::query::detail
