#include <gtest/gtest.h>

#include <atomic>
#include <ctime>
#include <thread>

#include "tdm/ingest/tests/bench.hpp"

namespace tdm::ingest {
namespace {

using support::FakeConnector;
using testing::Bench;
using testing::hours;
using testing::kStart;
using namespace std::chrono_literals;

TimePoint at(int hour) { return kStart + std::chrono::hours{hour}; }

double truth(TimePoint open_time) { return std::strtod(FakeConnector::close_text(open_time).c_str(), nullptr); }

// Store = truth in both directions for the range, but for `absent`.
void expect_truth(Bench& bench, TimeRange range, const std::set<TimePoint>& absent = {}) {
  const auto bars = bench.stored(range);
  std::size_t row = 0;
  for (auto t = range.begin(); t < range.end(); t = bench.series.timeframe.close_of(t)) {
    if (absent.contains(t)) continue;
    ASSERT_LT(row, bars.size()) << to_iso(t);
    ASSERT_EQ(bars.open_time[row], t);
    EXPECT_EQ(bars.close[row], truth(t)) << to_iso(t);
    ++row;
  }
  EXPECT_EQ(row, bars.size());
}

TEST(Fill, BringsWhatIsMissingAndAsksNothingTwice) {
  Bench bench;
  const auto report = bench.fill(hours(0, 700));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->stored, 700);
  EXPECT_EQ(report->fetched, 700);
  EXPECT_EQ(report->rejected, 0);
  EXPECT_EQ(report->exchange_time, bench.clock.now());
  expect_truth(bench, hours(0, 700));
  EXPECT_EQ(bench.raw_rows(hours(0, 700)), 700U);

  const auto manifest = bench.manifest();
  EXPECT_EQ(manifest.origin, "mainnet");
  EXPECT_EQ(manifest.looked, std::vector{hours(0, 700)});
  EXPECT_EQ(manifest.watermark, at(700));
  EXPECT_EQ(manifest.confirmed, 700);
  EXPECT_TRUE(manifest.gaps.empty());
  const auto bars = bench.stored(hours(0, 1));
  EXPECT_EQ(bars.finality[0], Finality::confirmed);
  EXPECT_EQ(bars.available_at[0], at(1) + 2s);
  EXPECT_EQ(bars.recorded_at[0], bench.clock.now());

  bench.connector->forget_asked();
  const auto again = bench.fill(hours(0, 700));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->requests, 0);
  EXPECT_EQ(again->exchange_time, TimePoint{});
  EXPECT_TRUE(bench.connector->asked().empty());

  ASSERT_TRUE(bench.fill(hours(-50, 720)));
  for (const auto& [time, times] : bench.asked()) EXPECT_FALSE(hours(0, 700).contains(time)) << to_iso(time);
  expect_truth(bench, hours(-50, 720));
}

TEST(Fill, TheClockIsAskedOnlyNearNowAndTheListOnce) {
  Bench bench;
  ASSERT_TRUE(bench.fill(hours(0, 10)));
  EXPECT_EQ(bench.connector->time_requests(), 0);
  ASSERT_TRUE(bench.fill(hours(10, 24 * 31)));
  ASSERT_TRUE(bench.fill(hours(10, 24 * 31 + 5)));
  EXPECT_EQ(bench.connector->time_requests(), 1);
  EXPECT_EQ(bench.connector->instrument_requests(), 1);
}

TEST(Fill, NowIsTheExchangesTime) {
  Bench bench;
  bench.connector->set_exchange_ahead(3h);
  FillRequest request{.series = bench.series, .range = hours(740, 744)};
  request.to_now = true;
  const auto report = bench.filler->fill(request);
  ASSERT_TRUE(report);
  expect_truth(bench, hours(740, 747));
}

