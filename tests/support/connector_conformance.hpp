#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "tdm/sources/connector.hpp"  // Connector

namespace tdm::support {

// What a server on loopback may do instead of answering.
enum class Fault : std::uint8_t { none, html, not_json, cut_short, server_error };

// An exchange as its tests present it: a connector that talks to a scripted server. A connector's tests make one and
// add one INSTANTIATE line.
class ConnectorBench {
 public:
  virtual ~ConnectorBench() = default;
  virtual sources::Connector& connector() = 0;
  // The server has every bar of this series with first_bar() <= open_time <= now(); the last one is open.
  virtual Series series() const = 0;
  virtual TimePoint first_bar() const = 0;
  virtual TimePoint now() const = 0;
  // The close of a bar as the server sends it.
  virtual std::string close_text(TimePoint open_time) const = 0;
  virtual Series unknown_symbol() const = 0;
  // How every answer goes wrong from now on.
  virtual void set_fault(Fault fault) = 0;
};

using MakeConnectorBench = std::unique_ptr<ConnectorBench> (*)(boost::asio::any_io_executor executor);

// What every connector promises.
class ConnectorConformance : public ::testing::TestWithParam<MakeConnectorBench> {
 protected:
  void SetUp() override { bench_ = GetParam()(pool_.get_executor()); }
  void TearDown() override {
    bench_.reset();
    pool_.join();
  }

  template <class T>
  T wait_for(boost::asio::awaitable<T> work) {
    auto future = boost::asio::co_spawn(pool_, std::move(work), boost::asio::use_future);
    if (future.wait_for(std::chrono::seconds{30}) != std::future_status::ready) throw std::runtime_error{"no end"};
    return future.get();
  }
  Result<sources::Page> fetch(Series series, TimeRange range) {
    return wait_for(connector().fetch(std::move(series), sources::PageRequest{range}));
  }
  TimeRange bars(std::int64_t first, std::int64_t count) const {
    const auto timeframe = bench_->series().timeframe;
    const auto begin = timeframe.advance(bench_->first_bar(), first);
    return TimeRange::of(begin, timeframe.advance(begin, count));
  }
  sources::Connector& connector() const { return bench_->connector(); }
  // The server's clock stands. A connector whose answers carry no time lets a reading of it run on.
  void expect_now(TimePoint time) const {
    EXPECT_GE(time, bench_->now());
    EXPECT_LT(time, bench_->now() + std::chrono::seconds{30});
  }

