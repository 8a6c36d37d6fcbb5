#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tdm/store/store.hpp"     // Store, Writer
#include "tests/support/bars.hpp"  // bars_of, rows_of

// What every storage backend promises. A new backend adds one INSTANTIATE line with a harness of its own.
namespace tdm::support {

// One store, empty when the harness is made, that can be opened any number of times.
class StoreHarness {
 public:
  virtual ~StoreHarness() = default;
  virtual std::shared_ptr<store::Store> open() = 0;
};

struct StoreUnderTest {
  std::string name;
  std::function<std::unique_ptr<StoreHarness>()> make;
};

class StoreConformance : public ::testing::TestWithParam<StoreUnderTest> {
 protected:
  void SetUp() override {
    harness_ = GetParam().make();
    store_ = harness_->open();
    ASSERT_NE(store_, nullptr);
  }

  std::unique_ptr<store::Writer> lock() {
    auto writer = store_->lock(std::chrono::seconds{10}, {});
    EXPECT_TRUE(writer) << writer.error().message;
    return writer ? std::move(*writer) : nullptr;
  }

  void commit(store::Writer& writer, const store::Batch& batch) const {
    const auto done = writer.commit(batch);
    ASSERT_TRUE(done) << done.error().message;
  }

  void commit(const store::Batch& batch) {
    const auto writer = lock();
    ASSERT_NE(writer, nullptr);
    commit(*writer, batch);
  }

  store::Manifest manifest(const Series& series) const {
    auto found = store_->manifest(series);
    EXPECT_TRUE(found) << found.error().message;
    EXPECT_TRUE(found && *found) << series.text() << " was never written";
    return found && *found ? **found : store::Manifest{.series = series, .instrument = instrument_of(series)};
  }

  BarColumns read(const store::Manifest& at, TimeRange range = kAllTime, const store::ReadOptions& options = {}) const {
    const auto frame = store_->read(at, range, options);
    EXPECT_TRUE(frame) << frame.error().message;
    return frame ? rows_of(*frame) : BarColumns{};
  }

  BarColumns read(TimeRange range = kAllTime, const store::ReadOptions& options = {}) const {
    return read(manifest(series_), range, options);
  }

  TimePoint open_at(std::int64_t bar) const { return series_.timeframe.advance(kFirstOpen, bar); }
  TimeRange bars(std::int64_t first, std::int64_t last) const { return TimeRange::of(open_at(first), open_at(last)); }

  Gap gap(std::int64_t first, std::int64_t last) const {
    return Gap{.id = 0,
               .series = series_,
               .range = bars(first, last),
               .bars = last - first,
               .cause = GapCause::unknown,
               .evidence = "",
               .state = GapState::open,
               .first_look = kLearned,
               .last_look = kLearned,
               .looks = 1,
               .accepted_reason = ""};
  }

