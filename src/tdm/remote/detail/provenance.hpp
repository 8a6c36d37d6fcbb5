#pragma once

#include "tdm/query/market_data.hpp"  // Provenance

namespace tdm::remote {

// The provenance of a whole answer from those of its pages, oldest first. What holds for the range is the same in each;
// rows, sources and fetched bars are sums; gaps that only one page knows (a day of low quality) are added.
void join(query::Provenance& whole, const query::Provenance& page);

Result<Series> series_of(const query::Provenance& provenance);

}  // namespace tdm::remote