TEST(Fill, AnOpenBarIsNeverRecordedAndAYoungOneIsLookedAtOnceMore) {
  Bench bench;
  bench.clock.set(at(10) + 30s);
  ASSERT_TRUE(bench.fill(hours(0, 12)));
  auto bars = bench.stored(hours(0, 12));
  ASSERT_EQ(bars.size(), 10U);
  EXPECT_EQ(bars.finality[8], Finality::confirmed);
  EXPECT_EQ(bars.finality[9], Finality::provisional);
  EXPECT_EQ(bench.raw_rows(hours(0, 12)), 10U);
  EXPECT_EQ(bench.manifest().watermark, at(9));
  EXPECT_TRUE(bench.manifest().gaps.empty());

  bench.connector->forget_asked();
  bench.clock.set(at(10) + 59s);
  ASSERT_TRUE(bench.fill(hours(0, 12)));
  EXPECT_TRUE(bench.connector->asked().empty());

  bench.clock.set(at(10) + 60s);
  const auto report = bench.fill(hours(0, 12));
  ASSERT_TRUE(report);
  EXPECT_EQ(bench.asked(), (std::map<TimePoint, int>{{at(9), 1}}));
  bars = bench.stored(hours(0, 12));
  EXPECT_EQ(bars.finality[9], Finality::confirmed);
  EXPECT_EQ(bars.revision[9], 0);
  EXPECT_EQ(bars.recorded_at[9], at(10) + 30s);
  EXPECT_EQ(bench.manifest().watermark, at(10));
}

TEST(Fill, AProvisionalBarThatChangedIsReplaced) {
  Bench bench;
  bench.clock.set(at(10) + 1s);
  bench.connector->set_close(at(9), FakeConnector::price(at(9), 30));
  ASSERT_TRUE(bench.fill(hours(0, 10)));
  bench.connector->set_close(at(9), FakeConnector::price(at(9), 40));
  bench.clock.set(at(12));
  ASSERT_TRUE(bench.fill(hours(0, 10)));
  const auto bars = bench.stored(hours(9, 10));
  ASSERT_EQ(bars.size(), 1U);
  EXPECT_EQ(bars.close[0], std::strtod(FakeConnector::price(at(9), 40).c_str(), nullptr));
  EXPECT_EQ(bars.finality[0], Finality::confirmed);
  EXPECT_EQ(bars.revision[0], 0);
}

TEST(Gaps, LiveFromTheFirstLookToTheBarsThatCome) {
  Bench bench;
  bench.connector->hide(hours(20, 23));
  ASSERT_TRUE(bench.fill(hours(0, 100)));
  auto manifest = bench.manifest();
  ASSERT_EQ(manifest.gaps.size(), 1U);
  EXPECT_EQ(manifest.gaps[0].range, hours(20, 23));
  EXPECT_EQ(manifest.gaps[0].cause, GapCause::unknown);
  EXPECT_EQ(manifest.gaps[0].state, GapState::open);
  EXPECT_EQ(manifest.watermark, at(100));
  expect_truth(bench, hours(0, 100), {at(20), at(21), at(22)});

  // Not again within the hour.
  bench.connector->forget_asked();
  bench.clock.advance(59min);
  ASSERT_TRUE(bench.fill(hours(0, 100)));
  EXPECT_TRUE(bench.connector->asked().empty());

  // Then once more, and only the hole.
  bench.clock.advance(1min);
  ASSERT_TRUE(bench.fill(hours(0, 100)));
  EXPECT_EQ(bench.asked(), (std::map<TimePoint, int>{{at(20), 1}, {at(21), 1}, {at(22), 1}}));
  manifest = bench.manifest();
  ASSERT_EQ(manifest.gaps.size(), 1U);
  EXPECT_EQ(manifest.gaps[0].looks, 2);
  EXPECT_EQ(manifest.gaps[0].last_look - manifest.gaps[0].first_look, 1h);

  // The bars come after all: the gap is closed and the bars are the truth.
  bench.connector->show_all();
  bench.clock.advance(2h);
  ASSERT_TRUE(bench.fill(hours(0, 100)));
  EXPECT_TRUE(bench.manifest().gaps.empty());
  expect_truth(bench, hours(0, 100));
}

TEST(Gaps, AnAcceptedHoleIsNotAskedForAgain) {
  Bench bench;
  bench.connector->hide(hours(20, 23));
  ASSERT_TRUE(bench.fill(hours(0, 100)));
  EXPECT_FALSE(bench.filler->accept_gaps(bench.series, hours(0, 100), "  ", {}));
  EXPECT_EQ(bench.filler->accept_gaps(bench.series, hours(0, 100), "maintenance", {}), 1);
  bench.connector->forget_asked();
  bench.clock.advance(48h);
  ASSERT_TRUE(bench.fill(hours(0, 100)));
  EXPECT_TRUE(bench.connector->asked().empty());
  EXPECT_EQ(bench.manifest().gaps[0].accepted_reason, "maintenance");
}