  Series series_ = series_of("bybit.linear.BTCUSDT@1h");
  std::unique_ptr<StoreHarness> harness_;
  std::shared_ptr<store::Store> store_;
};

TEST_P(StoreConformance, WhatWasNeverWrittenIsNothing) {
  EXPECT_EQ(store_->manifest(series_).value(), std::nullopt);
  EXPECT_TRUE(store_->list().value().empty());
  EXPECT_EQ(store_->resolution("bybit", "BTCUSDT").value(), std::nullopt);
  EXPECT_FALSE(store_->instruments("bybit", "linear").value().has_value());
  EXPECT_TRUE(store_->origins().value().empty());
  EXPECT_TRUE(store_->verify(series_).value().empty());
}

TEST_P(StoreConformance, EveryColumnComesBackBitForBit) {
  const auto written = bars_of(series_, {.rows = 50});
  commit(batch_of(series_, written));
  EXPECT_TRUE(equal_rows(read(), written));
  const auto now = manifest(series_);
  EXPECT_EQ(now.rows, 50);
  EXPECT_EQ(now.confirmed, 50);
  EXPECT_EQ(now.tail.size(), 0U);
  EXPECT_EQ(now.first_recorded, kLearned);
  EXPECT_EQ(now.instrument, instrument_of(series_));
}

TEST_P(StoreConformance, SpecialDoublesComeBackBitForBit) {
  auto written = bars_of(series_, {.rows = 3});
  written.open = {-0.0, 5e-324, 1.7976931348623157e308};
  commit(batch_of(series_, written));
  const auto open = read().open;
  ASSERT_EQ(open.size(), 3U);
  EXPECT_TRUE(std::signbit(open[0]));
  EXPECT_EQ(open, written.open);
}

TEST_P(StoreConformance, ARangeIsHalfOpenAndAnEmptyAnswerIsAFrame) {
  const auto written = bars_of(series_, {.rows = 10});
  commit(batch_of(series_, written));
  EXPECT_TRUE(equal_rows(read(bars(2, 5)), slice(written, 2, 5)));
  EXPECT_TRUE(equal_rows(read(TimeRange::of(open_at(2) + Micros{1}, open_at(5) + Micros{1})), slice(written, 3, 6)));
  for (const auto range : {bars(3, 3), bars(10, 20), bars(-9, 0)}) {
    const auto frame = store_->read(manifest(series_), range, {.columns = {"close"}});
    ASSERT_TRUE(frame) << frame.error().message;
    EXPECT_EQ(frame->rows, 0U);
    ASSERT_EQ(frame->columns.size(), 2U);
    EXPECT_TRUE(values_of<double>(*frame, "close").empty());
  }
}

TEST_P(StoreConformance, OnlyTheColumnsAskedForInTheirOrder) {
  commit(batch_of(series_, bars_of(series_, {.rows = 4})));
  const auto frame =
      store_->read(manifest(series_), kAllTime, {.columns = {"volume", "finality", "open_time", "close", "volume"}});
  ASSERT_TRUE(frame) << frame.error().message;
  std::vector<std::string> names;
  for (const auto& column : frame->columns) names.push_back(column.name);
  EXPECT_EQ(names, (std::vector<std::string>{"open_time", "volume", "finality", "close"}));
  EXPECT_EQ(values_of<double>(*frame, "close"), bars_of(series_, {.rows = 4}).close);
}

TEST_P(StoreConformance, AnUnknownColumnIsRefusedByName) {
  commit(batch_of(series_, bars_of(series_, {.rows = 4})));
  const auto frame = store_->read(manifest(series_), kAllTime, {.columns = {"colse"}});
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(frame.error().parameter, "columns");
  EXPECT_EQ(frame.error().suggestions.at(0), "close");
  EXPECT_FALSE(store_->read_raw(manifest(series_), kAllTime, {"finality"}));
}

TEST_P(StoreConformance, AnAnswerOutlivesTheStore) {
  const auto written = bars_of(series_, {.rows = 100});
  commit(batch_of(series_, written));
  const auto frame = store_->read(manifest(series_), kAllTime, {}).value();
  store_.reset();
  harness_.reset();
  EXPECT_TRUE(equal_rows(rows_of(frame), written));
}

TEST_P(StoreConformance, ARetryTellsNothingNew) {
  auto batch = batch_of(series_, bars_of(series_, {.rows = 20}));
  batch.raw = observations_of(series_, 0, 20, 1);
  batch.gaps = {gap(30, 32)};
  batch.watermark = open_at(20);
  commit(batch);
  const auto first = manifest(series_);
  commit(batch);
  const auto again = manifest(series_);
  EXPECT_EQ(again.version, first.version);
  EXPECT_EQ(again.rows, 20);
  EXPECT_EQ(again.gaps, first.gaps);
  EXPECT_EQ(again.segments, first.segments);
  EXPECT_TRUE(equal_rows(read(), batch.validated));
  EXPECT_EQ(store_->read_raw(again, kAllTime, {}).value().rows, 20U);
}

TEST_P(StoreConformance, TheSameValuesFromAnotherChannelTellNothingNew) {
  const auto written = bars_of(series_, {.rows = 20});
  commit(batch_of(series_, written));
  auto again = written;
  again.source.assign(again.size(), Channel::ws);
  again.recorded_at.assign(again.size(), kLearned + std::chrono::hours{1});
  const auto version = manifest(series_).version;
  commit(batch_of(series_, again));
  EXPECT_TRUE(equal_rows(read(), written));
  EXPECT_EQ(manifest(series_).version, version);
}

TEST_P(StoreConformance, ARevisionSupersedesAndTheOldValueIsKept) {
  const auto written = bars_of(series_, {.rows = 20});
  commit(batch_of(series_, written));
  const auto pinned = manifest(series_);

  const auto later = kLearned + std::chrono::hours{5};
  const auto revised = bars_of(
      series_,
      {.first = 7, .rows = 1, .price = 555, .finality = Finality::revised, .revision = 1, .recorded_at = later});
  commit(batch_of(series_, revised));

  auto expected = slice(written, 0, 7);
  append(expected, revised);
  append(expected, slice(written, 8, 20));
  EXPECT_TRUE(equal_rows(read(), expected));
  EXPECT_TRUE(equal_rows(read(kAllTime, {.as_of = later}), expected));
  EXPECT_TRUE(equal_rows(read(kAllTime, {.as_of = later - Micros{1}}), written)) << "as known before the revision";
  EXPECT_TRUE(equal_rows(read(bars(7, 8), {.as_of = kLearned}), slice(written, 7, 8)));
  EXPECT_TRUE(equal_rows(read(pinned), written)) << "a pin reads the same bytes for ever";
  EXPECT_GT(manifest(series_).version, pinned.version);
  EXPECT_EQ(manifest(series_).rows, 20);
  EXPECT_EQ(manifest(series_).confirmed, 20);
}

TEST_P(StoreConformance, RevisionsOfRevisionsKeepTheirOrder) {
  std::vector<BarColumns> values;
  for (std::int32_t revision = 0; revision < 4; ++revision) {
    values.push_back(bars_of(series_, {.rows = 3,
                                       .price = 100.0 + revision,
                                       .finality = revision == 0 ? Finality::confirmed : Finality::revised,
                                       .revision = revision,
                                       .recorded_at = kLearned + std::chrono::hours{revision}}));
    commit(batch_of(series_, values.back()));
  }
  for (std::int32_t revision = 0; revision < 4; ++revision)
    EXPECT_TRUE(equal_rows(read(kAllTime, {.as_of = kLearned + std::chrono::hours{revision}}),
                           values[static_cast<std::size_t>(revision)]));
  EXPECT_TRUE(equal_rows(read(), values.back()));
}

TEST_P(StoreConformance, AsOfBeforeTheFirstKnowledgeIsAnError) {
  commit(batch_of(series_, bars_of(series_, {.rows = 20})));
  const auto frame = store_->read(manifest(series_), kAllTime, {.as_of = kLearned - Micros{1}});
  ASSERT_FALSE(frame) << "an empty frame would be a lie";
  EXPECT_EQ(frame.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(frame.error().parameter, "as_of");
}

TEST_P(StoreConformance, RowsOfBatchesInAnyOrderAreReadByTime) {
  BarColumns expected;
  const auto writer = lock();
  for (const std::int64_t first : {40, 0, 20, 10, 30})
    commit(*writer, batch_of(series_, bars_of(series_, {.first = first, .rows = 10, .price = 10.0 + double(first)})));
  // One that fills every second bar between the others, and overlaps none.
  auto sparse = bars_of(series_, {.first = 50, .rows = 20});
  BarColumns even, odd;
  for (std::size_t row = 0; row < sparse.size(); ++row) append_row(row % 2 == 0 ? even : odd, sparse, row);
  commit(*writer, batch_of(series_, even));
  commit(*writer, batch_of(series_, odd));
  for (std::int64_t first = 0; first < 50; first += 10)
    append(expected, bars_of(series_, {.first = first, .rows = 10, .price = 10.0 + double(first)}));
  append(expected, sparse);
  EXPECT_TRUE(equal_rows(read(), expected));
  EXPECT_TRUE(equal_rows(read(bars(15, 64)), slice(expected, 15, 64)));
  EXPECT_TRUE(equal_rows(writer->current(series_, bars(15, 64)).value(), slice(expected, 15, 64)));
}

TEST_P(StoreConformance, ProvisionalRowsAreATailUntilConfirmed) {
  const auto confirmed = bars_of(series_, {.rows = 10});
  const auto young = bars_of(series_, {.first = 10, .rows = 2, .price = 300, .finality = Finality::provisional});
  auto both = confirmed;
  append(both, young);
  commit(batch_of(series_, both));

  auto now = manifest(series_);
  EXPECT_TRUE(equal_rows(now.tail, young));
  EXPECT_EQ(now.rows, 12);
  EXPECT_EQ(now.confirmed, 10);
  EXPECT_TRUE(equal_rows(read(), confirmed));
  EXPECT_TRUE(equal_rows(read(kAllTime, {.include_tail = true}), both));
  EXPECT_TRUE(equal_rows(read(bars(9, 11), {.include_tail = true}), slice(both, 9, 11)));

  const auto later = kLearned + std::chrono::minutes{10};
  auto proven = young;
  proven.finality.assign(2, Finality::confirmed);
  proven.recorded_at.assign(2, later);
  commit(batch_of(series_, slice(proven, 0, 1)));
  now = manifest(series_);
  EXPECT_TRUE(equal_rows(now.tail, slice(young, 1, 2)));
  EXPECT_EQ(now.confirmed, 11);
  auto expected = confirmed;
  append(expected, slice(proven, 0, 1));
  EXPECT_TRUE(equal_rows(read(), expected));
  append(expected, slice(young, 1, 2));
  EXPECT_TRUE(equal_rows(read(kAllTime, {.include_tail = true}), expected));
  EXPECT_TRUE(equal_rows(lock()->current(series_, kAllTime).value(), expected));
  EXPECT_TRUE(equal_rows(read(kAllTime, {.as_of = kLearned, .include_tail = true}), both))
      << "known as provisional then";
  EXPECT_TRUE(equal_rows(read(kAllTime, {.as_of = kLearned}), confirmed));
}

TEST_P(StoreConformance, AProvisionalRowMayChangeAndTheOldValueIsKept) {
  const auto first = bars_of(series_, {.rows = 2, .finality = Finality::provisional});
  const auto later = kLearned + std::chrono::minutes{1};
  const auto second =
      bars_of(series_, {.rows = 2, .price = 101, .finality = Finality::provisional, .recorded_at = later});
  commit(batch_of(series_, first));
  commit(batch_of(series_, second));
  EXPECT_TRUE(equal_rows(read(kAllTime, {.include_tail = true}), second));
  EXPECT_TRUE(equal_rows(read(kAllTime, {.as_of = kLearned, .include_tail = true}), first));
  EXPECT_EQ(read().size(), 0U);
}

TEST_P(StoreConformance, AProvisionalRowNeverReplacesAConfirmedOne) {
  const auto confirmed = bars_of(series_, {.rows = 4});
  commit(batch_of(series_, confirmed));
  commit(batch_of(series_, bars_of(series_, {.first = 2, .rows = 1, .price = 7, .finality = Finality::provisional})));
  EXPECT_TRUE(equal_rows(read(kAllTime, {.include_tail = true}), confirmed));
  EXPECT_EQ(manifest(series_).tail.size(), 0U);
}

TEST_P(StoreConformance, TheAccountMovesWithTheRows) {
  auto batch = batch_of(series_, bars_of(series_, {.rows = 10}));
  batch.gaps = {gap(12, 14), gap(10, 11)};
  batch.looked = {bars(0, 14)};
  batch.watermark = open_at(14);
  commit(batch);
  auto now = manifest(series_);
  ASSERT_EQ(now.gaps.size(), 2U);
  EXPECT_EQ(now.gaps[0].range, bars(10, 11)) << "by begin";
  EXPECT_NE(now.gaps[0].id, now.gaps[1].id);
  EXPECT_NE(now.gaps[0].id, 0);
  EXPECT_EQ(now.looked, std::vector{bars(0, 14)});
  EXPECT_EQ(now.watermark, open_at(14));

  // The first hole is filled, the second is explained; nothing is said about the watermark.
  auto filled = batch_of(series_, bars_of(series_, {.first = 10, .rows = 1}));
  filled.gaps = now.gaps;
  filled.gaps[0].state = GapState::closed;
  filled.gaps[1].state = GapState::accounted;
  filled.gaps[1].cause = GapCause::exchange_outage;
  filled.gaps[1].evidence = "status page";
  filled.looked = {bars(14, 20), bars(30, 31)};
  const auto explained = filled.gaps[1];
  commit(filled);
  now = manifest(series_);
  EXPECT_EQ(now.gaps, std::vector{explained});
  EXPECT_EQ(now.looked, (std::vector{bars(0, 20), bars(30, 31)}));
  EXPECT_EQ(now.watermark, open_at(14));
}

TEST_P(StoreConformance, ABatchMayHaveNoRows) {
  auto batch = batch_of(series_, {});
  batch.looked = {bars(0, 24)};
  batch.gaps = {gap(0, 24)};
  batch.watermark = open_at(24);
  commit(batch);
  const auto now = manifest(series_);
  EXPECT_EQ(now.rows, 0);
  EXPECT_EQ(now.gaps.size(), 1U);
  EXPECT_EQ(now.looked, std::vector{bars(0, 24)});
  EXPECT_EQ(read().size(), 0U);
}

TEST_P(StoreConformance, ABatchIsAllOrNothing) {
  commit(batch_of(series_, bars_of(series_, {.rows = 5})));
  const auto before = manifest(series_);
  const auto good = bars_of(series_, {.first = 5, .rows = 5});

  std::vector<store::Batch> bad;
  bad.push_back(batch_of(series_, good));
  std::swap(bad.back().validated.open_time[1], bad.back().validated.open_time[2]);  // not sorted
  bad.push_back(batch_of(series_, good));
  bad.back().validated.open_time[2] = bad.back().validated.open_time[1];  // a key twice
  bad.push_back(batch_of(series_, good));
  bad.back().validated.close.pop_back();  // a short column
  bad.push_back(batch_of(series_, good));
  bad.back().raw = observations_of(series_, 5, 5, 1);
  bad.back().raw.extra.append_null();  // a long one
  bad.push_back(batch_of(series_, good));
  bad.back().gaps = {gap(20, 21)};
  bad.back().gaps[0].id = 4711;  // no such gap
  bad.push_back(batch_of(series_, good));
  bad.back().gaps = {gap(20, 21)};
  bad.back().gaps[0].series = series_of("bybit.linear.ETHUSDT@1h");

  const auto writer = lock();
  for (const auto& batch : bad) {
    const auto done = writer->commit(batch);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::invalid_argument) << done.error().message;
    const auto after = manifest(series_);
    EXPECT_EQ(after.version, before.version);
    EXPECT_EQ(after.gaps, before.gaps);
    EXPECT_EQ(after.looked, before.looked);
    EXPECT_EQ(read().size(), 5U);
    EXPECT_EQ(store_->read_raw(after, kAllTime, {}).value().rows, 0U);
  }
  commit(*writer, batch_of(series_, good));
  EXPECT_EQ(read().size(), 10U) << "a refused batch does no harm to the next";
}

TEST_P(StoreConformance, RawTextComesBackExactly) {
  auto batch = batch_of(series_, {});
  batch.raw = observations_of(series_, 0, 9, 42);
  const auto& sent = batch.raw;
  commit(batch);
  const auto frame = store_->read_raw(manifest(series_), kAllTime, {}).value();
  ASSERT_EQ(frame.rows, 9U);
  EXPECT_EQ(frame.columns.size(), raw_column_names().size());
  EXPECT_EQ(values_of<TimePoint>(frame, "open_time"), sent.open_time);
  EXPECT_EQ(values_of<TimePoint>(frame, "event_time"), sent.event_time);
  EXPECT_EQ(values_of<TimePoint>(frame, "received_at"), sent.received_at);
  EXPECT_EQ(text_of(frame, "open"), sent.open);
  EXPECT_EQ(text_of(frame, "low"), sent.low);
  EXPECT_EQ(text_of(frame, "close"), sent.close) << "an empty text is not a null";
  EXPECT_EQ(text_of(frame, "quote_volume"), sent.quote_volume);
  EXPECT_EQ(text_of(frame, "trade_count"), sent.trade_count);
  EXPECT_EQ(text_of(frame, "extra"), sent.extra);
  for (std::size_t row = 0; row < frame.rows; ++row) {
    EXPECT_EQ(text_of(frame, "ingest_id")[row], "42");
    EXPECT_EQ(text_of(frame, "channel")[row], "rest");
    EXPECT_EQ(text_of(frame, "close_proof")[row], row % 2 == 0 ? "none" : "exchange_flag");
  }
  const auto part = store_->read_raw(manifest(series_), bars(2, 4), {"extra"}).value();
  EXPECT_EQ(part.rows, 2U);
  EXPECT_EQ(part.columns.size(), 2U);
}

TEST_P(StoreConformance, EveryObservationIsKeptByTimeAndIngest) {
  const auto writer = lock();
  for (const std::int64_t ingest : {2, 3, 1}) {
    auto batch = batch_of(series_, {});
    batch.raw = observations_of(series_, ingest, 4, ingest);
    commit(*writer, batch);
  }
  const auto check = [&] {
    const auto frame = store_->read_raw(manifest(series_), kAllTime, {"ingest_id"}).value();
    ASSERT_EQ(frame.rows, 12U);
    std::vector<std::pair<TimePoint, std::int64_t>> keys;
    const auto times = values_of<TimePoint>(frame, "open_time");
    for (std::size_t row = 0; row < frame.rows; ++row)
      keys.emplace_back(times[row], std::stoll(std::string{*text_of(frame, "ingest_id")[row]}));
    EXPECT_TRUE(std::ranges::is_sorted(keys));
    EXPECT_EQ(store_->read_raw(manifest(series_), bars(3, 4), {}).value().rows, 3U);
  };
  check();
  ASSERT_TRUE(writer->seal(series_, TimePoint::max()));
  check();
}

TEST_P(StoreConformance, TheFirstResolutionStays) {
  const store::Resolution first{"bybit", "btcusdt", series_.instrument, kLearned};
  store::Resolution second = first;
  second.instrument = InstrumentId::parse("bybit.spot.BTCUSDT").value();
  {
    const auto writer = lock();
    EXPECT_EQ(writer->put_resolution(first).value(), first);
    EXPECT_EQ(writer->put_resolution(second).value(), first);
  }
  EXPECT_EQ(store_->resolution("bybit", "btcusdt").value(), first);
  EXPECT_EQ(store_->resolution("bybit", "BTCUSDT").value(), std::nullopt) << "the symbol as it was asked for";
  EXPECT_EQ(harness_->open()->resolution("bybit", "btcusdt").value(), first);
}

TEST_P(StoreConformance, AStoreHasOneOriginPerExchange) {
  const auto writer = lock();
  ASSERT_TRUE(writer->claim_origin("bybit", "mainnet"));
  ASSERT_TRUE(writer->claim_origin("bybit", "mainnet"));
  ASSERT_TRUE(writer->claim_origin("binance", "testnet"));
  const auto refused = writer->claim_origin("bybit", "127.0.0.1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(refused.error().message.find("mainnet"), std::string::npos);
  EXPECT_NE(refused.error().message.find("127.0.0.1"), std::string::npos);
  EXPECT_EQ(store_->origins().value(),
            (std::map<std::string, std::string>{{"binance", "testnet"}, {"bybit", "mainnet"}}));
  commit(*writer, batch_of(series_, bars_of(series_, {.rows = 1})));
  EXPECT_EQ(manifest(series_).origin, "mainnet");
}

TEST_P(StoreConformance, InstrumentsAreListedAsTheyWereFetched) {
  auto dead = instrument_of(series_of("bybit.linear.LUNAUSDT@1h"));
  dead.active = false;
  dead.valid_to = kLearned;
  dead.delivery_time = kLearned;
  dead.details = "";
  const std::vector all{instrument_of(series_), dead};
  const auto writer = lock();
  ASSERT_TRUE(writer->put_instruments("bybit", "linear", {dead}, kLearned - std::chrono::hours{1}));
  ASSERT_TRUE(writer->put_instruments("bybit", "linear", all, kLearned));
  const auto listing = store_->instruments("bybit", "linear").value();
  ASSERT_TRUE(listing);
  EXPECT_EQ(listing->at, kLearned);
  EXPECT_EQ(listing->instruments, all);
  EXPECT_FALSE(store_->instruments("bybit", "spot").value());
}

TEST_P(StoreConformance, RunsHaveGrowingIdsAcrossWriters) {
  std::int64_t last = 0;
  for (int round = 0; round < 2; ++round) {
    const auto writer = lock();
    for (int i = 0; i < 2; ++i) {
      const auto run = writer->begin_run(series_, bars(0, 5), Channel::archive);
      ASSERT_TRUE(run) << run.error().message;
      EXPECT_GT(run->id, last);
      EXPECT_EQ(run->series, series_);
      EXPECT_EQ(run->channel, Channel::archive);
      last = run->id;
      ASSERT_TRUE(writer->end_run(run->id, "done"));
    }
  }
  const auto unknown = lock()->end_run(last + 1, "done");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::not_found);
}

TEST_P(StoreConformance, AcceptedGapsCarryTheReason) {
  auto batch = batch_of(series_, bars_of(series_, {.rows = 2}));
  batch.gaps = {gap(2, 4), gap(10, 12), gap(20, 30)};
  commit(batch);
  const auto version = manifest(series_).version;
  EXPECT_EQ(lock()->accept_gaps(series_, bars(0, 25), "exchange was closed", kLearned).value(), 2);
  const auto now = manifest(series_);
  ASSERT_EQ(now.gaps.size(), 3U);
  EXPECT_EQ(now.gaps[0].accepted_reason, "exchange was closed");
  EXPECT_EQ(now.gaps[0].state, GapState::accounted);
  EXPECT_EQ(now.gaps[1].accepted_reason, "exchange was closed");
  EXPECT_EQ(now.gaps[2].accepted_reason, "") << "only partly inside";
  EXPECT_EQ(now.gaps[2].state, GapState::open);
  EXPECT_GT(now.version, version);
  EXPECT_EQ(lock()->accept_gaps(series_of("bybit.linear.ETHUSDT@1h"), bars(0, 25), "none", kLearned).value(), 0);
}

TEST_P(StoreConformance, TheLockHasOneHolder) {
  auto writer = lock();
  const auto other = harness_->open();
  const auto refused = other->lock(std::chrono::milliseconds{0}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);

  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(other->lock(std::chrono::milliseconds{60}, {}).error().code, ErrorCode::unavailable);
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds{60});

