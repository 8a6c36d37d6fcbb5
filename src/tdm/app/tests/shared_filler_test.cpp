#include "tdm/app/detail/shared_filler.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "tdm/remote/remote.hpp"  // kHolderGone
#include "tests/support/memory_store.hpp"

namespace tdm::app::detail {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

const Series kSeries = Series::parse("bybit.linear.BTCUSDT@1h").value();

// Counts what it is asked and answers as the test says.
class CountingFiller final : public ingest::Filler {
 public:
  std::function<Result<void>()> answer = [] { return Result<void>{}; };
  std::atomic<int> asked{0};
  bool shows_progress = false;

  Result<ingest::FillReport> fill(const ingest::FillRequest& request) override {
    if (shows_progress) request.on_progress({.total_bars = 9});
    return said<ingest::FillReport>(ingest::FillReport{.fetched = 7});
  }
  Result<void> refresh_instruments(std::string, std::string, std::chrono::seconds, std::stop_token) override {
    ++asked;
    return answer();
  }
  Result<store::Resolution> remember(const store::Resolution& resolution, std::stop_token) override {
    return said(resolution);
  }
  Result<std::int64_t> accept_gaps(const Series&, TimeRange, std::string, std::stop_token) override {
    return said<std::int64_t>(3);
  }
  Result<ingest::FillReport> import_bars(const ingest::ImportRequest& request) override {
    if (shows_progress) request.on_progress({.total_bars = 9});
    return said<ingest::FillReport>(ingest::FillReport{.fetched = 8});
  }
  Result<store::Footprint> remove(const Series&, store::Raw, std::stop_token) override {
    return said<store::Footprint>(store::Footprint{.rows = 5});
  }

 private:
  template <class T>
  Result<T> said(T value) {
    ++asked;
    if (auto done = answer(); !done) return std::unexpected{done.error()};
    return value;
  }
};

std::unexpected<Error> gone() {
  return fail(ErrorCode::unavailable, "nobody listens", std::string{remote::kHolderGone});
}

class SharedFiller : public testing::Test {
 protected:
  std::shared_ptr<ingest::Filler> shared(std::chrono::milliseconds patience = 500ms) {
    return make_shared_filler(hub_, local_, holder_, patience);
  }
  static ingest::FillRequest request(std::stop_token stop = {}) {
    ingest::FillRequest request{.series = kSeries, .range = {}};
    request.stop = std::move(stop);
    return request;
  }
  // What another process would do: take the lock.
  ingest::WriterHub::Lease locked_by_another() { return other_hub_->acquire(0ms, {}).value(); }

  std::shared_ptr<support::MemoryStore> store_ = std::make_shared<support::MemoryStore>();
  std::shared_ptr<ingest::WriterHub> hub_ = std::make_shared<ingest::WriterHub>(store_);
  std::shared_ptr<ingest::WriterHub> other_hub_ = std::make_shared<ingest::WriterHub>(store_);
  std::shared_ptr<CountingFiller> local_ = std::make_shared<CountingFiller>();
  std::shared_ptr<CountingFiller> holder_ = std::make_shared<CountingFiller>();
};

TEST_F(SharedFiller, WhoFindsTheLockFreeDoesTheWorkAndHoldsItMeanwhile) {
  local_->answer = [this]() -> Result<void> {
    EXPECT_FALSE(other_hub_->acquire(0ms, {})) << "the lock is held while the work is done";
    return {};
  };
  const auto filler = shared();
  EXPECT_EQ(filler->fill(request())->fetched, 7);
  EXPECT_EQ(filler->accept_gaps(kSeries, {}, "known", {}), 3);
  EXPECT_TRUE(filler->refresh_instruments("bybit", "linear", 1s, {}));
  EXPECT_TRUE(filler->remember({.exchange = "bybit", .symbol = "BTCUSDT", .instrument = kSeries.instrument}, {}));
  EXPECT_EQ(filler->import_bars({.series = kSeries})->fetched, 8);
  EXPECT_EQ(filler->remove(kSeries, store::Raw::kept, {})->rows, 5);
  EXPECT_EQ(local_->asked, 6);
  EXPECT_EQ(holder_->asked, 0);
  EXPECT_TRUE(other_hub_->acquire(0ms, {})) << "and given back afterwards";
}

TEST_F(SharedFiller, TheHolderOfTheLockIsAsked) {
  const auto lease = locked_by_another();
  const auto filler = shared();
  EXPECT_EQ(filler->fill(request())->fetched, 7);
  EXPECT_EQ(filler->import_bars({.series = kSeries})->fetched, 8);
  EXPECT_EQ(filler->remove(kSeries, store::Raw::kept, {})->rows, 5);
  EXPECT_EQ(holder_->asked, 3);
  EXPECT_EQ(local_->asked, 0);
}

TEST_F(SharedFiller, WhatTheHolderRefusesIsRefused) {
  const auto lease = locked_by_another();
  holder_->answer = [] { return fail(ErrorCode::unknown_symbol, "no such symbol"); };
  EXPECT_EQ(shared()->fill(request()).error().code, ErrorCode::unknown_symbol);
  EXPECT_EQ(holder_->asked, 1);
}

TEST_F(SharedFiller, AHolderThatGoesAwayLeavesTheWorkToUs) {
  auto lease = std::optional{locked_by_another()};
  holder_->answer = [&]() -> Result<void> {
    if (holder_->asked == 3) lease.reset();
    return gone();
  };
  EXPECT_EQ(shared()->fill(request())->fetched, 7);
  EXPECT_EQ(holder_->asked, 3);
  EXPECT_EQ(local_->asked, 1);
}

TEST_F(SharedFiller, AnExchangeThatDoesNotAnswerTheHolderIsNoReasonToAskAgain) {
  const auto lease = locked_by_another();
  holder_->answer = [] { return fail(ErrorCode::unavailable, "bybit does not answer"); };
  EXPECT_EQ(shared(60s)->fill(request()).error().message, "bybit does not answer");
  EXPECT_EQ(holder_->asked, 1);
}

TEST_F(SharedFiller, AHolderThatServedAWhileBeforeItDiedDoesNotUseUpOurPatience) {
  auto lease = std::optional{locked_by_another()};
  holder_->shows_progress = true;
  holder_->answer = [&]() -> Result<void> {
    std::this_thread::sleep_for(100ms);
    lease.reset();
    return gone();
  };
  EXPECT_TRUE(shared(50ms)->fill(request()));
  EXPECT_EQ(local_->asked, 1);
}

TEST_F(SharedFiller, NobodyAnswersForEver) {
  const auto lease = locked_by_another();
  holder_->answer = [] { return gone(); };
  const auto begun = steady_clock::now();
  const auto result = shared(200ms)->fill(request());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::unavailable);
  const auto took = steady_clock::now() - begun;
  EXPECT_GE(took, 150ms);
  EXPECT_LT(took, 2s);
}

TEST_F(SharedFiller, AStopEndsTheWait) {
  const auto lease = locked_by_another();
  std::stop_source stop;
  holder_->answer = [&] {
    stop.request_stop();
    return gone();
  };
  EXPECT_EQ(shared(60s)->fill(request(stop.get_token())).error().code, ErrorCode::cancelled);
}

}  // namespace
}  // namespace tdm::app::detail
