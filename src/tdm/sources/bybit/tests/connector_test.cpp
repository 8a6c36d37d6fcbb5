#include "tdm/sources/bybit/detail/connector.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include "tdm/sources/bybit/tests/fake_bybit.hpp"
#include "tdm/sources/bybit/tests/support.hpp"
#include "tdm/sources/registry.hpp"  // ExchangeModule
#include "tests/support/connector_conformance.hpp"

namespace tdm::sources::bybit {
namespace {

using namespace std::chrono_literals;
using testing::FakeBybit;
using testing::series_of;

constexpr net::RetryPolicy kQuick{.attempts = 6, .base = 1ms, .cap = 4ms, .deadline = 5'000ms};
constexpr int kForever = 1'000'000;

ConnectorOptions options_for(std::string base_url) {
  ConnectorOptions options;
  options.base_url = std::move(base_url);
  options.rate_limit = 2'000;
  return options;
}

class BybitBench final : public support::ConnectorBench {
 public:
  explicit BybitBench(asio::any_io_executor executor) {
    auto made = BybitConnector::make(options_for(server_.base_url()), std::move(executor), system_clock(), kQuick);
    if (!made) throw std::runtime_error{made.error().message};
    connector_ = *std::move(made);
  }
  Connector& connector() override { return *connector_; }
  Series series() const override { return series_of("bybit.linear.BTCUSDT@1m"); }
  TimePoint first_bar() const override { return from_ms(FakeBybit::kFirstBar); }
  TimePoint now() const override { return from_ms(FakeBybit::kNow); }
  std::string close_text(TimePoint open_time) const override { return FakeBybit::close_text(to_ms(open_time)); }
  Series unknown_symbol() const override { return series_of("bybit.linear.NOPEUSDT@1m"); }
  void set_fault(support::Fault fault) override {
    server_.set_script([fault](const net::ServerRequest& request, int) { return wrong(fault, request); });
  }
  FakeBybit& server() { return server_; }

 private:
  static std::optional<net::ServerReply> wrong(support::Fault fault, const net::ServerRequest& request) {
    switch (fault) {
      case support::Fault::none: return std::nullopt;
      case support::Fault::html: return FakeBybit::json("<html>gateway</html>");
      case support::Fault::not_json: return FakeBybit::json("OK");
      case support::Fault::cut_short: {
        const auto body = FakeBybit::klines(request);
        return FakeBybit::json(body.substr(0, body.size() / 2));
      }
      case support::Fault::server_error: return FakeBybit::json("<html>502</html>", 502);
    }
    std::abort();
  }

  FakeBybit server_;
  std::shared_ptr<Connector> connector_;
};

std::unique_ptr<support::ConnectorBench> make_bench(asio::any_io_executor executor) {
  return std::make_unique<BybitBench>(std::move(executor));
}

}  // namespace
}  // namespace tdm::sources::bybit

namespace tdm::support {
INSTANTIATE_TEST_SUITE_P(Bybit, ConnectorConformance, ::testing::Values(&sources::bybit::make_bench));
}  // namespace tdm::support

namespace tdm::sources::bybit {
namespace {

class BybitConnectorTest : public ::testing::Test {
 protected:
  void TearDown() override { pool_.join(); }

  template <class T>
  T wait_for(asio::awaitable<T> work) {
    auto future = asio::co_spawn(pool_, std::move(work), asio::use_future);
    if (future.wait_for(30s) != std::future_status::ready) throw std::runtime_error{"no end"};
    return future.get();
  }
  Result<Page> fetch(std::string_view series = "bybit.linear.BTCUSDT@1m", int bars = 10) {
    const auto begin = from_ms(FakeBybit::kFirstBar);
    const auto parsed = series_of(series);
    return wait_for(
        connector().fetch(parsed, PageRequest{TimeRange::of(begin, parsed.timeframe.advance(begin, bars))}));
  }
  // The first `times` requests get `reply`, later ones the ordinary answer.
  void answer_first(int times, net::ServerReply reply) {
    server().set_script([times, reply = std::move(reply)](const net::ServerRequest&, int number) {
      return number < times ? std::optional{reply} : std::nullopt;
    });
  }
  Connector& connector() { return bench_.connector(); }
  FakeBybit& server() { return bench_.server(); }
  std::size_t requests() { return server().targets().size(); }