  writer.reset();
  const auto taken = other->lock(std::chrono::milliseconds{0}, {});
  EXPECT_TRUE(taken) << taken.error().message;
}

TEST_P(StoreConformance, AWaiterGetsTheLockWhenItIsReleased) {
  auto writer = lock();
  std::atomic<bool> got{false};
  std::jthread waiter{[&] {
    const auto mine = harness_->open()->lock(std::chrono::seconds{10}, {});
    got = mine.has_value();
  }};
  std::this_thread::sleep_for(std::chrono::milliseconds{30});
  EXPECT_FALSE(got);
  writer.reset();
  waiter.join();
  EXPECT_TRUE(got);
}

TEST_P(StoreConformance, WaitingForTheLockCanBeCancelled) {
  const auto writer = lock();
  std::stop_source stop;
  std::optional<ErrorCode> code;
  std::jthread waiter{[&] {
    const auto mine = store_->lock(std::chrono::seconds{30}, stop.get_token());
    if (!mine) code = mine.error().code;
  }};
  std::this_thread::sleep_for(std::chrono::milliseconds{20});
  const auto began = std::chrono::steady_clock::now();
  stop.request_stop();
  waiter.join();
  EXPECT_EQ(code, ErrorCode::cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::milliseconds{200});
}

TEST_P(StoreConformance, ReadersSeeWholeBatchesWhileOneWrites) {
  constexpr std::size_t kRows = 64;
  constexpr int kBatches = 25;
  const auto value = [&](int batch) {
    auto rows = bars_of(series_, {.rows = kRows,
                                  .finality = batch == 0 ? Finality::confirmed : Finality::revised,
                                  .revision = batch,
                                  .recorded_at = kLearned + std::chrono::seconds{batch}});
    rows.open.assign(kRows, static_cast<double>(batch));
    return rows;
  };
  commit(batch_of(series_, value(0)));
  std::atomic<bool> done{false};
  std::atomic<int> reads{0};
  std::vector<std::jthread> readers;
  for (int i = 0; i < 2; ++i)
    readers.emplace_back([&] {
      const auto mine = harness_->open();
      double last = 0;
      while (!done || reads < 4) {
        const auto at = mine->manifest(series_);
        ASSERT_TRUE(at && *at);
        const auto frame = mine->read(**at, kAllTime, {.columns = {"open", "revision"}});
        ASSERT_TRUE(frame) << frame.error().message;
        ASSERT_EQ(frame->rows, kRows);
        const auto open = values_of<double>(*frame, "open");
        ASSERT_EQ(open, std::vector<double>(kRows, open[0])) << "a batch is seen whole";
        ASSERT_GE(open[0], last) << "knowledge never goes back";
        last = open[0];
        ++reads;
      }
    });
  const auto writer = lock();
  for (int batch = 1; batch < kBatches; ++batch) {
    commit(*writer, batch_of(series_, value(batch)));
    if (batch % 8 == 0) {
      ASSERT_TRUE(writer->seal(series_, TimePoint::max()));
    }
  }
  done = true;
  readers.clear();
  EXPECT_EQ(read().open.front(), kBatches - 1);
}

