#include "tdm/sources/binance/detail/connector.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include "tdm/sources/binance/tests/fake_binance.hpp"
#include "tdm/sources/binance/tests/support.hpp"
#include "tests/support/connector_conformance.hpp"

namespace tdm::sources::binance {
namespace {

using namespace std::chrono_literals;
using testing::FakeBinance;
using testing::series_of;

constexpr net::RetryPolicy kQuick{.attempts = 6, .base = 1ms, .cap = 4ms, .deadline = 5'000ms};
constexpr int kForever = 1'000'000;

ConnectorOptions options_for(std::string base_url) {
  ConnectorOptions options;
  options.base_url = std::move(base_url);
  options.rate_limit = 2'000;
  return options;
}

class BinanceBench final : public support::ConnectorBench {
 public:
  BinanceBench(asio::any_io_executor executor, std::string market) : market_{std::move(market)} {
    auto made = BinanceConnector::make(options_for(server_.base_url()), std::move(executor), system_clock(), kQuick);
    if (!made) throw std::runtime_error{made.error().message};
    connector_ = *std::move(made);
  }
  Connector& connector() override { return *connector_; }
  Series series() const override { return named("BTC"); }
  TimePoint first_bar() const override { return from_ms(FakeBinance::kFirstBar); }
  TimePoint now() const override { return from_ms(FakeBinance::kNow); }
  std::string close_text(TimePoint open_time) const override { return FakeBinance::close_text(to_ms(open_time)); }
  Series unknown_symbol() const override { return named("NOPE"); }
  void set_fault(support::Fault fault) override {
    server_.set_script([fault](const net::ServerRequest& request, int) { return wrong(fault, request); });
  }
  FakeBinance& server() { return server_; }

 private:
  Series named(std::string_view coin) const {
    return series_of(fmt::format("binance.{}.{}{}@1m", market_, coin, market_ == "coinm" ? "USD_PERP" : "USDT"));
  }
  static std::optional<net::ServerReply> wrong(support::Fault fault, const net::ServerRequest& request) {
    switch (fault) {
      case support::Fault::none: return std::nullopt;
      case support::Fault::html: return FakeBinance::json("<html>gateway</html>");
      case support::Fault::not_json: return FakeBinance::json("OK");
      case support::Fault::cut_short: {
        const auto body = FakeBinance::ordinary(request).body;
        return FakeBinance::json(body.substr(0, body.size() / 2));
      }
      case support::Fault::server_error: return FakeBinance::json("<html>502</html>", 502);
    }
    std::abort();
  }

  std::string market_;
  FakeBinance server_;
  std::shared_ptr<Connector> connector_;
};

std::unique_ptr<support::ConnectorBench> spot_bench(asio::any_io_executor executor) {
  return std::make_unique<BinanceBench>(std::move(executor), "spot");
}
std::unique_ptr<support::ConnectorBench> usdm_bench(asio::any_io_executor executor) {
  return std::make_unique<BinanceBench>(std::move(executor), "usdm");
}
std::unique_ptr<support::ConnectorBench> coinm_bench(asio::any_io_executor executor) {
  return std::make_unique<BinanceBench>(std::move(executor), "coinm");
}

}  // namespace
}  // namespace tdm::sources::binance

namespace tdm::support {
INSTANTIATE_TEST_SUITE_P(Binance, ConnectorConformance,
                         ::testing::Values(&sources::binance::spot_bench, &sources::binance::usdm_bench,
                                           &sources::binance::coinm_bench));
}  // namespace tdm::support

namespace tdm::sources::binance {
namespace {

class BinanceConnectorTest : public ::testing::Test {
 protected:
  void TearDown() override { pool_.join(); }

