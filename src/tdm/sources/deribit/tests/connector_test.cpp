#include "tdm/sources/deribit/detail/connector.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include "tdm/sources/deribit/tests/fake_deribit.hpp"
#include "tdm/sources/deribit/tests/support.hpp"
#include "tests/support/connector_conformance.hpp"

namespace tdm::sources::deribit {
namespace {

using namespace std::chrono_literals;
using testing::FakeDeribit;
using testing::series_of;

constexpr net::RetryPolicy kQuick{.attempts = 6, .base = 1ms, .cap = 4ms, .deadline = 5'000ms};
constexpr int kForever = 1'000'000;

ConnectorOptions options_for(std::string base_url) {
  ConnectorOptions options;
  options.base_url = std::move(base_url);
  options.rate_limit = 2'000;
  return options;
}

class DeribitBench final : public support::ConnectorBench {
 public:
  explicit DeribitBench(asio::any_io_executor executor, bool with_history = false) {
    auto options = options_for(server_.base_url());
    if (with_history) options.history_url = history_.base_url();
    auto made = DeribitConnector::make(options, std::move(executor), system_clock(), kQuick);
    if (!made) throw std::runtime_error{made.error().message};
    connector_ = *std::move(made);
  }
  Connector& connector() override { return *connector_; }
  Series series() const override { return series_of("deribit.future.BTC-PERPETUAL@1m"); }
  TimePoint first_bar() const override { return from_ms(FakeDeribit::kFirstBar); }
  TimePoint now() const override { return from_ms(FakeDeribit::kNow); }
  std::string close_text(TimePoint open_time) const override { return FakeDeribit::close_text(to_ms(open_time)); }
  Series unknown_symbol() const override { return series_of("deribit.future.NOPE-PERPETUAL@1m"); }
  void set_fault(support::Fault fault) override {
    server_.set_script([this, fault](const net::ServerRequest& request, int) { return wrong(fault, request); });
  }
  FakeDeribit& server() { return server_; }
  FakeDeribit& history() { return history_; }

 private:
  std::optional<net::ServerReply> wrong(support::Fault fault, const net::ServerRequest& request) const {
    switch (fault) {
      case support::Fault::none: return std::nullopt;
      case support::Fault::html: return FakeDeribit::json("<html>gateway</html>");
      case support::Fault::not_json: return FakeDeribit::json("OK");
      case support::Fault::cut_short: {
        const auto body = server_.chart(request);
        return FakeDeribit::json(body.substr(0, body.size() / 2));
      }
      case support::Fault::server_error: return FakeDeribit::json("<html>502</html>", 502);
    }
    std::abort();
  }

  FakeDeribit server_;
  FakeDeribit history_{true};
  std::shared_ptr<Connector> connector_;
};

std::unique_ptr<support::ConnectorBench> make_bench(asio::any_io_executor executor) {
  return std::make_unique<DeribitBench>(std::move(executor));
}

}  // namespace
}  // namespace tdm::sources::deribit

namespace tdm::support {
INSTANTIATE_TEST_SUITE_P(Deribit, ConnectorConformance, ::testing::Values(&sources::deribit::make_bench));
}  // namespace tdm::support

namespace tdm::sources::deribit {
namespace {

class DeribitConnectorTest : public ::testing::Test {
 protected:
  void TearDown() override { pool_.join(); }