TEST_P(StoreConformance, SealingChangesNoAnswer) {
  const auto writer = lock();
  BarColumns expected;
  for (std::int64_t first = 0; first < 200; first += 20) {
    auto batch = batch_of(series_, bars_of(series_, {.first = first, .rows = 20, .price = 50.0 + double(first)}));
    batch.raw = observations_of(series_, first, 20, 1);
    append(expected, batch.validated);
    commit(*writer, batch);
  }
  const auto revised = bars_of(series_, {.first = 30,
                                         .rows = 5,
                                         .price = 9,
                                         .finality = Finality::revised,
                                         .revision = 1,
                                         .recorded_at = kLearned + Micros{9}});
  commit(*writer, batch_of(series_, revised));
  const auto young = bars_of(series_, {.first = 200, .rows = 1, .finality = Finality::provisional});
  commit(*writer, batch_of(series_, young));

  const auto pinned = manifest(series_);
  const auto before = read(pinned);
  const auto raw_before = text_of(store_->read_raw(pinned, kAllTime, {}).value(), "open");
  const auto sealed = writer->seal(series_, TimePoint::max());
  ASSERT_TRUE(sealed) << sealed.error().message;
  const auto now = manifest(series_);
  EXPECT_LE(now.segments.size(), pinned.segments.size());
  EXPECT_EQ(now.rows, 201);
  EXPECT_TRUE(equal_rows(now.tail, young));
  EXPECT_TRUE(equal_rows(read(now), before));
  EXPECT_TRUE(equal_rows(read(pinned), before)) << "the old manifest stays readable";
  EXPECT_TRUE(equal_rows(read(now, kAllTime, {.as_of = kLearned}), expected));
  EXPECT_EQ(text_of(store_->read_raw(now, kAllTime, {}).value(), "open"), raw_before);
  EXPECT_EQ(text_of(store_->read_raw(pinned, kAllTime, {}).value(), "open"), raw_before);
  const auto checks = store_->verify(series_).value();  // named: a temporary would be gone in the loop
  for (const auto& check : checks) EXPECT_EQ(check.problem, "") << check.segment.path;
}

