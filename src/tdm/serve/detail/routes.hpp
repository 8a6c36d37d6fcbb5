#pragma once

#include <memory>
#include <stop_token>
#include <vector>

#include "tdm/query/market_data.hpp"   // MarketData
#include "tdm/serve/detail/jobs.hpp"   // Jobs
#include "tdm/serve/detail/route.hpp"  // Route
#include "tdm/serve/serve.hpp"         // ApiOptions

namespace tdm::serve {

// The table of the public API: what /openapi.json describes. `stop` ends calls that wait when the server stops.
std::vector<Route> public_routes(std::shared_ptr<query::MarketData> data, std::shared_ptr<Jobs> jobs,
                                 const ApiOptions& options, std::stop_token stop);

}  // namespace tdm::serve