  asio::thread_pool pool_{2};
  BybitBench bench_{pool_.get_executor()};
};

net::ServerReply with_header(net::ServerReply reply, std::string name, std::string value) {
  reply.headers.emplace_back(std::move(name), std::move(value));
  return reply;
}

TEST_F(BybitConnectorTest, AsksUnderThePathOfItsBaseUrl) {
  ASSERT_TRUE(fetch());
  ASSERT_EQ(requests(), 1U);
  EXPECT_EQ(server().targets()[0],
            "/bybit/v5/market/"
            "kline?category=linear&symbol=BTCUSDT&interval=1&start=1672531200000&end=1672531740000&limit=1000");
  EXPECT_EQ(connector().origin(), "127.0.0.1");
}

TEST_F(BybitConnectorTest, AFullPageIsAThousandBars) {
  const auto page = fetch("bybit.linear.BTCUSDT@1m", 1'000);
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->rows.size(), 1'000U);
}

TEST_F(BybitConnectorTest, WaitsForTheLimitAndAsksAgain) {
  const auto reset = std::to_string(FakeBybit::kNow + 120);
  answer_first(1, with_header(FakeBybit::json(FakeBybit::envelope("{}", 10006, "Too many visits!")),
                              "X-Bapi-Limit-Reset-Timestamp", reset));
  const auto begin = std::chrono::steady_clock::now();
  const auto page = fetch();
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 115ms);
  EXPECT_EQ(requests(), 2U);
}

TEST_F(BybitConnectorTest, AResetInThePastIsNoWait) {
  answer_first(1, with_header(FakeBybit::json(FakeBybit::envelope("{}", 10006)), "X-Bapi-Limit-Reset-Timestamp", "1"));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(fetch());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 500ms);
}

TEST_F(BybitConnectorTest, ABanStopsEveryRequestAndSaysForHowLong) {
  answer_first(1, FakeBybit::json("403, access too frequent. Please try your request later.", 403));
  for (int i = 0; i < 3; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const auto page = fetch();
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().code, ErrorCode::rate_limited) << page.error().message;
    ASSERT_TRUE(page.error().retry_after) << page.error().message;
    EXPECT_GT(*page.error().retry_after, 9min);
    EXPECT_LE(*page.error().retry_after, 10min);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);  // it does not wait the ban out in silence
  }
  EXPECT_EQ(requests(), 1U);  // a loop of retries would prolong the ban
  EXPECT_FALSE(wait_for(connector().server_time()));
}

TEST_F(BybitConnectorTest, ARefusedCountryIsFinalAndStopsNobodyElse) {
  answer_first(1, FakeBybit::json("<html>CloudFront: block access from your country</html>", 403));
  const auto refused = fetch();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_EQ(refused.error().parameter, "exchange_clients.bybit.base_url");
  EXPECT_EQ(requests(), 1U);
  EXPECT_TRUE(fetch());
}

TEST_F(BybitConnectorTest, PassingFailuresAreAskedAgain) {
  for (const auto& reply :
       {FakeBybit::json("<html>", 502), FakeBybit::json("busy", 500), FakeBybit::json(FakeBybit::envelope("{}", 10000)),
        FakeBybit::json(FakeBybit::envelope("{}", 10016))}) {
    const auto before = static_cast<int>(requests());
    answer_first(before + 3, reply);
    EXPECT_TRUE(fetch());
    EXPECT_EQ(static_cast<int>(requests()), before + 4);
  }
}

TEST_F(BybitConnectorTest, GivesUpAfterItsAttempts) {
  answer_first(kForever, FakeBybit::json("<html>", 503));
  const auto page = fetch();
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, ErrorCode::unavailable);
  EXPECT_EQ(static_cast<int>(requests()), kQuick.attempts);
}

TEST_F(BybitConnectorTest, ObeysRetryAfter) {
  answer_first(1, with_header(FakeBybit::json("", 429), "Retry-After", "1"));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(fetch());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 950ms);
}

TEST_F(BybitConnectorTest, ARetryAfterBeyondTheDeadlineIsToldAndNotWaitedFor) {
  answer_first(kForever, with_header(FakeBybit::json("", 429), "Retry-After", "60"));
  const auto begin = std::chrono::steady_clock::now();
  const auto page = fetch();
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, ErrorCode::rate_limited);
  EXPECT_EQ(page.error().retry_after, 60s);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
  EXPECT_EQ(requests(), 1U);
}

TEST_F(BybitConnectorTest, ACutAnswerIsAskedForAgainButNotForEver) {
  const auto cut = FakeBybit::json(R"({"retCode":0,"retMsg":"OK","result":{"symbol")");
  answer_first(2, cut);
  EXPECT_TRUE(fetch());
  EXPECT_EQ(requests(), 3U);
  answer_first(kForever, cut);
  const auto page = fetch();
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, ErrorCode::corrupt_data);
  EXPECT_EQ(requests(), 6U);
}

TEST_F(BybitConnectorTest, AConnectionThatBreaksIsTriedAgain) {
  net::ServerReply broken;
  broken.raw_bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{\"retCode\"";
  answer_first(1, broken);
  EXPECT_TRUE(fetch());
  broken.raw_bytes = "";
  broken.reset_after = true;
  answer_first(static_cast<int>(requests()) + 2, broken);
  EXPECT_TRUE(fetch());
}

TEST_F(BybitConnectorTest, NobodyListeningIsUnavailable) {
  auto lost =
      BybitConnector::make(options_for("http://127.0.0.1:1/bybit"), pool_.get_executor(), system_clock(), kQuick);
  ASSERT_TRUE(lost);
  const auto time = wait_for((*lost)->server_time());
  ASSERT_FALSE(time);
  EXPECT_EQ(time.error().code, ErrorCode::unavailable);
  EXPECT_NE(time.error().message.find("bybit"), std::string::npos);
}

// Pitfall: an answer without a time. The clock is asked before the page, so it can only be too old.
TEST_F(BybitConnectorTest, AsksTheClockWhenAnAnswerHasNoTime) {
  server().set_script([](const net::ServerRequest& request, int) -> std::optional<net::ServerReply> {
    if (!request.path.ends_with("/kline")) return std::nullopt;
    auto body = FakeBybit::klines(request);
    body = body.substr(0, body.rfind(",\"time\"")) + "}";
    return FakeBybit::json(std::move(body));
  });
  const auto page = fetch();
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->exchange_time, from_ms(FakeBybit::kNow));
  EXPECT_EQ(page->rows.event_time.front(), page->exchange_time);
  const auto targets = server().targets();
  ASSERT_EQ(targets.size(), 3U);
  EXPECT_NE(targets[1].find("/time"), std::string::npos);
  EXPECT_EQ(targets[0], targets[2]);
}