TEST_P(StoreConformance, SeriesAreSeparate) {
  std::map<Series, BarColumns> written;
  double price = 10;
  for (const auto* name :
       {"bybit.linear.BTCUSDT@1h", "bybit.linear.BTCUSDT@1m", "bybit.linear.BTCUSDT:mark@1h", "bybit.spot.BTCUSDT@1h",
        "bybit.linear.ETHUSDT@1h", "bybit.linear.BTC-26DEC25@1M", "bybit.linear.\xE5\xB8\x81\xE5\xAE\x89.x+y_z@1w"}) {
    const auto series = series_of(name);
    auto bars = bars_of(series, {.rows = 6, .price = price += 10});
    commit(batch_of(series, bars));
    written.emplace(series, std::move(bars));
  }
  for (const auto& [series, bars] : written) EXPECT_TRUE(equal_rows(read(manifest(series)), bars)) << series.text();
  const auto all = harness_->open()->list().value();
  ASSERT_EQ(all.size(), written.size());
  for (const auto& summary : all) {
    ASSERT_TRUE(written.contains(summary.series)) << summary.series.text();
    const auto& bars = written.at(summary.series);
    EXPECT_EQ(summary.first, bars.open_time.front());
    EXPECT_EQ(summary.last, bars.open_time.back());
    EXPECT_EQ(summary.rows, 6);
    EXPECT_EQ(summary.confirmed, 6);
  }
}

