#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/instrument.hpp"    // Series
#include "tdm/core/timeframe.hpp"     // Timeframe
#include "tdm/net/http_client.hpp"    // Url
#include "tdm/sources/connector.hpp"  // MarketTraits, PageRequest, ConnectorOptions

// Binance's words for ours: markets, hosts, paths, weights, request targets. Pure.
namespace tdm::sources::binance {

inline constexpr std::string_view kExchange = "binance";
inline constexpr std::string_view kArchiveUrl = "https://data.binance.vision";

// Markets that share one weight count: Binance counts fapi and dapi together since 2026-06-30.
enum class Pool : std::uint8_t { spot, futures };

struct MarketFacts {
  std::string_view name;  // spot | usdm | coinm
  std::string_view prefix;
  std::string_view host;      // the public one
  std::string_view test_net;  // the exchange's own test network
  Pool pool;
  int page_limit;         // most rows of one kline answer
  int info_weight;        // of exchangeInfo
  bool counts_contracts;  // volumes are contracts of so many USD, the base volume stands in another column
};
const std::array<MarketFacts, 3>& market_facts();
const MarketFacts* find_facts(std::string_view market);
const std::vector<MarketTraits>& market_traits();

// Weight that a pool has in a minute until exchangeInfo says otherwise.
double default_quota(Pool pool);

// mainnet | testnet | the host itself, which is what a custom base_url names.
std::string origin_of(std::string_view host);

// Where each market is asked, and the origin of all of them. Without a base_url: the public hosts. A base_url of one of
// Binance's own networks is one market's host and stands for that network: the others get theirs. Any other base_url
// serves all three under its path. `markets.<market>.base_url` wins.
struct Hosts {
  std::map<std::string, net::Url, std::less<>> by_market;
  std::string origin;
};
Result<Hosts> resolve_hosts(const ConnectorOptions& options);

// What a kline request weighs. Spot's is flat; on futures it follows the limit that is sent, not the rows that come.
int kline_weight(const MarketFacts& market, int limit);
// The page size that brings the most bars: 499 where the weight is what limits, more where the number of requests is.
// `permitted_rate`: requests of that weight per second.
int best_page_rows(const MarketFacts& market, const std::function<double(int weight)>& permitted_rate);
// coinm answers at most 200 days at once.
int page_rows(const MarketFacts& market, Timeframe timeframe, int best);
int limit_of(const MarketFacts& market, Timeframe timeframe, TimeRange range);

// The endpoint of a kind of prices, and the kind that a path asks for ("/fapi/v1/markPriceKlines"; nothing for paths of
// other things).
std::string_view kline_endpoint(PriceKind kind);
std::optional<PriceKind> price_kind_of(std::string_view path);

// What the contracts on one index share: the symbol without its suffix, BTCUSD of BTCUSD_PERP.
std::string_view pair_of(std::string_view symbol);

// Both bounds are compared with the open time and included; both are always sent: with one alone, coinm gives the
// newest rows of another window. An index is asked for by its pair, the other kinds by symbol.
std::string kline_target(const MarketFacts& market, const Series& series, const PageRequest& request);
std::string info_target(const MarketFacts& market);
std::string time_target(const MarketFacts& market);

// The market whose paths begin like this one: "/fapi/v1/klines" is usdm. Nothing when none does.
const MarketFacts* market_of_path(std::string_view path);

}  // namespace tdm::sources::binance