TEST_F(BybitConnectorTest, WhatBybitDoesNotServeIsRefusedWithoutARequest) {
  const auto code = [&](std::string_view series) {
    const auto page = fetch(series);
    return page ? ErrorCode::internal : page.error().code;
  };
  EXPECT_EQ(code("bybit.linear.BTCUSDT@8h"), ErrorCode::invalid_argument);
  EXPECT_EQ(code("bybit.spot.BTCUSDT:mark@1h"), ErrorCode::invalid_argument);
  EXPECT_EQ(code("bybit.inverse.BTCUSD:premium@1h"), ErrorCode::invalid_argument);
  EXPECT_EQ(code("bybit.usdm.BTCUSDT@1h"), ErrorCode::invalid_argument);
  EXPECT_EQ(requests(), 0U);
}

// Pitfalls: 500 of 886 without paging; a cursor encoded twice; the dead are asked for by status.
TEST_F(BybitConnectorTest, InstrumentsPageThroughAndKeepTheDead) {
  const auto listed = wait_for(connector().instruments("linear"));
  ASSERT_TRUE(listed) << listed.error().message;
  std::vector<std::string> symbols;
  for (const auto& instrument : *listed)
    symbols.push_back(instrument.id.symbol.text() + (instrument.active ? "" : " closed"));
  EXPECT_EQ(symbols, (std::vector<std::string>{"0GUSDT", "BTCUSDT", "OLDUSDT closed", "ZECUSDT"}));
  EXPECT_TRUE(server().targets()[1].ends_with("&cursor=first%3D0GUSDT%26last%3DBTCUSDT")) << server().targets()[1];
}

TEST_F(BybitConnectorTest, SpotHasNoPages) {
  const auto listed = wait_for(connector().instruments("spot"));
  ASSERT_TRUE(listed) << listed.error().message;
  for (const auto& target : server().targets()) EXPECT_EQ(target.find("cursor"), std::string::npos) << target;
}

TEST_F(BybitConnectorTest, AStatusThatTheMarketDoesNotKnowHasNoInstruments) {
  server().set_script([](const net::ServerRequest& request, int) -> std::optional<net::ServerReply> {
    if (FakeBybit::parameter(request, "status").empty()) return std::nullopt;
    return FakeBybit::json(FakeBybit::envelope("{}", 10001, "Illegal status"));
  });
  const auto listed = wait_for(connector().instruments("linear"));
  ASSERT_TRUE(listed) << listed.error().message;
  EXPECT_EQ(listed->size(), 3U);
}

TEST_F(BybitConnectorTest, AListThatRunsInACircleEnds) {
  server().set_script([](const net::ServerRequest& request, int) -> std::optional<net::ServerReply> {
    if (!FakeBybit::parameter(request, "status").empty()) return std::nullopt;
    return FakeBybit::json(
        FakeBybit::envelope(R"({"list":[{"symbol":"A","contractType":"LinearPerpetual"}],"nextPageCursor":"again"})"));
  });
  const auto listed = wait_for(connector().instruments("linear"));
  ASSERT_TRUE(listed) << listed.error().message;
  EXPECT_LE(requests(), 8U);
}

TEST(BybitModule, ChecksItsUrls) {
  asio::thread_pool pool{1};
  const auto make = [&](ConnectorOptions options) {
    return BybitConnector::make(options, pool.get_executor(), system_clock());
  };
  const auto bad = make(options_for("ftp//nowhere"));
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().parameter, "exchange_clients.bybit.base_url");

  auto two = options_for("https://api.bybit.com");
  two.market_base_urls["spot"] = "https://api-testnet.bybit.com";
  const auto mixed = make(two);
  ASSERT_FALSE(mixed);
  EXPECT_EQ(mixed.error().parameter, "exchange_clients.bybit.markets.spot.base_url");

  auto unknown = options_for("https://api.bybit.com");
  unknown.market_base_urls["usdm"] = "https://api.bybit.com";
  EXPECT_FALSE(make(unknown));

  ConnectorOptions plain;
  const auto made = make(plain);
  ASSERT_TRUE(made);
  EXPECT_EQ((*made)->origin(), "mainnet");
  EXPECT_DOUBLE_EQ((*made)->permitted_rate(), 10);
}

}  // namespace
}  // namespace tdm::sources::bybit