TEST_P(StoreConformance, AnotherOpeningSeesAllOfIt) {
  auto batch = batch_of(series_, bars_of(series_, {.rows = 30}));
  append(batch.validated, bars_of(series_, {.first = 30, .rows = 2, .finality = Finality::provisional}));
  batch.raw = observations_of(series_, 0, 30, 1);
  batch.gaps = {gap(40, 41)};
  batch.watermark = open_at(30);
  batch.quarantine = {Rejection{.open_time = std::nullopt,
                                .rule = "S2",
                                .rule_version = 1,
                                .reason = "no open time",
                                .raw = "[null]",
                                .ingest_id = 1,
                                .recorded_at = kLearned}};
  commit(batch);
  const auto before = manifest(series_);
  store_ = harness_->open();
  const auto now = manifest(series_);
  EXPECT_EQ(now.version, before.version);
  EXPECT_EQ(now.watermark, before.watermark);
  EXPECT_EQ(now.gaps, before.gaps);
  EXPECT_EQ(now.looked, before.looked);
  EXPECT_EQ(now.segments, before.segments);
  EXPECT_EQ(now.instrument, before.instrument);
  EXPECT_EQ(now.first_recorded, before.first_recorded);
  EXPECT_TRUE(equal_rows(now.tail, before.tail));
  EXPECT_TRUE(equal_rows(read(now, kAllTime, {.include_tail = true}), batch.validated));
  EXPECT_EQ(store_->read_raw(now, kAllTime, {}).value().rows, 30U);
}