  template <class T>
  T wait_for(asio::awaitable<T> work) {
    auto future = asio::co_spawn(pool_, std::move(work), asio::use_future);
    if (future.wait_for(30s) != std::future_status::ready) throw std::runtime_error{"no end"};
    return future.get();
  }
  Result<Page> fetch(std::string_view series = "binance.spot.BTCUSDT@1m", int bars = 10) {
    const auto begin = from_ms(FakeBinance::kFirstBar);
    const auto parsed = series_of(series);
    return wait_for(
        connector().fetch(parsed, PageRequest{TimeRange::of(begin, parsed.timeframe.advance(begin, bars))}));
  }
  // The next `times` requests for bars get `reply`, later ones the ordinary answer.
  void answer_bars(int times, net::ServerReply reply) {
    auto left = std::make_shared<std::atomic<int>>(times);
    server().set_script([left, reply = std::move(reply)](const net::ServerRequest& request, int) {
      const bool mine = request.path.ends_with("/klines") && left->fetch_sub(1) > 0;
      return mine ? std::optional{reply} : std::nullopt;
    });
  }
  Connector& connector() { return bench_.connector(); }
  FakeBinance& server() { return bench_.server(); }
  std::size_t asked_bars() { return server().asked("/klines"); }

  asio::thread_pool pool_{2};
  BinanceBench bench_{pool_.get_executor(), "spot"};
};

TEST_F(BinanceConnectorTest, AsksEachMarketUnderItsPaths) {
  ASSERT_TRUE(fetch("binance.spot.BTCUSDT@1m"));
  ASSERT_TRUE(fetch("binance.usdm.BTCUSDT@1h", 499));
  ASSERT_TRUE(fetch("binance.coinm.BTCUSD_PERP@1d", 5));
  EXPECT_EQ(
      server().targets(),
      (std::vector<std::string>{
          "/binance/api/v3/time",
          "/binance/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime=1672531200000&endTime=1672531799999&limit=10",
          "/binance/fapi/v1/time",
          "/binance/fapi/v1/klines?symbol=BTCUSDT&interval=1h&startTime=1672531200000&endTime=1674327599999&limit=499",
          "/binance/dapi/v1/time",
          "/binance/dapi/v1/exchangeInfo",
          "/binance/dapi/v1/"
          "klines?symbol=BTCUSD_PERP&interval=1d&startTime=1672531200000&endTime=1672963199999&limit=5",
      }));
  EXPECT_EQ(connector().origin(), "127.0.0.1");
}

// The clock is asked once for many pages, also by those that start together.
TEST_F(BinanceConnectorTest, OneReadingOfTheClockServesManyPages) {
  std::vector<std::future<Result<Page>>> pages;
  const auto series = series_of("binance.coinm.BTCUSD_PERP@1m");
  for (int i = 0; i < 10; ++i) {
    const auto begin = series.timeframe.advance(from_ms(FakeBinance::kFirstBar), 10 * i);
    pages.push_back(
        asio::co_spawn(pool_, connector().fetch(series, {TimeRange::of(begin, series.timeframe.advance(begin, 10))}),
                       asio::use_future));
  }
  for (auto& page : pages) ASSERT_TRUE(page.get());
  EXPECT_EQ(server().asked("/time"), 1U);
  EXPECT_EQ(server().asked("/exchangeInfo"), 1U);
  EXPECT_EQ(asked_bars(), 10U);
}

TEST_F(BinanceConnectorTest, AFailureToReadTheClockIsEverybodysAndPasses) {
  server().set_script([](const net::ServerRequest& request, int) -> std::optional<net::ServerReply> {
    if (!request.path.ends_with("/time")) return std::nullopt;
    return FakeBinance::error(-1100, "Illegal characters found in a parameter.");
  });
  std::vector<std::future<Result<Page>>> pages;
  const auto series = series_of("binance.spot.BTCUSDT@1m");
  for (int i = 0; i < 5; ++i)
    pages.push_back(asio::co_spawn(pool_,
                                   connector().fetch(series, {TimeRange::of(from_ms(FakeBinance::kFirstBar),
                                                                            from_ms(FakeBinance::kFirstBar + 60'000))}),
                                   asio::use_future));
  for (auto& future : pages) EXPECT_FALSE(future.get());
  EXPECT_EQ(asked_bars(), 0U);
  server().set_script(nullptr);
  EXPECT_TRUE(fetch());
}

// No request for one market touches another market's host, the clock's neither.
TEST_F(BinanceConnectorTest, EachMarketHasItsHostAlone) {
  FakeBinance spot, usdm, coinm;
  ConnectorOptions options;
  options.rate_limit = 2'000;
  options.market_base_urls = {{"spot", spot.base_url()}, {"usdm", usdm.base_url()}, {"coinm", coinm.base_url()}};
  auto made = BinanceConnector::make(options, pool_.get_executor(), system_clock(), kQuick);
  ASSERT_TRUE(made) << made.error().message;
  const auto series = series_of("binance.usdm.BTCUSDT@1m");
  const PageRequest page{TimeRange::of(from_ms(FakeBinance::kFirstBar), from_ms(FakeBinance::kFirstBar + 600'000))};
  ASSERT_TRUE(wait_for((*made)->fetch(series, page)));
  ASSERT_TRUE(wait_for((*made)->market_time("usdm")));
  ASSERT_TRUE(wait_for((*made)->instruments("usdm")));
  EXPECT_EQ(usdm.targets().size(), 4U);
  EXPECT_TRUE(spot.targets().empty());
  EXPECT_TRUE(coinm.targets().empty());
  ASSERT_TRUE(wait_for((*made)->market_time("coinm")));
  EXPECT_EQ(coinm.targets().size(), 1U);
  EXPECT_FALSE(wait_for((*made)->market_time("linear")));
}

TEST_F(BinanceConnectorTest, CoinmVolumesUseTheContractSizeOfTheExchange) {
  const auto page = fetch("binance.coinm.BTCUSD_PERP@1m");
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->rows.volume[0], "1.5");
  EXPECT_EQ(page->rows.quote_volume[0], "375");  // 15 contracts of 25 USD
  EXPECT_EQ(page->rows.taker_buy_volume[0], "0.4");
  EXPECT_EQ(page->rows.taker_buy_quote_volume[0], "100");
  const auto dead = fetch("binance.coinm.BTCUSD_210625@1m");  // no longer listed
  ASSERT_TRUE(dead) << dead.error().message;
  EXPECT_EQ(dead->rows.quote_volume[0], "1500");
}

// Trap 3: coinm gives the newest rows of a window, and 200 days at most.
TEST_F(BinanceConnectorTest, CoinmPagesGiveAllTheirBars) {
  const auto series = series_of("binance.coinm.BTCUSD_PERP@1m");
  const auto begin = from_ms(FakeBinance::kFirstBar);
  std::int64_t rows = 0;
  for (const auto& page : connector().pages(series, TimeRange::of(begin, series.timeframe.advance(begin, 3'000)))) {
    const auto fetched = wait_for(connector().fetch(series, page));
    ASSERT_TRUE(fetched) << fetched.error().message;
    rows += static_cast<std::int64_t>(fetched->rows.size());
  }
  EXPECT_EQ(rows, 3'000);
}

TEST_F(BinanceConnectorTest, ALimitIsWaitedFor) {
  answer_bars(1, FakeBinance::error(-1003, "Too much request weight used.", 429, {{"Retry-After", "1"}}));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(fetch());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 950ms);
  EXPECT_EQ(asked_bars(), 2U);
}

TEST_F(BinanceConnectorTest, ALimitWithoutAWaitIsAMinute) {
  answer_bars(kForever, FakeBinance::error(-1003, "Too many requests.", 429));
  const auto begin = std::chrono::steady_clock::now();
  const auto page = fetch();
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, ErrorCode::rate_limited);
  EXPECT_EQ(page.error().retry_after, 60s);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
  EXPECT_EQ(asked_bars(), 1U);
}

// Trap 2: usdm and coinm are one pool, spot another.
TEST_F(BinanceConnectorTest, ABanStopsItsPoolAndNoOther) {
  const auto until = to_ms(system_clock().now() + 600s);
  answer_bars(1, FakeBinance::error(-1003,
                                    fmt::format("Way too much request weight used; IP banned until {}. Please use "
                                                "WebSocket Streams for live updates to avoid bans.",
                                                until),
                                    418));
  for (const auto* series : {"binance.usdm.BTCUSDT@1m", "binance.coinm.BTCUSD_PERP@1m", "binance.usdm.BTCUSDT@1m"}) {
    const auto page = fetch(series);
    ASSERT_FALSE(page) << series;
    EXPECT_EQ(page.error().code, ErrorCode::rate_limited) << page.error().message;
    ASSERT_TRUE(page.error().retry_after) << page.error().message;
    EXPECT_GT(*page.error().retry_after, 590s);
    EXPECT_LE(*page.error().retry_after, 601s);
  }
  EXPECT_EQ(asked_bars(), 1U);
  EXPECT_EQ(server().asked("/dapi/"), 0U);
  EXPECT_TRUE(fetch("binance.spot.BTCUSDT@1m"));
}

TEST_F(BinanceConnectorTest, TheFirewallIsLeftInPeace) {
  answer_bars(1, FakeBinance::json("<html><title>403 Forbidden</title></html>", 403));
  for (int i = 0; i < 2; ++i) {
    const auto page = fetch();
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().code, ErrorCode::rate_limited);
    EXPECT_GT(page.error().retry_after.value(), 4min);
  }
  EXPECT_EQ(asked_bars(), 1U);
}

TEST_F(BinanceConnectorTest, ARefusedRegionIsFinalAndStopsNobodyElse) {
  answer_bars(
      1, FakeBinance::error(0, "Service unavailable from a restricted location according to 'b. Eligibility'", 451));
  const auto refused = fetch();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_EQ(refused.error().parameter, "exchange_clients.binance.markets.spot.base_url");
  EXPECT_NE(refused.error().message.find("data-api.binance.vision"), std::string::npos);
  EXPECT_EQ(asked_bars(), 1U);
  EXPECT_TRUE(fetch());
}

TEST_F(BinanceConnectorTest, PassingFailuresAreAskedAgain) {
  for (const auto& reply :
       {FakeBinance::json("<html>", 502), FakeBinance::json("Service Unavailable.", 503),
        FakeBinance::error(-1001, "Internal error; unable to process your request. Please try again.", 500),
        FakeBinance::error(-1007, "Timeout waiting for response from backend server.", 408),
        FakeBinance::error(-1008, "Server is currently overloaded.", 200)}) {
    const auto before = asked_bars();
    answer_bars(3, reply);
    const auto page = fetch();
    EXPECT_TRUE(page) << page.error().message;
    EXPECT_EQ(asked_bars(), before + 4);
  }
}

TEST_F(BinanceConnectorTest, ACutAnswerIsAskedForAgainButNotForEver) {
  const auto cut = FakeBinance::json(R"([[1672531200000,"100","190.5","90","100.50","15",1672531259999,"1.5")");
  answer_bars(2, cut);
  EXPECT_TRUE(fetch());
  EXPECT_EQ(asked_bars(), 3U);
  answer_bars(kForever, cut);
  const auto page = fetch();
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, ErrorCode::corrupt_data);
  EXPECT_EQ(asked_bars(), 6U);
}

// What the exchange has counted holds even when others sent it.
TEST_F(BinanceConnectorTest, FollowsTheUsedWeight) {
  constexpr net::RetryPolicy kImpatient{.attempts = 6, .base = 1ms, .cap = 4ms, .deadline = 300ms};
  auto made =
      BinanceConnector::make(options_for(server().base_url()), pool_.get_executor(), system_clock(), kImpatient);
  ASSERT_TRUE(made);
  server().set_script([](const net::ServerRequest& request, int) {
    auto reply = FakeBinance::ordinary(request);
    if (request.path.ends_with("/klines")) reply.headers.emplace_back("x-mbx-used-weight-1m", "2399");
    return std::optional{reply};
  });
  const auto ask = [&](std::string_view name) {
    const auto series = series_of(name);
    const auto begin = from_ms(FakeBinance::kFirstBar);
    return wait_for((*made)->fetch(series, {TimeRange::of(begin, series.timeframe.advance(begin, 200))}));
  };
  EXPECT_TRUE(ask("binance.usdm.BTCUSDT@1m"));
  const auto page = ask("binance.usdm.BTCUSDT@1m");  // costs two, and one is left
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, ErrorCode::rate_limited) << page.error().message;
  EXPECT_TRUE(ask("binance.spot.BTCUSDT@1m"));
}

TEST_F(BinanceConnectorTest, TheListTellsTheQuota) {
  const auto series = series_of("binance.spot.BTCUSDT@1m");
  EXPECT_DOUBLE_EQ(connector().page_cost(series).pages_per_second, 50);
  server().set_script([](const net::ServerRequest&, int) -> std::optional<net::ServerReply> {
    return FakeBinance::json(
        R"({"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":1200}],"symbols":[]})");
  });
  ASSERT_TRUE(wait_for(connector().instruments("spot")));
  EXPECT_DOUBLE_EQ(connector().page_cost(series).pages_per_second, 10);
  EXPECT_EQ(server().targets().back(), "/binance/api/v3/exchangeInfo?showPermissionSets=false");
}

TEST_F(BinanceConnectorTest, WhatBinanceDoesNotServeIsRefusedWithoutARequest) {
  for (const auto* series : {"binance.spot.BTCUSDT:mark@1h", "binance.linear.BTCUSDT@1h"}) {
    const auto page = fetch(series);
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().code, ErrorCode::invalid_argument);
  }
  EXPECT_TRUE(server().targets().empty());
}

TEST_F(BinanceConnectorTest, NamesBeyondAsciiAreEncoded) {
  (void)fetch("binance.usdm.\xe5\xb8\x81USDT@1m");
  EXPECT_NE(server().targets().back().find("symbol=%E5%B8%81USDT&"), std::string::npos) << server().targets().back();
}

TEST(BinanceModule, DefaultsAreEightyPercentOfTheWeight) {
  asio::thread_pool pool{1};
  const auto made = BinanceConnector::make({}, pool.get_executor(), system_clock());
  ASSERT_TRUE(made);
  const auto cost = [&](std::string_view series) { return (*made)->page_cost(series_of(series)); };
  EXPECT_EQ((*made)->origin(), "mainnet");
  EXPECT_EQ((*made)->page_rows(), 1'000);
  EXPECT_DOUBLE_EQ(cost("binance.spot.BTCUSDT@1m").pages_per_second, 40);
  EXPECT_EQ(cost("binance.usdm.BTCUSDT@1m").rows, 499);
  EXPECT_DOUBLE_EQ(cost("binance.usdm.BTCUSDT@1m").pages_per_second, 16);
  EXPECT_EQ(cost("binance.coinm.BTCUSD_PERP@1d").rows, 200);
  EXPECT_EQ(cost("binance.coinm.BTCUSD_PERP@1w").rows, 28);
  EXPECT_EQ(cost("binance.coinm.BTCUSD_PERP@1M").rows, 6);
  EXPECT_DOUBLE_EQ(cost("binance.coinm.BTCUSD_PERP@1w").pages_per_second, 32);
}

TEST(BinanceModule, KnownStopsAreOrderedAndSpotsAlone) {
  asio::thread_pool pool{1};
  const auto made = BinanceConnector::make({}, pool.get_executor(), system_clock());
  ASSERT_TRUE(made);
  TimePoint last{};
  for (const auto& outage : (*made)->known_outages()) {
    EXPECT_EQ(outage.market, "spot");
    EXPECT_LE(last, outage.range.begin());
    EXPECT_LT(outage.range.begin(), outage.range.end());
    EXPECT_LT(outage.range.end() - outage.range.begin(), 48h);
    last = outage.range.end();
  }
  EXPECT_EQ((*made)->known_outages().size(), 33U);
}

}  // namespace
}  // namespace tdm::sources::binance
