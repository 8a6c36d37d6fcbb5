#include "tdm/sources/binance/detail/protocol.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "tdm/sources/binance/detail/alias.hpp"
#include "tdm/sources/binance/tests/support.hpp"
#include "tdm/sources/grid_pages.hpp"

namespace tdm::sources::binance {
namespace {

using testing::range_of;
using testing::series_of;

const MarketFacts& market(std::string_view name) { return *find_facts(name); }
Timeframe timeframe(std::string_view name) { return *Timeframe::parse(name); }

TEST(Weights, FollowTheLimitThatIsSent) {
  for (const auto& [limit, weight] : std::vector<std::pair<int, int>>{
           {1, 1}, {99, 1}, {100, 2}, {499, 2}, {500, 5}, {1'000, 5}, {1'001, 10}, {1'500, 10}}) {
    EXPECT_EQ(kline_weight(market("usdm"), limit), weight) << limit;
    EXPECT_EQ(kline_weight(market("coinm"), limit), weight) << limit;
    EXPECT_EQ(kline_weight(market("spot"), limit), 2) << limit;
  }
}

TEST(Weights, ThePageIsTheOneThatBringsTheMostBars) {
  const auto best = [](double requests, double units) {
    return best_page_rows(market("usdm"), [=](int weight) { return std::min(requests, units / weight); });
  };
  EXPECT_EQ(best(1e6, 40), 499);  // the weight limits: 499 rows for 2
  EXPECT_EQ(best(10, 40), 1'000);
  EXPECT_EQ(best(2, 40), 1'500);  // the number of requests limits
  EXPECT_EQ(best_page_rows(market("spot"), [](int) { return 1.0; }), 1'000);
}

// Trap 3: 200 days at most, whatever the timeframe.
TEST(Pages, OfCoinmNeverSpanMoreThanTwoHundredDays) {
  std::mt19937_64 random{3};
  for (const auto frame : Timeframe::all())
    for (const int best : {99, 499, 1'500})
      for (int round = 0; round < 20; ++round) {
        const auto begin = from_us(static_cast<std::int64_t>(random() % 1'700'000'000'000'000));
        const auto range = TimeRange::of(begin, frame.advance(frame.open_of(begin), 3'000));
        for (const auto& page : grid_pages(frame, range, page_rows(market("coinm"), frame, best))) {
          EXPECT_LE(page.range.end() - page.range.begin(), std::chrono::days{200}) << frame.name();
          EXPECT_LE(limit_of(market("coinm"), frame, page.range), best);
        }
      }
  EXPECT_EQ(page_rows(market("usdm"), timeframe("1M"), 499), 499);
}

TEST(KlineTarget, SendsBothBoundsAndTheExactLimit) {
  EXPECT_EQ(kline_target(market("coinm"), series_of("binance.coinm.BTCUSD_260925@1M"),
                         {range_of("2024-01-01", "2024-03-01")}),
            "/dapi/v1/klines?symbol=BTCUSD_260925&interval=1M&startTime=1704067200000&endTime=1709251199999&limit=2");
  EXPECT_EQ(
      kline_target(market("spot"), series_of("binance.spot.1000SATSUSDT@1w"), {range_of("1969-12-01", "1970-01-12")}),
      "/api/v3/klines?symbol=1000SATSUSDT&interval=1w&startTime=0&endTime=950399999&limit=6");
}

TEST(KlineTarget, EachPriceHasAnEndpointAndAnIndexGoesByItsPair) {
  const auto target = [](std::string_view series) {
    const auto text = kline_target(market(series_of(series).instrument.market.text()), series_of(series),
                                   {range_of("2024-01-01T00:00Z", "2024-01-01T00:02Z")});
    return text.substr(0, text.find("&interval"));
  };
  EXPECT_EQ(target("binance.usdm.BTCUSDT:mark@1m"), "/fapi/v1/markPriceKlines?symbol=BTCUSDT");
  EXPECT_EQ(target("binance.usdm.BTCUSDT:premium@1m"), "/fapi/v1/premiumIndexKlines?symbol=BTCUSDT");
  EXPECT_EQ(target("binance.usdm.BTCUSDT:index@1m"), "/fapi/v1/indexPriceKlines?pair=BTCUSDT");
  EXPECT_EQ(target("binance.usdm.BTCUSDT_260925:index@1m"), "/fapi/v1/indexPriceKlines?pair=BTCUSDT");
  EXPECT_EQ(target("binance.coinm.BTCUSD_PERP:mark@1m"), "/dapi/v1/markPriceKlines?symbol=BTCUSD_PERP");
  EXPECT_EQ(target("binance.coinm.BTCUSD_PERP:index@1m"), "/dapi/v1/indexPriceKlines?pair=BTCUSD");
}

TEST(PriceKinds, StandInThePath) {
  for (const auto kind : {PriceKind::last, PriceKind::mark, PriceKind::index, PriceKind::premium})
    EXPECT_EQ(price_kind_of(fmt::format("/binance/dapi/v1/{}", kline_endpoint(kind))), kind);
  EXPECT_EQ(price_kind_of("/fapi/v1/exchangeInfo"), std::nullopt);
  EXPECT_EQ(price_kind_of("/fapi/v1/continuousKlines"), std::nullopt);
}

TEST(Traits, AllTimeframesAreServedEightHoursToo) {
  ASSERT_EQ(market_traits().size(), 3U);
  for (const auto& traits : market_traits()) {
    EXPECT_EQ(traits.native.size(), Timeframe::all().size()) << traits.name;
    EXPECT_TRUE(traits.has_trade_count);
    EXPECT_EQ(traits.open_rule, "first_trade");
    EXPECT_EQ(traits.price_kinds.size(), traits.name == "spot" ? 1U : 4U) << traits.name;
  }
}

struct HostCase {
  std::string base_url;
  std::map<std::string, std::string> markets;
  std::string origin;  // empty: refused
  std::string spot{}, usdm{}, coinm{};
};

TEST(Hosts, FollowTheConfiguration) {
  const std::vector<HostCase> cases{
      {"", {}, "mainnet", "https://api.binance.com", "https://fapi.binance.com", "https://dapi.binance.com"},
      {"https://api.binance.com",
       {},
       "mainnet",
       "https://api.binance.com",
       "https://fapi.binance.com",
       "https://dapi.binance.com"},
      {"https://data-api.binance.vision",
       {},
       "mainnet",
       "https://data-api.binance.vision",
       "https://fapi.binance.com",
       "https://dapi.binance.com"},
      {"https://fapi.binance.com",
       {},
       "mainnet",
       "https://api.binance.com",
       "https://fapi.binance.com",
       "https://dapi.binance.com"},
      {"https://testnet.binance.vision",
       {},
       "testnet",
       "https://testnet.binance.vision",
       "https://testnet.binancefuture.com",
       "https://testnet.binancefuture.com"},
      {"http://127.0.0.1:9000/binance",
       {},
       "127.0.0.1",
       "http://127.0.0.1:9000",
       "http://127.0.0.1:9000",
       "http://127.0.0.1:9000"},
      {"http://127.0.0.1:9000/binance",
       {{"usdm", "http://127.0.0.1:9001/x"}},
       "127.0.0.1",
       "http://127.0.0.1:9000",
       "http://127.0.0.1:9001",
       "http://127.0.0.1:9000"},
      {"",
       {{"spot", "https://api1.binance.com"}},
       "mainnet",
       "https://api1.binance.com",
       "https://fapi.binance.com",
       "https://dapi.binance.com"},
      {"",
       {{"spot", "http://10.0.0.1"}, {"usdm", "http://10.0.0.1:81"}, {"coinm", "http://10.0.0.1:82"}},
       "10.0.0.1",
       "http://10.0.0.1",
       "http://10.0.0.1:81",
       "http://10.0.0.1:82"},
      {"", {{"spot", "https://testnet.binance.vision"}}, ""},
      {"https://api.binance.com", {{"usdm", "http://127.0.0.1:1"}}, ""},
      {"https://api.binance.com", {{"linear", "https://fapi.binance.com"}}, ""},
      {"ftp//nowhere", {}, ""},
      {"", {{"spot", "nowhere"}}, ""},
  };
  for (const auto& each : cases) {
    ConnectorOptions options;
    options.base_url = each.base_url;
    options.market_base_urls = each.markets;
    const auto hosts = resolve_hosts(options);
    ASSERT_EQ(hosts.has_value(), !each.origin.empty()) << each.base_url;
    if (!hosts) {
      EXPECT_TRUE(hosts.error().parameter.starts_with("exchange_clients.binance.")) << hosts.error().parameter;
      continue;
    }
    EXPECT_EQ(hosts->origin, each.origin);
    EXPECT_EQ(hosts->by_market.at("spot").origin(), each.spot);
    EXPECT_EQ(hosts->by_market.at("usdm").origin(), each.usdm);
    EXPECT_EQ(hosts->by_market.at("coinm").origin(), each.coinm);
  }
}

TEST(Alias, IsReadAsCcxtWritesIt) {
  using Candidates = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(parse_alias("BTC/USDT"), (Candidates{{"spot", "BTCUSDT"}}));
  EXPECT_EQ(parse_alias("btc/usdt:usdt"), (Candidates{{"usdm", "BTCUSDT"}}));
  EXPECT_EQ(parse_alias("BTC/USDC:USDC"), (Candidates{{"usdm", "BTCUSDC"}}));
  EXPECT_EQ(parse_alias("BTC/USD:BTC"), (Candidates{{"coinm", "BTCUSD_PERP"}}));
  EXPECT_EQ(parse_alias("BTC/USDT:USDT-260925"), (Candidates{{"usdm", "BTCUSDT_260925"}}));
  EXPECT_EQ(parse_alias("BTC/USD:BTC-260925"), (Candidates{{"coinm", "BTCUSD_260925"}}));
  for (const auto* text : {"BTCUSDT", "", "/", "BTC/", "/USDT", "BTC/USDT-260925", "BTC/USDT:USDT-269925", "A B/C"})
    EXPECT_TRUE(parse_alias(text).empty()) << text;
}

}  // namespace
}  // namespace tdm::sources::binance