TEST_P(StoreConformance, ARemovedSeriesIsGoneAndTheOthersStay) {
  const auto other = series_of("bybit.linear.BTCUSDT@1m");
  auto batch = batch_of(series_, bars_of(series_, {.rows = 30}));
  append(batch.validated, bars_of(series_, {.first = 30, .rows = 2, .finality = Finality::provisional}));
  batch.raw = observations_of(series_, 0, 30, 1);
  batch.gaps = {gap(40, 41)};
  batch.watermark = open_at(30);
  commit(batch);
  commit(batch_of(series_, bars_of(series_, {.first = 3,
                                             .rows = 1,
                                             .price = 5,
                                             .finality = Finality::revised,
                                             .revision = 1,
                                             .recorded_at = kLearned + Micros{9}})));
  const auto theirs = bars_of(other, {.rows = 6});
  commit(batch_of(other, theirs));

  const auto held = store_->footprint(series_).value();
  EXPECT_EQ(held.rows, 32);
  EXPECT_EQ(held.raw_rows, 30);
  const auto pinned = manifest(series_);
  const auto answer = store_->read(pinned, kAllTime, {});
  const auto before = rows_of(answer.value());
  {
    const auto writer = lock();
    const auto gone = writer->remove(series_, store::Raw::kept);
    ASSERT_TRUE(gone) << gone.error().message;
    EXPECT_EQ(gone->rows, 32);
    EXPECT_EQ(gone->bytes, held.bytes);
    EXPECT_EQ(gone->raw_rows, 0);
    EXPECT_EQ(writer->current(series_, kAllTime).value().size(), 0U);
    EXPECT_EQ(writer->accept_gaps(series_, kAllTime, "none", kLearned).value(), 0);
    EXPECT_TRUE(writer->seal(series_, TimePoint::max()));
    EXPECT_EQ(writer->remove(series_, store::Raw::kept).error().code, ErrorCode::not_found) << "once is enough";
    EXPECT_EQ(writer->remove(series_of("bybit.linear.ETHUSDT@1h"), store::Raw::removed).error().code,
              ErrorCode::not_found);
  }
  for (const auto& store : {store_, harness_->open()}) {
    EXPECT_EQ(store->manifest(series_).value(), std::nullopt);
    ASSERT_EQ(store->list().value().size(), 1U);
    EXPECT_EQ(store->list().value().front().series, other);
    EXPECT_TRUE(store->verify(series_).value().empty());
    EXPECT_EQ(store->footprint(series_).value(), (store::Footprint{.raw_rows = 30, .raw_bytes = held.raw_bytes}));
    const auto late = store->read(pinned, kAllTime, {});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, ErrorCode::not_found) << late.error().message;
  }
  EXPECT_TRUE(equal_rows(rows_of(answer.value()), before)) << "an answer outlives the removal";
  EXPECT_TRUE(equal_rows(read(manifest(other)), theirs));
}

