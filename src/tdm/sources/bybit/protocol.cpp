#include "tdm/sources/bybit/detail/protocol.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "tdm/net/http_client.hpp"  // percent_encode

namespace tdm::sources::bybit {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

constexpr std::array<Pair, 13> kIntervals{{{"1m", "1"},
                                           {"3m", "3"},
                                           {"5m", "5"},
                                           {"15m", "15"},
                                           {"30m", "30"},
                                           {"1h", "60"},
                                           {"2h", "120"},
                                           {"4h", "240"},
                                           {"6h", "360"},
                                           {"12h", "720"},
                                           {"1d", "D"},
                                           {"1w", "W"},
                                           {"1M", "M"}}};

// Country hosts serve the main exchange's data.
constexpr std::array<std::string_view, 10> kMainnetHosts{
    "api.bybit.com", "api.bytick.com", "api.bybit.nl", "api.bybit.tr",        "api.bybit.kz",
    "api.bybit.ae",  "api.bybit.eu",   "api.bybit.id", "api.bybitgeorgia.ge", "api.manepa.jp"};
constexpr std::string_view kTestnetHost = "api-testnet.bybit.com";

MarketTraits make_traits(std::string name, std::vector<PriceKind> kinds) {
  MarketTraits traits;
  traits.name = std::move(name);
  for (const auto timeframe : Timeframe::all())
    if (interval_of(timeframe)) traits.native.push_back(timeframe);
  traits.price_kinds = std::move(kinds);
  traits.open_rule = "previous_close";
  traits.has_quote_volume = true;
  return traits;
}

// No exchange had bars before 1970, and a negative time is a parameter error at Bybit.
std::int64_t wire_ms(TimePoint time) { return std::max<std::int64_t>(0, to_ms(time)); }

}  // namespace

std::optional<std::string_view> interval_of(Timeframe timeframe) {
  const auto found = std::ranges::find(kIntervals, timeframe.name(), &Pair::first);
  return found == kIntervals.end() ? std::nullopt : std::optional{found->second};
}

std::optional<Timeframe> timeframe_of(std::string_view interval) {
  const auto found = std::ranges::find(kIntervals, interval, &Pair::second);
  if (found == kIntervals.end()) return std::nullopt;
  const auto timeframe = Timeframe::parse(found->first);
  return timeframe ? std::optional{*timeframe} : std::nullopt;
}

const std::vector<MarketTraits>& market_traits() {
  static const std::vector<MarketTraits> traits{
      make_traits("spot", {PriceKind::last}),
      make_traits("linear", {PriceKind::last, PriceKind::mark, PriceKind::index, PriceKind::premium}),
      make_traits("inverse", {PriceKind::last, PriceKind::mark, PriceKind::index})};
  return traits;
}

std::string_view kline_path(PriceKind kind) {
  switch (kind) {
    case PriceKind::last: return "/v5/market/kline";
    case PriceKind::mark: return "/v5/market/mark-price-kline";
    case PriceKind::index: return "/v5/market/index-price-kline";
    case PriceKind::premium: return "/v5/market/premium-index-price-kline";
  }
  std::abort();  // not a price kind at all: memory is corrupt
}

std::optional<PriceKind> price_kind_of(std::string_view path) {
  for (const auto kind : {PriceKind::last, PriceKind::mark, PriceKind::index, PriceKind::premium})
    if (path.ends_with(kline_path(kind))) return kind;
  return std::nullopt;
}

std::string origin_of(std::string_view host) {
  if (std::ranges::find(kMainnetHosts, host) != kMainnetHosts.end()) return "mainnet";
  if (host == kTestnetHost) return "testnet";
  return std::string{host};
}

std::string kline_target(const Series& series, const PageRequest& request) {
  const auto last_open = series.timeframe.open_of(request.range.end() - Micros{1});
  return fmt::format("{}?category={}&symbol={}&interval={}&start={}&end={}&limit={}", kline_path(series.price_kind),
                     series.instrument.market.text(), net::percent_encode(series.instrument.symbol.text()),
                     interval_of(series.timeframe).value_or(""), wire_ms(series.timeframe.ceil(request.range.begin())),
                     wire_ms(last_open), kPageRows);
}

std::string instruments_target(std::string_view market, std::string_view status, std::string_view cursor) {
  auto target = fmt::format("/v5/market/instruments-info?category={}", market);
  if (!status.empty()) target += fmt::format("&status={}", status);
  if (market == "spot") return target;  // one answer holds everything; limit and cursor are ignored there
  target += fmt::format("&limit={}", kPageRows);
  if (!cursor.empty()) target += fmt::format("&cursor={}", cursor);
  return target;
}

}  // namespace tdm::sources::bybit
