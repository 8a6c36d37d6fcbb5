#include "tdm/sources/binance/detail/protocol.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

namespace tdm::sources::binance {
namespace {

// Other names of the public spot host.
constexpr std::array<std::string_view, 6> kSpotMirrors{"api-gcp.binance.com", "api1.binance.com",
                                                       "api2.binance.com",    "api3.binance.com",
                                                       "api4.binance.com",    "data-api.binance.vision"};

constexpr std::chrono::days kCoinmSpan{200};

std::string default_url(std::string_view host) { return fmt::format("https://{}", host); }

bool is_mainnet(std::string_view host) {
  return std::ranges::find(market_facts(), host, &MarketFacts::host) != market_facts().end() ||
         std::ranges::find(kSpotMirrors, host) != kSpotMirrors.end();
}

bool is_test_net(std::string_view host) {
  return std::ranges::find(market_facts(), host, &MarketFacts::test_net) != market_facts().end();
}

// Whether this host of one of Binance's networks serves the market.
bool serves(std::string_view host, const MarketFacts& market) {
  if (host == market.host || host == market.test_net) return true;
  return market.pool == Pool::spot && std::ranges::find(kSpotMirrors, host) != kSpotMirrors.end();
}

std::string url_of(const MarketFacts& market, const std::string& base_url, std::string_view base_host) {
  if (base_url.empty()) return default_url(market.host);
  if (is_mainnet(base_host)) return serves(base_host, market) ? base_url : default_url(market.host);
  if (is_test_net(base_host)) return serves(base_host, market) ? base_url : default_url(market.test_net);
  return base_url;
}

// No exchange had bars before 1970.
std::int64_t wire_ms(TimePoint time) { return std::max<std::int64_t>(0, to_ms(time)); }

MarketTraits make_traits(std::string_view name) {
  MarketTraits traits;
  traits.name = name;
  traits.native.assign(Timeframe::all().begin(), Timeframe::all().end());
  traits.price_kinds = {PriceKind::last};
  if (name != "spot") traits.price_kinds = {PriceKind::last, PriceKind::mark, PriceKind::index, PriceKind::premium};
  traits.open_rule = "first_trade";
  traits.has_trade_count = true;
  traits.has_quote_volume = true;
  return traits;
}

}  // namespace

const std::array<MarketFacts, 3>& market_facts() {
  static constexpr std::array<MarketFacts, 3> kMarkets{
      {{"spot", "/api/v3", "api.binance.com", "testnet.binance.vision", Pool::spot, 1'000, 20, false},
       {"usdm", "/fapi/v1", "fapi.binance.com", "testnet.binancefuture.com", Pool::futures, 1'500, 1, false},
       {"coinm", "/dapi/v1", "dapi.binance.com", "testnet.binancefuture.com", Pool::futures, 1'500, 1, true}}};
  return kMarkets;
}

const MarketFacts* find_facts(std::string_view market) {
  const auto* const found = std::ranges::find(market_facts(), market, &MarketFacts::name);
  return found == market_facts().end() ? nullptr : found;
}

const std::vector<MarketTraits>& market_traits() {
  static const std::vector<MarketTraits> traits{make_traits("spot"), make_traits("usdm"), make_traits("coinm")};
  return traits;
}

double default_quota(Pool pool) { return pool == Pool::spot ? 6'000 : 2'400; }

std::string origin_of(std::string_view host) {
  if (is_mainnet(host)) return "mainnet";
  if (is_test_net(host)) return "testnet";
  return std::string{host};
}

Result<Hosts> resolve_hosts(const ConnectorOptions& options) {
  constexpr std::string_view kParameter = "exchange_clients.binance.base_url";
  std::string base_host;
  if (!options.base_url.empty()) {
    const auto base = net::Url::parse(options.base_url, kParameter);
    if (!base) return std::unexpected{base.error()};
    base_host = base->host;
  }
  Hosts hosts;
  hosts.origin = base_host.empty() ? "mainnet" : origin_of(base_host);
  for (const auto& market : market_facts()) {
    auto url = net::Url::parse(url_of(market, options.base_url, base_host), kParameter);
    if (!url) return std::unexpected{std::move(url).error()};
    hosts.by_market.emplace(market.name, *std::move(url));
  }
  for (const auto& [market, text] : options.market_base_urls) {
    const auto parameter = fmt::format("exchange_clients.binance.markets.{}.base_url", market);
    const auto known = hosts.by_market.find(market);
    if (known == hosts.by_market.end())
      return fail(ErrorCode::invalid_argument, fmt::format("binance has no market '{}'", market), parameter,
                  {"spot", "usdm", "coinm"});
    auto url = net::Url::parse(text, parameter);
    if (!url) return std::unexpected{std::move(url).error()};
    known->second = *std::move(url);
  }
  if (options.market_base_urls.size() == hosts.by_market.size())
    hosts.origin = origin_of(hosts.by_market.begin()->second.host);
  for (const auto& [market, url] : hosts.by_market)
    if (const auto origin = origin_of(url.host); origin != hosts.origin)
      return fail(ErrorCode::invalid_argument,
                  fmt::format("the market {} is asked at {} and base_url is {}: one store holds one origin", market,
                              origin, hosts.origin),
                  fmt::format("exchange_clients.binance.markets.{}.base_url", market));
  return hosts;
}

int kline_weight(const MarketFacts& market, int limit) {
  if (market.pool == Pool::spot) return 2;
  if (limit < 100) return 1;
  if (limit < 500) return 2;
  return limit <= 1'000 ? 5 : 10;
}

int best_page_rows(const MarketFacts& market, const std::function<double(int weight)>& permitted_rate) {
  if (market.pool == Pool::spot) return market.page_limit;
  int best = 1;
  double most = 0;
  for (const int rows : {99, 499, 1'000, 1'500}) {  // the largest of each weight
    const double bars = rows * permitted_rate(kline_weight(market, rows));
    if (bars > most) {
      most = bars;
      best = rows;
    }
  }
  return best;
}

int page_rows(const MarketFacts& market, Timeframe timeframe, int best) {
  if (market.name != "coinm") return best;
  const auto longest = timeframe.is_month() ? std::chrono::minutes{std::chrono::days{31}} : timeframe.nominal_length();
  return std::max(1, static_cast<int>(std::min<std::int64_t>(best, kCoinmSpan / longest)));
}

int limit_of(const MarketFacts& market, Timeframe timeframe, TimeRange range) {
  return static_cast<int>(std::clamp<std::int64_t>(timeframe.count(range), 1, market.page_limit));
}

std::string_view kline_endpoint(PriceKind kind) {
  switch (kind) {
    case PriceKind::last: return "klines";
    case PriceKind::mark: return "markPriceKlines";
    case PriceKind::index: return "indexPriceKlines";
    case PriceKind::premium: return "premiumIndexKlines";
  }
  std::abort();  // not a price kind at all: memory is corrupt
}

std::optional<PriceKind> price_kind_of(std::string_view path) {
  for (const auto kind : {PriceKind::last, PriceKind::mark, PriceKind::index, PriceKind::premium})
    if (path.substr(path.rfind('/') + 1) == kline_endpoint(kind)) return kind;
  return std::nullopt;
}

std::string_view pair_of(std::string_view symbol) { return symbol.substr(0, symbol.rfind('_')); }

std::string kline_target(const MarketFacts& market, const Series& series, const PageRequest& request) {
  const auto& symbol = series.instrument.symbol.text();
  const bool by_pair = series.price_kind == PriceKind::index;
  return fmt::format(
      "{}/{}?{}={}&interval={}&startTime={}&endTime={}&limit={}", market.prefix, kline_endpoint(series.price_kind),
      by_pair ? "pair" : "symbol", net::percent_encode(by_pair ? pair_of(symbol) : symbol), series.timeframe.name(),
      wire_ms(series.timeframe.ceil(request.range.begin())),
      wire_ms(request.range.end() - std::chrono::milliseconds{1}), limit_of(market, series.timeframe, request.range));
}

std::string info_target(const MarketFacts& market) {
  // The permission sets are most of spot's answer and say nothing to us.
  return fmt::format("{}/exchangeInfo{}", market.prefix, market.pool == Pool::spot ? "?showPermissionSets=false" : "");
}

std::string time_target(const MarketFacts& market) { return fmt::format("{}/time", market.prefix); }

const MarketFacts* market_of_path(std::string_view path) {
  for (const auto& market : market_facts())
    if (path.contains(market.prefix)) return &market;
  return nullptr;
}

}  // namespace tdm::sources::binance