TEST_P(StoreConformance, ARemovedSeriesBeginsAnewAndKeepsItsObservations) {
  auto first = batch_of(series_, bars_of(series_, {.rows = 10}));
  first.raw = observations_of(series_, 0, 10, 1);
  first.gaps = {gap(20, 21)};
  first.watermark = open_at(10);
  commit(first);
  const auto before = manifest(series_);
  ASSERT_TRUE(lock()->remove(series_, store::Raw::kept));

  const auto later = kLearned + std::chrono::hours{5};
  auto second = batch_of(series_, bars_of(series_, {.first = 4, .rows = 3, .price = 7, .recorded_at = later}));
  second.raw = observations_of(series_, 4, 3, 2);
  commit(second);
  store_ = harness_->open();
  const auto now = manifest(series_);
  EXPECT_GT(now.version, before.version) << "nothing that names an old version is taken for this one";
  EXPECT_EQ(now.rows, 3);
  EXPECT_TRUE(equal_rows(read(now), second.validated));
  EXPECT_EQ(now.looked, second.looked);
  EXPECT_EQ(now.watermark, std::nullopt);
  EXPECT_TRUE(now.gaps.empty());
  EXPECT_EQ(now.first_recorded, later);
  EXPECT_FALSE(store_->read(now, kAllTime, {.as_of = kLearned})) << "what was known before is gone";
  EXPECT_EQ(store_->read_raw(now, kAllTime, {}).value().rows, 13U);
  EXPECT_EQ(store_->read(before, kAllTime, {}).error().code, ErrorCode::not_found);
}

TEST_P(StoreConformance, ObservationsGoWhenThatIsAskedFor) {
  auto batch = batch_of(series_, bars_of(series_, {.rows = 10}));
  batch.raw = observations_of(series_, 0, 10, 1);
  commit(batch);
  const auto writer = lock();
  ASSERT_TRUE(writer->remove(series_, store::Raw::kept));
  const auto rest = writer->remove(series_, store::Raw::removed);
  ASSERT_TRUE(rest) << rest.error().message;
  EXPECT_EQ(rest->raw_rows, 10);
  EXPECT_EQ(rest->rows, 0);
  EXPECT_EQ(store_->footprint(series_).value(), store::Footprint{});
  commit(*writer, batch);
  EXPECT_EQ(store_->read_raw(manifest(series_), kAllTime, {}).value().rows, 10U);
  EXPECT_EQ(writer->remove(series_, store::Raw::removed)->raw_rows, 10);
  EXPECT_EQ(writer->remove(series_, store::Raw::removed).error().code, ErrorCode::not_found);
}

TEST_P(StoreConformance, ReadersSeeARemovedSeriesWholeOrNotAtAll) {
  constexpr std::size_t kRows = 64;
  constexpr int kRounds = 12;
  std::atomic<bool> done{false};
  std::atomic<int> reads{0};
  std::vector<std::jthread> readers;
  for (int i = 0; i < 2; ++i)
    readers.emplace_back([&] {
      const auto mine = harness_->open();
      while (!done || reads < 4) {
        ++reads;
        const auto at = mine->manifest(series_);
        ASSERT_TRUE(at) << at.error().message;
        if (!*at) continue;
        const auto frame = mine->read(**at, kAllTime, {.columns = {"open"}});
        if (frame) {
          ASSERT_EQ(frame->rows, kRows);
        } else {
          ASSERT_EQ(frame.error().code, ErrorCode::not_found) << frame.error().message;
        }
      }
    });
  const auto writer = lock();
  for (int round = 0; round < kRounds; ++round) {
    commit(*writer, batch_of(series_, bars_of(series_, {.rows = kRows})));
    ASSERT_TRUE(writer->remove(series_, store::Raw::kept));
  }
  done = true;
}

// Random batches against a model that keeps every version in a list.
TEST_P(StoreConformance, RandomBatchesAgreeWithAModel) {
  struct Version {
    TimePoint recorded_at;
    double open;
  };
  std::map<std::int64_t, std::vector<Version>> model;  // confirmed bars only
  std::mt19937 random{20'230'101};
  const auto pick = [&](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
  auto writer = lock();
  std::vector<TimePoint> commits;
  for (int round = 0; round < 40; ++round) {
    const auto recorded_at = kLearned + std::chrono::seconds{round};
    commits.push_back(recorded_at);
    BarColumns bars;
    for (std::int64_t bar = pick(900), last = bar + 1 + pick(30); bar < last; bar += 1 + pick(3)) {
      const double open = pick(3);  // few values, so that the same one comes again
      auto row = bars_of(series_, {.first = bar, .rows = 1, .recorded_at = recorded_at});
      row.open[0] = open;
      append(bars, row);
      auto& versions = model[bar];
      if (versions.empty() || versions.back().open != open) versions.push_back({recorded_at, open});
    }
    commit(*writer, batch_of(series_, bars));
    if (pick(7) == 0) {
      ASSERT_TRUE(writer->seal(series_, TimePoint::max()));
    }
    if (pick(9) == 0) {
      writer.reset();
      store_ = harness_->open();
      writer = lock();
    }
  }
  const auto expect = [&](TimeRange range, std::optional<TimePoint> as_of) {
    std::vector<std::pair<TimePoint, double>> expected, got;
    for (const auto& [bar, versions] : model) {
      if (!range.contains(open_at(bar))) continue;
      const Version* last = nullptr;
      for (const auto& version : versions)
        if (!as_of || version.recorded_at <= *as_of) last = &version;
      if (last != nullptr) expected.emplace_back(open_at(bar), last->open);
    }
    const auto rows = read(range, {.as_of = as_of});
    for (std::size_t row = 0; row < rows.size(); ++row) got.emplace_back(rows.open_time[row], rows.open[row]);
    EXPECT_EQ(got, expected);
  };
  expect(kAllTime, std::nullopt);
  for (int i = 0; i < 30; ++i) {
    const std::int64_t first = pick(900);
    expect(bars(first, first + pick(400)), std::nullopt);
    expect(bars(first, first + pick(400)), commits[static_cast<std::size_t>(pick(40))]);
  }
  EXPECT_EQ(manifest(series_).rows, static_cast<std::int64_t>(model.size()));
}

}  // namespace tdm::support