TEST(Listing, IsFoundByProbingAndNeverTakenFromALaunchTime) {
  Bench bench;
  bench.connector->list_from(at(50) + 20min);
  bench.connector->state_launch(at(30));  // what the exchange states is not when it began
  const auto report = bench.fill(hours(40, 100));
  ASSERT_TRUE(report) << report.error().message;
  const auto manifest = bench.manifest();
  ASSERT_EQ(manifest.gaps.size(), 1U);
  EXPECT_EQ(manifest.gaps[0].range, hours(40, 50));
  EXPECT_EQ(manifest.gaps[0].cause, GapCause::not_listed);
  EXPECT_EQ(manifest.gaps[0].state, GapState::accounted);
  EXPECT_EQ(manifest.gaps[0].looks, 1);
  EXPECT_THAT(manifest.gaps[0].evidence, ::testing::HasSubstr("1M, 1d, 1h"));
  EXPECT_EQ(manifest.instrument.valid_from, at(50));
  expect_truth(bench, hours(50, 100));

  // One look is enough, and the next read before it needs no probe.
  bench.connector->forget_asked();
  bench.clock.advance(48h);
  ASSERT_TRUE(bench.fill(hours(40, 100)));
  EXPECT_TRUE(bench.connector->asked().empty());
  ASSERT_TRUE(bench.fill(hours(0, 100)));
  EXPECT_TRUE(bench.connector->asked().empty());
  EXPECT_EQ(bench.manifest().gaps[0].range.begin(), at(0));
}

TEST(Listing, YearsBeforeTheFirstBarCostAProbeAndNotAPageEach) {
  const auto years_before = TimeRange::of(kStart - 24h * 365 * 5, at(100));
  for (const auto launch : {std::optional<TimePoint>{}, std::optional{kStart - 24h * 365 * 6}}) {
    Bench fresh;
    fresh.connector->list_from(at(0));
    fresh.connector->state_launch(launch);
    const auto report = fresh.fill(years_before);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_LT(report->requests, 60) << "of 439 pages";
    const auto manifest = fresh.manifest();
    ASSERT_EQ(manifest.gaps.size(), 1U);
    EXPECT_EQ(manifest.gaps[0].range, TimeRange::of(years_before.begin(), at(0)));
    EXPECT_EQ(manifest.gaps[0].cause, GapCause::not_listed);
    EXPECT_EQ(manifest.looked, std::vector{years_before});
    EXPECT_EQ(manifest.watermark, at(100));
    expect_truth(fresh, hours(0, 100));
  }
}

TEST(Listing, AHoleAfterTheFirstBarIsNoMatterOfListing) {
  Bench bench;
  bench.connector->hide(hours(0, 5));
  ASSERT_TRUE(bench.fill(hours(0, 100)));
  ASSERT_EQ(bench.manifest().gaps.size(), 1U);
  EXPECT_EQ(bench.manifest().gaps[0].cause, GapCause::unknown);
}