  boost::asio::thread_pool pool_{2};
  std::unique_ptr<ConnectorBench> bench_;
};

TEST_P(ConnectorConformance, SaysWhatItIs) {
  EXPECT_FALSE(connector().exchange().empty());
  EXPECT_FALSE(connector().origin().empty());
  EXPECT_GT(connector().permitted_rate(), 0);
  EXPECT_GT(connector().page_rows(), 0);
  EXPECT_GT(connector().bytes_per_page(), 0);
  ASSERT_FALSE(connector().markets().empty());
  for (const auto& traits : connector().markets()) {
    EXPECT_FALSE(traits.native.empty()) << traits.name;
    EXPECT_FALSE(traits.price_kinds.empty()) << traits.name;
    EXPECT_TRUE(traits.open_rule == "previous_close" || traits.open_rule == "first_trade") << traits.name;
    EXPECT_EQ(sources::find_market(connector(), traits.name), &traits);
  }
  EXPECT_EQ(sources::find_market(connector(), "nosuch"), nullptr);
}

TEST_P(ConnectorConformance, PagesCoverTheRangeOnceInOrder) {
  const auto timeframe = bench_->series().timeframe;
  for (const std::int64_t count : {1, 7, 999, 1'000, 1'001, 5'432}) {
    const auto range = bars(13, count);
    auto expected = range.begin();
    for (const auto& page : connector().pages(bench_->series(), range)) {
      EXPECT_EQ(page.range.begin(), expected);
      EXPECT_LE(timeframe.count(page.range), connector().page_rows());
      EXPECT_FALSE(page.range.empty());
      expected = page.range.end();
    }
    EXPECT_EQ(expected, range.end());
  }
  EXPECT_TRUE(connector().pages(bench_->series(), bars(5, 0)).empty());
}

TEST_P(ConnectorConformance, OverlappingRangesShareTheirInnerPages) {
  const std::int64_t rows = connector().page_rows();
  const auto wide = connector().pages(bench_->series(), bars(0, 8 * rows));
  const auto narrow = connector().pages(bench_->series(), bars(rows + 234, 5 * rows));
  ASSERT_GT(narrow.size(), 2U);
  for (std::size_t i = 1; i + 1 < narrow.size(); ++i) EXPECT_NE(std::ranges::find(wide, narrow[i]), wide.end());
}

TEST_P(ConnectorConformance, APageHoldsItsBarsOldestFirst) {
  const auto range = bars(3, 40);
  const auto page = fetch(bench_->series(), range);
  ASSERT_TRUE(page) << page.error().message;
  const auto timeframe = bench_->series().timeframe;
  ASSERT_EQ(page->rows.size(), 40U);
  for (std::size_t i = 0; i < page->rows.size(); ++i) {
    const auto open_time = timeframe.advance(range.begin(), static_cast<std::int64_t>(i));
    EXPECT_EQ(page->rows.open_time[i], open_time);
    EXPECT_EQ(page->rows.close[i], bench_->close_text(open_time));
  }
  EXPECT_EQ(page->request.range, range);
  EXPECT_TRUE(page->rejected.empty());
  expect_now(page->exchange_time);
  EXPECT_GT(page->bytes, 0);
}

// Only what was traded has volumes.
TEST_P(ConnectorConformance, EveryPriceKindOfTheMarketIsServed) {
  auto series = bench_->series();
  const auto& kinds = sources::find_market(connector(), series.instrument.market.text())->price_kinds;
  for (const auto kind : {PriceKind::last, PriceKind::mark, PriceKind::index, PriceKind::premium}) {
    series.price_kind = kind;
    const auto page = fetch(series, bars(0, 10));
    if (std::ranges::find(kinds, kind) == kinds.end()) {
      ASSERT_FALSE(page) << series.text();
      EXPECT_EQ(page.error().parameter, "price_kind");
      continue;
    }
    ASSERT_TRUE(page) << page.error().message;
    ASSERT_EQ(page->rows.size(), 10U) << series.text();
    EXPECT_EQ(page->rows.close[0], bench_->close_text(bench_->first_bar()));
    for (const auto* amounts : {&page->rows.quote_volume, &page->rows.trade_count, &page->rows.taker_buy_volume})
      EXPECT_TRUE(kind == PriceKind::last || amounts->null_count() == 10) << series.text();
    EXPECT_EQ(page->rows.volume.null_count(), kind == PriceKind::last ? 0U : 10U) << series.text();
  }
}

TEST_P(ConnectorConformance, AskingTwiceGivesTheSame) {
  auto first = fetch(bench_->series(), bars(0, 100));
  auto second = fetch(bench_->series(), bars(0, 100));
  ASSERT_TRUE(first && second);
  second->rows.received_at = first->rows.received_at;  // of all the columns only the clocks may move
  second->rows.event_time = first->rows.event_time;
  EXPECT_EQ(first->rows, second->rows);
}

TEST_P(ConnectorConformance, BeforeTheFirstBarIsAnEmptyPage) {
  const auto page = fetch(bench_->series(), bars(-500, 200));
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->rows.size(), 0U);
  EXPECT_TRUE(page->rejected.empty());
  expect_now(page->exchange_time);
}

TEST_P(ConnectorConformance, TheOpenBarIsNotSaidToBeClosed) {
  const auto timeframe = bench_->series().timeframe;
  const auto open_time = timeframe.open_of(bench_->now());
  const auto page = fetch(bench_->series(), TimeRange::of(open_time, timeframe.advance(open_time, 5)));
  ASSERT_TRUE(page) << page.error().message;
  for (std::size_t i = 0; i < page->rows.size(); ++i) {
    EXPECT_EQ(page->rows.close_proof[i], CloseProof::none);
    EXPECT_LT(page->exchange_time, timeframe.close_of(page->rows.open_time[i]));
  }
}

TEST_P(ConnectorConformance, ServerTimeIsTheExchanges) {
  const auto time = wait_for(connector().server_time());
  ASSERT_TRUE(time) << time.error().message;
  EXPECT_EQ(*time, bench_->now());
}

TEST_P(ConnectorConformance, InstrumentsBelongToTheirMarketAndAreDistinct) {
  const auto market = bench_->series().instrument.market.text();
  const auto listed = wait_for(connector().instruments(market));
  ASSERT_TRUE(listed) << listed.error().message;
  ASSERT_FALSE(listed->empty());
  std::vector<InstrumentId> ids;
  for (const auto& instrument : *listed) {
    EXPECT_EQ(instrument.id.exchange.text(), connector().exchange());
    EXPECT_EQ(instrument.id.market.text(), market);
    ids.push_back(instrument.id);
  }
  std::ranges::sort(ids);
  EXPECT_EQ(std::ranges::adjacent_find(ids), ids.end());
  EXPECT_TRUE(std::ranges::binary_search(ids, bench_->series().instrument));
}

TEST_P(ConnectorConformance, AnUnknownMarketIsTheCallersMistake) {
  const auto listed = wait_for(connector().instruments("nosuch"));
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(listed.error().parameter, "market");
  EXPECT_FALSE(listed.error().suggestions.empty());
}

TEST_P(ConnectorConformance, AnUnknownSymbolIsNamed) {
  const auto page = fetch(bench_->unknown_symbol(), bars(0, 10));
  if (page) {
    EXPECT_EQ(page->rows.size(), 0U);  // some exchanges answer an empty list
    return;
  }
  EXPECT_EQ(page.error().code, ErrorCode::unknown_symbol);
  EXPECT_NE(page.error().message.find(bench_->unknown_symbol().instrument.symbol.text()), std::string::npos);
}

TEST_P(ConnectorConformance, ErrorsNameExchangeSymbolAndRange) {
  struct Case {
    Fault fault;
    ErrorCode code;
  };
  for (const auto& [fault, code] :
       {Case{Fault::html, ErrorCode::corrupt_data}, Case{Fault::not_json, ErrorCode::corrupt_data},
        Case{Fault::cut_short, ErrorCode::corrupt_data}, Case{Fault::server_error, ErrorCode::unavailable}}) {
    bench_->set_fault(fault);
    const auto range = bars(0, 10);
    const auto page = fetch(bench_->series(), range);
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().code, code) << page.error().message;
    EXPECT_NE(page.error().message.find(bench_->series().text()), std::string::npos) << page.error().message;
    EXPECT_NE(page.error().message.find(to_iso(range.begin())), std::string::npos) << page.error().message;
  }
  bench_->set_fault(Fault::none);
  EXPECT_TRUE(fetch(bench_->series(), bars(0, 10)));  // nothing of it stays
}

TEST_P(ConnectorConformance, CountsItsRequests) {
  ASSERT_TRUE(fetch(bench_->series(), bars(0, 10)));  // the first may ask for more than bars
  const auto before = connector().requests_sent();
  ASSERT_TRUE(fetch(bench_->series(), bars(0, 10)));
  EXPECT_EQ(connector().requests_sent(), before + 1);
}

TEST_P(ConnectorConformance, ManyPagesAtOnceAreAllRight) {
  std::vector<std::future<Result<sources::Page>>> futures;
  for (int i = 0; i < 20; ++i) {
    const sources::PageRequest request{bars(i * 50, 50)};
    futures.push_back(
        boost::asio::co_spawn(pool_, connector().fetch(bench_->series(), request), boost::asio::use_future));
  }
  for (std::size_t i = 0; i < futures.size(); ++i) {
    const auto page = futures[i].get();
    ASSERT_TRUE(page) << page.error().message;
    ASSERT_EQ(page->rows.size(), 50U);
    EXPECT_EQ(page->rows.open_time.front(), bars(static_cast<std::int64_t>(i) * 50, 50).begin());
  }
}

}  // namespace tdm::support
