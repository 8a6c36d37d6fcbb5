#pragma once

#include <vector>

#include "tdm/core/timeframe.hpp"     // Timeframe
#include "tdm/sources/connector.hpp"  // PageRequest

namespace tdm::sources {

// The pages of a range, oldest first. Boundaries stand at every `rows`-th bar since the epoch whatever the range is, so
// that overlapping requests share pages; the first and the last page are clipped to the range: only what was asked for
// is fetched.
std::vector<PageRequest> grid_pages(Timeframe timeframe, TimeRange range, int rows);

}  // namespace tdm::sources