TEST(Listing, WhatTheExchangeNeverReturnedIsUnknown) {
  Bench bench;
  bench.connector->list_from(at(100'000));
  ASSERT_TRUE(bench.fill(hours(0, 10)));
  ASSERT_EQ(bench.manifest().gaps.size(), 1U);
  EXPECT_EQ(bench.manifest().gaps[0].cause, GapCause::unknown);
  EXPECT_EQ(bench.manifest().rows, 0);
}

TEST(Listing, AfterItsEndAnInstrumentIsNotListed) {
  Bench bench;
  bench.connector->end_at(at(60));
  ASSERT_TRUE(bench.fill(hours(0, 100)));
  ASSERT_EQ(bench.manifest().gaps.size(), 1U);
  EXPECT_EQ(bench.manifest().gaps[0].range, hours(60, 100));
  EXPECT_EQ(bench.manifest().gaps[0].cause, GapCause::not_listed);
}

TEST(Quarantine, ARefusedBarLeavesAGapThatSaysSo) {
  Bench bench;
  bench.connector->set_close(at(30), "NaN");
  bench.connector->set_close(at(31), "999999");  // above its high
  bench.connector->refuse(at(40), "S9");
  const auto report = bench.fill(hours(0, 100));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->rejected, 3);
  EXPECT_EQ(report->stored, 97);
  const auto manifest = bench.manifest();
  ASSERT_EQ(manifest.gaps.size(), 3U);
  EXPECT_EQ(manifest.gaps[0].evidence, "quarantined by S1");
  EXPECT_EQ(manifest.gaps[1].evidence, "quarantined by S2");
  EXPECT_EQ(manifest.gaps[2].evidence, "quarantined by S9");
  EXPECT_EQ(manifest.gaps[2].range, hours(40, 41));
  expect_truth(bench, hours(0, 100), {at(30), at(31), at(40)});
  EXPECT_EQ(bench.raw_rows(hours(0, 100)), 99U);  // raw keeps what a rule refused

  // A sound answer later heals it.
  bench.connector->set_close(at(30), FakeConnector::close_text(at(30)));
  bench.clock.advance(1h);
  ASSERT_TRUE(bench.fill(hours(0, 100)));
  EXPECT_EQ(bench.manifest().gaps.size(), 2U);
}

TEST(Failure, KeepsWhatWasDurableAndNamesSeriesAndRange) {
  Bench bench;
  bench.connector->fail_page(5, {ErrorCode::unavailable, "no route"});
  const auto failed = bench.fill(hours(0, 700));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::unavailable);
  EXPECT_THAT(failed.error().message, ::testing::HasSubstr("fake.spot.AAA@1h [2023-01-"));
  EXPECT_THAT(failed.error().message, ::testing::HasSubstr("no route"));
  const auto looked = bench.manifest().looked;
  ASSERT_EQ(looked.size(), 1U);
  expect_truth(bench, looked[0]);

  bench.connector->forget_asked();
  ASSERT_TRUE(bench.fill(hours(0, 700)));
  expect_truth(bench, hours(0, 700));
  for (const auto& [time, times] : bench.asked()) EXPECT_FALSE(looked[0].contains(time));
  EXPECT_EQ(bench.raw_rows(hours(0, 700)), 700U);
}

TEST(Failure, AnotherOriginIsRefusedByName) {
  Bench bench;
  ASSERT_TRUE(bench.fill(hours(0, 10)));
  bench.connector->set_origin("testnet");
  const auto refused = bench.fill(hours(10, 20));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr("testnet"));
  EXPECT_EQ(bench.manifest().rows, 10);
}

TEST(Failure, WhatIsNotServedIsTheCallersMistake) {
  Bench bench;
  const auto code = [&](const char* series) {
    const auto result = bench.filler->fill({Series::parse(series).value(), hours(0, 10), false, {}, {}});
    return result ? ErrorCode::internal : result.error().code;
  };
  EXPECT_EQ(code("bybit.spot.AAA@1h"), ErrorCode::unknown_exchange);
  EXPECT_EQ(code("fake.linear.AAA@1h"), ErrorCode::invalid_argument);
  EXPECT_EQ(code("fake.spot.AAA:mark@1h"), ErrorCode::invalid_argument);
  EXPECT_EQ(code("fake.spot.AAB@1h"), ErrorCode::unknown_symbol);
  EXPECT_TRUE(bench.connector->asked().empty());
}

// A store whose commits fail from a certain one on.
class FullStore final : public store::Store {
 public:
  explicit FullStore(std::shared_ptr<store::Store> inner) : inner_{std::move(inner)} {}
  std::atomic<int> commits_left{1'000'000};
  std::chrono::milliseconds commit_takes{0};

