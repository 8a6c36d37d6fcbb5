#include "tdm/sources/deribit/detail/protocol.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "tdm/net/http_client.hpp"  // percent_encode

namespace tdm::sources::deribit {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

constexpr std::array<Pair, 6> kResolutions{
    {{"1m", "1"}, {"3m", "3"}, {"5m", "5"}, {"15m", "15"}, {"30m", "30"}, {"1h", "60"}}};

constexpr std::array<std::string_view, 1> kSpotKinds{"spot"};
constexpr std::array<std::string_view, 2> kFutureKinds{"future", "future_combo"};
constexpr std::array<std::string_view, 2> kOptionKinds{"option", "option_combo"};
constexpr std::array<std::string_view, 3> kMarkets{"spot", "future", "option"};
constexpr std::array<std::string_view, 6> kSettlementGroups{"BTC", "ETH", "SOL", "USDC", "USDT", "EURR"};

// The gateways serve the main exchange's data.
constexpr std::array<std::string_view, 4> kMainnetHosts{"www.deribit.com", "deribit.com", "history.deribit.com",
                                                        "drb.coinbase.com"};
constexpr std::string_view kTestnetHost = "test.deribit.com";

MarketTraits make_traits(std::string_view name) {
  MarketTraits traits;
  traits.name = name;
  for (const auto timeframe : Timeframe::all())
    if (resolution_of(timeframe)) traits.native.push_back(timeframe);
  traits.price_kinds = {PriceKind::last};
  traits.open_rule = "first_trade";
  traits.has_quote_volume = true;
  return traits;
}

// No exchange had bars before 1970.
std::int64_t wire_ms(TimePoint time) { return std::max<std::int64_t>(0, to_ms(time)); }

}  // namespace

std::optional<std::string_view> resolution_of(Timeframe timeframe) {
  const auto found = std::ranges::find(kResolutions, timeframe.name(), &Pair::first);
  return found == kResolutions.end() ? std::nullopt : std::optional{found->second};
}

std::optional<Timeframe> timeframe_of(std::string_view resolution) {
  const auto found = std::ranges::find(kResolutions, resolution, &Pair::second);
  if (found == kResolutions.end()) return std::nullopt;
  const auto timeframe = Timeframe::parse(found->first);
  return timeframe ? std::optional{*timeframe} : std::nullopt;
}

const std::vector<MarketTraits>& market_traits() {
  static const std::vector<MarketTraits> traits = [] {
    std::vector<MarketTraits> all;
    for (const auto market : kMarkets) all.push_back(make_traits(market));
    return all;
  }();
  return traits;
}

std::span<const std::string_view> kinds_of(std::string_view market) {
  if (market == "spot") return kSpotKinds;
  if (market == "future") return kFutureKinds;
  if (market == "option") return kOptionKinds;
  return {};
}

std::string_view market_of_kind(std::string_view kind) {
  for (const auto market : kMarkets)
    if (std::ranges::find(kinds_of(market), kind) != kinds_of(market).end()) return market;
  return {};
}

bool is_combo(std::string_view symbol) {
  const auto dash = symbol.find('-');
  if (dash == std::string_view::npos) return false;
  const auto second = symbol.substr(dash + 1, symbol.find('-', dash + 1) - dash - 1);
  return second != "PERPETUAL" && !second.empty() && second.front() >= 'A' && second.front() <= 'Z';
}

std::string origin_of(std::string_view host) {
  if (std::ranges::find(kMainnetHosts, host) != kMainnetHosts.end()) return "mainnet";
  if (host == kTestnetHost) return "testnet";
  return std::string{host};
}

std::string chart_target(const Series& series, const PageRequest& request) {
  const auto last_open = series.timeframe.open_of(request.range.end() - Micros{1});
  return fmt::format(
      "/api/v2/public/get_tradingview_chart_data?instrument_name={}&start_timestamp={}&end_timestamp={}&resolution={}",
      net::percent_encode(series.instrument.symbol.text()), wire_ms(series.timeframe.ceil(request.range.begin())),
      wire_ms(last_open), resolution_of(series.timeframe).value_or(""));
}

std::string instruments_target(std::string_view kind, std::string_view currency, bool expired) {
  return fmt::format("/api/v2/public/get_instruments?currency={}&kind={}&expired={}", currency, kind, expired);
}

std::span<const std::string_view> settlement_groups() { return kSettlementGroups; }

}  // namespace tdm::sources::deribit
