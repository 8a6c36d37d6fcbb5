#pragma once

#include <map>
#include <memory>
#include <string>

#include "tdm/core/clock.hpp"
#include "tdm/ingest/ingest.hpp"      // Filler, Connectors
#include "tdm/query/market_data.hpp"  // MarketData
#include "tdm/store/store.hpp"        // Store

namespace tdm::query {

struct EngineOptions {
  std::map<std::string, std::string> default_market{};  // by exchange, overrides the connector's
  std::int64_t read_through_bars = 2'000'000;
  std::int64_t page_rows = 100'000;  // the largest `limit` of a read
  // A filled answer has a row for every bar of the grid: of eleven years of minutes at most.
  std::int64_t filled_rows = 6'000'000;
  std::string version{}, environment{};
  std::vector<std::string> exchanges{}, backends{};
  std::vector<std::pair<std::string, std::string>> (*parse_alias)(std::string_view exchange,
                                                                  std::string_view alias) = nullptr;
};

// Reads the store, asks the filler for what it lacks. `connectors` are consulted for traits and plans, never for data.
std::shared_ptr<MarketData> make_engine(std::shared_ptr<store::Store> store, std::shared_ptr<ingest::Filler> filler,
                                        ingest::Connectors connectors, const Clock& clock, EngineOptions options);

}  // namespace tdm::query