  Result<std::optional<store::Manifest>> manifest(const Series& series) const override {
    return inner_->manifest(series);
  }
  Result<std::vector<store::SeriesSummary>> list() const override { return inner_->list(); }
  Result<Frame> read(const store::Manifest& manifest, TimeRange range,
                     const store::ReadOptions& options) const override {
    return inner_->read(manifest, range, options);
  }
  Result<Frame> read_raw(const store::Manifest& manifest, TimeRange range,
                         const std::vector<std::string>& columns) const override {
    return inner_->read_raw(manifest, range, columns);
  }
  Result<std::optional<store::Resolution>> resolution(std::string_view exchange,
                                                      std::string_view symbol) const override {
    return inner_->resolution(exchange, symbol);
  }
  Result<std::optional<Listing>> instruments(std::string_view exchange, std::string_view market) const override {
    return inner_->instruments(exchange, market);
  }
  Result<std::map<std::string, std::string>> origins() const override { return inner_->origins(); }
  Result<std::vector<store::SegmentCheck>> verify(const Series& series) const override {
    return inner_->verify(series);
  }
  Result<store::Footprint> footprint(const Series& series) const override { return inner_->footprint(series); }
  std::string holder_socket() const override { return {}; }
  std::string quota_file() const override { return {}; }
  Result<std::unique_ptr<store::Writer>> lock(std::chrono::milliseconds wait, std::stop_token stop) override {
    auto writer = inner_->lock(wait, stop);
    if (!writer) return std::unexpected{std::move(writer).error()};
    return std::make_unique<FullWriter>(*this, *std::move(writer));
  }

 private:
  class FullWriter final : public store::Writer {
   public:
    FullWriter(FullStore& store, std::unique_ptr<store::Writer> inner) : store_{store}, inner_{std::move(inner)} {}
    Result<void> claim_origin(std::string_view exchange, std::string_view origin) override {
      return inner_->claim_origin(exchange, origin);
    }
    Result<void> put_instruments(std::string_view exchange, std::string_view market, const std::vector<Instrument>& all,
                                 TimePoint when) override {
      return inner_->put_instruments(exchange, market, all, when);
    }
    Result<store::Resolution> put_resolution(const store::Resolution& one) override {
      return inner_->put_resolution(one);
    }
    Result<store::IngestRun> begin_run(const Series& series, TimeRange range, Channel channel) override {
      return inner_->begin_run(series, range, channel);
    }
    Result<void> end_run(std::int64_t id, std::string_view outcome) override { return inner_->end_run(id, outcome); }
    Result<BarColumns> current(const Series& series, TimeRange range) override {
      return inner_->current(series, range);
    }
    Result<void> commit(const store::Batch& batch) override {
      std::this_thread::sleep_for(store_.commit_takes);
      if (store_.commits_left-- <= 0) return fail(ErrorCode::storage_full, "no space left on the device");
      return inner_->commit(batch);
    }
    Result<void> seal(const Series& series, TimePoint before) override { return inner_->seal(series, before); }
    Result<std::int64_t> accept_gaps(const Series& series, TimeRange range, std::string_view reason,
                                     TimePoint when) override {
      return inner_->accept_gaps(series, range, reason, when);
    }
    Result<store::Footprint> remove(const Series& series, store::Raw raw) override {
      return inner_->remove(series, raw);
    }

   private:
    FullStore& store_;
    std::unique_ptr<store::Writer> inner_;
  };

  std::shared_ptr<store::Store> inner_;
};

TEST(Failure, AFullStoreLosesNothingAndGoesOnWhenThereIsSpace) {
  const auto full = std::make_shared<FullStore>(std::make_shared<support::MemoryStore>());
  IngestOptions options;
  options.pages_in_flight = 4;
  Bench bench{full, options};
  bench.connector->slow_down(5ms);
  full->commits_left = 1;
  const auto failed = bench.fill(hours(0, 700));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::storage_full);
  const auto looked = bench.manifest().looked;
  ASSERT_EQ(looked.size(), 1U);
  expect_truth(bench, looked[0]);
  full->commits_left = 1'000'000;
  ASSERT_TRUE(bench.fill(hours(0, 700)));
  expect_truth(bench, hours(0, 700));
}

// The time for which the process computed, not the time that went by.
std::chrono::duration<double> computed() {
  return std::chrono::duration<double>{static_cast<double>(std::clock()) / CLOCKS_PER_SEC};
}

TEST(Commit, IsWaitedForAsleep) {
  const auto slow = std::make_shared<FullStore>(std::make_shared<support::MemoryStore>());
  IngestOptions options;
  options.commit_every = 10ms;
  Bench bench{slow, options};
  slow->commit_takes = 800ms;
  const auto before = computed();
  ASSERT_TRUE(bench.fill(hours(0, 10)));
  EXPECT_LT(computed() - before, 400ms);
}