  template <class T>
  T wait_for(asio::awaitable<T> work) {
    auto future = asio::co_spawn(pool_, std::move(work), asio::use_future);
    if (future.wait_for(30s) != std::future_status::ready) throw std::runtime_error{"no end"};
    return future.get();
  }
  Result<Page> fetch(std::string_view series = "deribit.future.BTC-PERPETUAL@1m", int bars = 10, int from = 0) {
    const auto parsed = series_of(series);
    const auto begin = parsed.timeframe.advance(from_ms(FakeDeribit::kFirstBar), from);
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
  FakeDeribit& server() { return bench_.server(); }
  FakeDeribit& history() { return bench_.history(); }
  std::size_t requests() { return server().targets().size(); }

  asio::thread_pool pool_{2};
  DeribitBench bench_{pool_.get_executor(), true};
};

// end_timestamp is included: the open time of the last bar.
TEST_F(DeribitConnectorTest, AsksUnderThePathOfItsBaseUrl) {
  ASSERT_TRUE(fetch());
  ASSERT_EQ(requests(), 1U);
  EXPECT_EQ(server().targets()[0],
            "/deribit/api/v2/public/get_tradingview_chart_data?instrument_name=BTC-PERPETUAL&"
            "start_timestamp=1672531200000&end_timestamp=1672531740000&resolution=1");
  EXPECT_EQ(connector().origin(), "127.0.0.1");
}

// Trap: more than 5,001 rows lose their oldest in silence. A full page stays below.
TEST_F(DeribitConnectorTest, AFullPageLosesNothing) {
  const auto page = fetch("deribit.future.BTC-PERPETUAL@1m", 5'000);
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->rows.size(), 5'000U);
  EXPECT_EQ(page->rows.open_time.front(), from_ms(FakeDeribit::kFirstBar));
  EXPECT_EQ(requests(), 1U);
}

TEST_F(DeribitConnectorTest, AServerThatCutsEarlierIsAskedForTheHead) {
  server().set_cap(2'000);
  const auto page = fetch("deribit.future.BTC-PERPETUAL@1m", 5'000);
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->rows.size(), 5'000U);
  EXPECT_EQ(requests(), 3U);
  for (std::size_t i = 1; i < page->rows.size(); ++i)
    ASSERT_EQ(page->rows.open_time[i] - page->rows.open_time[i - 1], 1min);
  EXPECT_EQ(page->rows.close[0], FakeDeribit::close_text(FakeDeribit::kFirstBar));
}

TEST_F(DeribitConnectorTest, APageAcrossTheListingHoldsWhatThereIs) {
  const auto page = fetch("deribit.future.BTC-PERPETUAL@1m", 5'000, -3'000);
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->rows.size(), 2'000U);
  EXPECT_EQ(requests(), 2U);
}

// Trap: the last row is the bar in progress.
TEST_F(DeribitConnectorTest, TheBarInProgressComesWithTheExchangesClock) {
  const auto page = fetch("deribit.future.BTC-PERPETUAL@1h", 2'000);
  ASSERT_TRUE(page) << page.error().message;
  const auto last = page->rows.open_time.back();
  EXPECT_GT(last + 1h, page->exchange_time);
  EXPECT_EQ(page->rows.close_proof.back(), CloseProof::none);
}

TEST_F(DeribitConnectorTest, ARefusalPausesEverybodyForItsWait) {
  answer_first(1, FakeDeribit::error(10028, "too_many_requests", R"({"wait":1.2})"));
  const auto begin = std::chrono::steady_clock::now();
  const auto page = fetch();
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 1'150ms);
  EXPECT_EQ(requests(), 2U);
}

TEST_F(DeribitConnectorTest, AWaitBeyondTheDeadlineIsToldAndNotWaitedFor) {
  auto reply = FakeDeribit::json("", 429);
  reply.headers.emplace_back("Retry-After", "30");
  answer_first(kForever, reply);
  const auto begin = std::chrono::steady_clock::now();
  const auto page = fetch();
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, ErrorCode::rate_limited);
  EXPECT_EQ(page.error().retry_after, 30s);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
  EXPECT_EQ(requests(), 1U);
}

TEST_F(DeribitConnectorTest, PassingErrorsAreAskedAgain) {
  for (const auto& reply :
       {FakeDeribit::error(13888, "timed_out"), FakeDeribit::error(10066, "too_many_concurrent_requests"),
        FakeDeribit::error(11094, "internal_server_error"), FakeDeribit::json("<html>", 502)}) {
    const auto before = static_cast<int>(requests());
    answer_first(before + 2, reply);
    EXPECT_TRUE(fetch());
    EXPECT_EQ(static_cast<int>(requests()), before + 3);
  }
}

// Trap: requests that return errors count towards a ban.
TEST_F(DeribitConnectorTest, LastingErrorsAreAskedOnce) {
  for (const int code : {-32601, -32602, 11050, 13020, 10020, 13503, 777'777}) {
    const auto before = requests();
    answer_first(kForever, FakeDeribit::error(code, "no", R"({"reason":"wrong format","param":"resolution"})"));
    EXPECT_FALSE(fetch("deribit.future.NOPE-PERPETUAL@1m"));  // the history host does not know it either
    EXPECT_EQ(requests(), before + 1) << code;
  }
}

TEST_F(DeribitConnectorTest, MaintenanceIsToldWithAWait) {
  answer_first(kForever, FakeDeribit::error(11051, "system_maintenance"));
  const auto page = fetch();
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, ErrorCode::unavailable);
  EXPECT_EQ(page.error().retry_after, 15s);
  EXPECT_EQ(requests(), 1U);
}

// Trap: a connection is closed after 15 minutes; the request that finds it closed is sent again.
TEST_F(DeribitConnectorTest, AKeptConnectionThatWasClosedIsNoFailure) {
  server().set_script([this](const net::ServerRequest& request, int number) -> std::optional<net::ServerReply> {
    if (number > 0) return std::nullopt;
    const auto body = server().chart(request);
    net::ServerReply reply;
    reply.raw_bytes = fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body);
    return reply;
  });
  EXPECT_TRUE(fetch());
  EXPECT_TRUE(fetch());
  EXPECT_EQ(requests(), 2U);
}

TEST_F(DeribitConnectorTest, UnequalColumnsAreAskedForAgainButNotForEver) {
  const auto unequal = FakeDeribit::json(FakeDeribit::envelope(
      R"({"status":"ok","ticks":[1672531200000],"open":[],"high":[],"low":[],"close":[],"volume":[],"cost":[]})"));
  answer_first(kForever, unequal);
  const auto page = fetch();
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, ErrorCode::corrupt_data);
  EXPECT_NE(page.error().message.find("ticks has 1 values and open has 0"), std::string::npos) << page.error().message;
}

TEST_F(DeribitConnectorTest, AsksTheClockWhenAnAnswerHasNoTime) {
  server().set_script([this](const net::ServerRequest& request, int) -> std::optional<net::ServerReply> {
    if (!request.path.ends_with("chart_data")) return std::nullopt;
    auto body = server().chart(request);
    body.replace(body.find("usIn"), 4, "usXx");
    return FakeDeribit::json(std::move(body));
  });
  const auto page = fetch();
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->exchange_time, from_ms(FakeDeribit::kNow));
  EXPECT_EQ(page->rows.event_time.front(), page->exchange_time);
  ASSERT_EQ(requests(), 3U);
  EXPECT_TRUE(server().targets()[1].ends_with("/get_time"));
}

TEST_F(DeribitConnectorTest, WhatDeribitDoesNotServeIsRefusedWithoutARequest) {
  const auto code = [&](std::string_view series) {
    const auto page = fetch(series);
    return page ? ErrorCode::internal : page.error().code;
  };
  // Trap: there is no 4h, and 1D begins at 08:00.
  for (const auto* name : {"2h", "4h", "6h", "8h", "12h", "1d", "1w", "1M"})
    EXPECT_EQ(code(fmt::format("deribit.future.BTC-PERPETUAL@{}", name)), ErrorCode::invalid_argument) << name;
  EXPECT_EQ(code("deribit.future.BTC-PERPETUAL:mark@1h"), ErrorCode::invalid_argument);
  EXPECT_EQ(code("deribit.linear.BTC-PERPETUAL@1h"), ErrorCode::invalid_argument);
  EXPECT_EQ(requests(), 0U);
}

TEST_F(DeribitConnectorTest, BarsOfTheExpiredComeFromTheHistoryHost) {
  for (int i = 0; i < 3; ++i) {
    const auto page = fetch("deribit.future.BTC-27DEC22@1m");
    ASSERT_TRUE(page) << page.error().message;
    EXPECT_EQ(page->rows.size(), 10U);
  }
  EXPECT_EQ(requests(), 1U);  // an error is not provoked twice
  EXPECT_EQ(history().targets().size(), 3U);
}

TEST_F(DeribitConnectorTest, WhoIsUnknownToBothHostsIsUnknown) {
  const auto page = fetch("deribit.future.NOPE-PERPETUAL@1m");
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, ErrorCode::unknown_symbol);
  EXPECT_EQ(page.error().parameter, "symbol");
}

std::vector<std::string> names_of(const std::vector<Instrument>& listed) {
  std::vector<std::string> names;
  for (const auto& instrument : listed)
    names.push_back(instrument.id.symbol.text() + (instrument.active ? "" : " expired"));
  return names;
}

TEST_F(DeribitConnectorTest, InstrumentsAreOfAllKindsAndKeepTheDead) {
  const auto listed = wait_for(connector().instruments("future"));
  ASSERT_TRUE(listed) << listed.error().message;
  EXPECT_EQ(names_of(*listed), (std::vector<std::string>{"BTC-27DEC22 expired", "BTC-30DEC22 expired",
                                                         "BTC-FS-25DEC26_PERP", "BTC-PERPETUAL"}));
  EXPECT_EQ(server().targets()[0], "/deribit/api/v2/public/get_instruments?currency=any&kind=future&expired=false");
  EXPECT_EQ(history().targets()[0], "/deribit/api/v2/public/get_instruments?currency=any&kind=future&expired=true");
}

TEST_F(DeribitConnectorTest, TheLivingAreListedWithoutTheHistoryHost) {
  history().set_script([](const net::ServerRequest&, int) { return FakeDeribit::json("<html>", 503); });
  const auto listed = wait_for(connector().instruments("future"));
  ASSERT_TRUE(listed) << listed.error().message;
  EXPECT_EQ(names_of(*listed),
            (std::vector<std::string>{"BTC-30DEC22 expired", "BTC-FS-25DEC26_PERP", "BTC-PERPETUAL"}));
}

// `rate_limit` is the pace of bars, lists and the history host together: rate x t + 2 in any t.
TEST_F(DeribitConnectorTest, AllHostsKeepOnePace) {
  auto options = options_for(server().base_url());
  options.history_url = history().base_url();
  options.rate_limit = 10;
  const auto slow = DeribitConnector::make(options, pool_.get_executor(), system_clock(), kQuick);
  ASSERT_TRUE(slow) << slow.error().message;
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(wait_for((*slow)->instruments("future")));
  ASSERT_TRUE(wait_for((*slow)->server_time()));
  EXPECT_EQ(server().targets().size(), 3U);
  EXPECT_EQ(history().targets().size(), 2U);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 300ms);
}

TEST_F(DeribitConnectorTest, AHostThatDoesNotKnowAnyIsAskedForEachGroup) {
  server().set_script([](const net::ServerRequest& request, int) -> std::optional<net::ServerReply> {
    const auto currency = FakeDeribit::parameter(request, "currency");
    if (currency == "BTC") return std::nullopt;
    return FakeDeribit::error(-32602, "Invalid params", R"({"reason":"wrong format","param":"currency"})");
  });
  const auto listed = wait_for(connector().instruments("future"));
  ASSERT_TRUE(listed) << listed.error().message;
  EXPECT_EQ(listed->size(), 4U);
}

TEST(DeribitModule, ChecksItsUrls) {
  asio::thread_pool pool{1};
  const auto make = [&](const ConnectorOptions& options) {
    return DeribitConnector::make(options, pool.get_executor(), system_clock());
  };
  const auto bad = make(options_for("ftp//nowhere"));
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().parameter, "exchange_clients.deribit.base_url");

  auto two = options_for("https://test.deribit.com");
  two.history_url = "https://history.deribit.com";
  const auto mixed = make(two);
  ASSERT_FALSE(mixed);
  EXPECT_EQ(mixed.error().parameter, "exchange_clients.deribit.history_url");

  auto by_market = options_for("https://www.deribit.com");
  by_market.market_base_urls["spot"] = "https://www.deribit.com";
  EXPECT_FALSE(make(by_market));

  const auto made = make({});
  ASSERT_TRUE(made);
  EXPECT_EQ((*made)->origin(), "mainnet");
  EXPECT_DOUBLE_EQ((*made)->permitted_rate(), 15);
  EXPECT_EQ((*made)->default_market(), "");
  auto fast = ConnectorOptions{};
  fast.rate_limit = 1'000;
  const auto limited = make(fast);
  ASSERT_TRUE(limited);
  EXPECT_DOUBLE_EQ((*limited)->permitted_rate(), 20);  // 10,000 credits a second at 500 each
}

}  // namespace
}  // namespace tdm::sources::deribit