TEST(Cancel, ReturnsSoonKeepsWhatIsDurableAndResumes) {
  IngestOptions options;
  options.pages_in_flight = 8;
  Bench bench{nullptr, options};
  bench.series = Series::parse("fake.spot.AAA@1m").value();
  bench.connector->slow_down(25ms);
  std::stop_source stop;
  std::chrono::steady_clock::time_point stopped;
  const auto range = hours(0, 24 * 8);  // 116 pages
  const auto cancelled = bench.fill(range, stop.get_token(), [&](const Progress& progress) {
    if (progress.done_bars < 500 || stop.stop_requested()) return;
    stopped = std::chrono::steady_clock::now();
    stop.request_stop();
  });
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, ErrorCode::cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - stopped, 200ms);
  const auto looked = bench.manifest().looked;
  ASSERT_EQ(looked.size(), 1U);
  EXPECT_GE(bench.series.timeframe.count(looked[0]), 500);

  std::this_thread::sleep_for(50ms);  // the pages in flight end by themselves
  bench.connector->slow_down(0ms);
  const auto before = bench.connector->asked().size();
  ASSERT_TRUE(bench.fill(range));
  const auto pages = bench.connector->pages(bench.series, range).size();
  EXPECT_LE(bench.connector->asked().size(), pages + 8);
  EXPECT_GT(before, 0U);
  expect_truth(bench, range);
  EXPECT_EQ(bench.raw_rows(range), static_cast<std::size_t>(bench.series.timeframe.count(range)));
}

TEST(Cancel, BeforeTheStart) {
  Bench bench;
  std::stop_source stop;
  stop.request_stop();
  const auto cancelled = bench.fill(hours(0, 10), stop.get_token());
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, ErrorCode::cancelled);
  EXPECT_TRUE(bench.connector->asked().empty());
}

TEST(Concurrent, FillsOfOverlappingRangesFetchEachBarOnce) {
  Bench bench;
  bench.connector->slow_down(3ms);
  std::atomic<std::int64_t> stored{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 6; ++i)
      threads.emplace_back([&, i] {
        const auto report = bench.fill(hours(i * 70, 300 + i * 70));
        ASSERT_TRUE(report) << report.error().message;
        stored += report->stored;
      });
  }
  EXPECT_EQ(stored, 650);
  for (const auto& [time, times] : bench.asked()) EXPECT_EQ(times, 1) << to_iso(time);
  expect_truth(bench, hours(0, 650));
  EXPECT_EQ(bench.manifest().looked, std::vector{hours(0, 650)});
}

TEST(Concurrent, ACancelledOwnerHandsOver) {
  Bench bench;
  bench.connector->slow_down(30ms);
  std::stop_source stop;
  std::jthread owner{[&] { (void)bench.fill(hours(0, 700), stop.get_token()); }};
  std::this_thread::sleep_for(10ms);
  std::jthread breaker{[&] {
    std::this_thread::sleep_for(20ms);
    stop.request_stop();
  }};
  const auto report = bench.fill(hours(0, 700));
  ASSERT_TRUE(report) << report.error().message;
  expect_truth(bench, hours(0, 700));
}

TEST(Concurrent, AWaiterSharesTheOwnersFailure) {
  Bench bench;
  bench.connector->slow_down(50ms);
  bench.connector->fail_page(1, {ErrorCode::unavailable, "down"});
  std::jthread owner{[&] { EXPECT_FALSE(bench.fill(hours(0, 50))); }};
  while (bench.connector->asked().empty()) std::this_thread::sleep_for(1ms);
  const auto waiter = bench.fill(hours(0, 50));
  ASSERT_FALSE(waiter);
  EXPECT_THAT(waiter.error().message, ::testing::HasSubstr("down"));
}

TEST(Concurrent, DifferentSeriesGoOnSideBySide) {
  Bench bench;
  bench.connector->slow_down(2ms);
  std::jthread other{[&] {
    const auto report = bench.filler->fill({Series::parse("fake.spot.BBB@1h").value(), hours(0, 400), false, {}, {}});
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->stored, 400);
  }};
  const auto report = bench.fill(hours(0, 400));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->stored, 400);
  other.join();
  EXPECT_EQ(bench.connector->instrument_requests(), 1);
}

TEST(ProgressOfAFill, NeverFallsAndIsToldOften) {
  IngestOptions options;
  options.pages_in_flight = 2;
  Bench bench{nullptr, options};
  bench.connector->slow_down(60ms);
  std::vector<Progress> told;
  std::vector<std::chrono::steady_clock::time_point> times{std::chrono::steady_clock::now()};
  ASSERT_TRUE(bench.fill(hours(0, 700), {}, [&](const Progress& progress) {
    told.push_back(progress);
    times.push_back(std::chrono::steady_clock::now());
  }));
  ASSERT_GE(told.size(), 2U);
  for (std::size_t i = 1; i < told.size(); ++i) {
    EXPECT_GE(told[i].done_bars, told[i - 1].done_bars);
    EXPECT_GE(told[i].requests, told[i - 1].requests);
    EXPECT_TRUE(told[i].planned);
    EXPECT_GE(told[i].eta_seconds, 0);
  }
  for (std::size_t i = 1; i < times.size(); ++i) EXPECT_LT(times[i] - times[i - 1], 500ms);
  EXPECT_EQ(told.back().done_bars, 700);
  EXPECT_EQ(told.back().total_bars, 700);
}

TEST(Published, IsToldOnceAFillStoredSomething) {
  std::vector<std::int64_t> told;
  IngestOptions options;
  options.on_published = [&](const Series& series, const FillReport& report) {
    EXPECT_EQ(series.text(), "fake.spot.AAA@1h");
    told.push_back(report.stored);
  };
  Bench bench{nullptr, options};
  ASSERT_TRUE(bench.fill(hours(0, 10)));
  ASSERT_TRUE(bench.fill(hours(0, 10)));
  EXPECT_EQ(told, std::vector<std::int64_t>{10});
}

TEST(Instruments, AreRefreshedWhenOldAndKeepTheDead) {
  Bench bench;
  ASSERT_TRUE(bench.filler->refresh_instruments("fake", "spot", 1h, {}));
  ASSERT_TRUE(bench.filler->refresh_instruments("fake", "spot", 1h, {}));
  EXPECT_EQ(bench.connector->instrument_requests(), 1);
  {
    auto lease = bench.hub->acquire(1s, {}).value();
    auto listing = bench.store->instruments("fake", "spot").value().value();
    auto gone = listing.instruments.front();
    gone.id = InstrumentId::parse("fake.spot.OLD").value();
    listing.instruments.front().valid_from = at(3);
    listing.instruments.push_back(gone);
    ASSERT_TRUE(lease.access([&](store::Writer& writer) {
      return writer.put_instruments("fake", "spot", listing.instruments, bench.clock.now());
    }));
  }
  bench.clock.advance(2h);
  ASSERT_TRUE(bench.filler->refresh_instruments("fake", "spot", 1h, {}));
  EXPECT_EQ(bench.connector->instrument_requests(), 2);
  const auto listing = bench.store->instruments("fake", "spot").value().value();
  ASSERT_EQ(listing.instruments.size(), 3U);
  EXPECT_EQ(listing.instruments[0].valid_from, at(3));
  EXPECT_EQ(listing.instruments[2].id.text(), "fake.spot.OLD");
  EXPECT_FALSE(listing.instruments[2].active);
  EXPECT_FALSE(bench.filler->refresh_instruments("fake", "linear", 1h, {}));
}

TEST(Resolutions, TheFirstStays) {
  Bench bench;
  const auto id = [](const char* text) { return InstrumentId::parse(text).value(); };
  const store::Resolution first{"fake", "AAA", id("fake.spot.AAA"), bench.clock.now()};
  auto second = first;
  second.instrument = id("fake.spot.BBB");
  EXPECT_EQ(bench.filler->remember(first, {}), first);
  EXPECT_EQ(bench.filler->remember(second, {}), first);
}

TEST(Lock, AHeldStoreIsUnavailableAfterTheWait) {
  IngestOptions options;
  Bench bench;
  options.lock_wait = 0ms;
  const auto filler =
      make_local_filler(bench.store, bench.hub, {{"fake", bench.connector}}, validate::RuleSet::make({}).value(),
                        bench.clock, bench.pool.get_executor(), options);
  auto other = bench.store->lock(0ms, {}).value();
  const auto refused = filler->fill({bench.series, hours(0, 10), false, {}, {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  other.reset();
  EXPECT_TRUE(filler->fill({bench.series, hours(0, 10), false, {}, {}}));
}

}  // namespace
}  // namespace tdm::ingest
