#include "tdm/ingest/ingest.hpp"

#include <gtest/gtest.h>

#include <future>
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

void add(ObservationColumns& rows, TimePoint open_time, std::string_view close) {
  rows.open_time.push_back(open_time);
  rows.open.append(close);
  rows.high.append(close);
  rows.low.append(close);
  rows.close.append(close);
  rows.volume.append(std::string_view{"1.50"});
  for (auto* column :
       {&rows.quote_volume, &rows.trade_count, &rows.taker_buy_volume, &rows.taker_buy_quote_volume, &rows.extra})
    column->append_null();
  rows.close_proof.push_back(CloseProof::none);
  rows.event_time.push_back(TimePoint{});
  rows.received_at.push_back(TimePoint{});
  rows.channel.push_back(Channel::import);
  rows.ingest_id.push_back(0);
}

ObservationColumns file_of(const std::vector<int>& hour_list, std::string_view close = "100.50") {
  ObservationColumns rows;
  for (const auto hour : hour_list) add(rows, at(hour), close);
  return rows;
}

Result<FillReport> bring(Bench& bench, ObservationColumns rows) {
  return bench.filler->import_bars({.series = bench.series, .rows = std::move(rows)});
}

TEST(Import, RecordsJudgesAndAccounts) {
  Bench bench;
  const auto report = bring(bench, file_of({3, 0, 1, 5}));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->fetched, 4);
  EXPECT_EQ(report->stored, 4);
  EXPECT_EQ(report->rejected, 0);

  const auto bars = bench.stored(hours(0, 10));
  EXPECT_EQ(bars.open_time, (std::vector{at(0), at(1), at(3), at(5)}));
  EXPECT_EQ(bars.close[0], 100.5);
  EXPECT_EQ(bars.finality[0], Finality::confirmed);
  EXPECT_EQ(bars.source[0], Channel::import);
  EXPECT_EQ(bench.raw_rows(hours(0, 10)), 4U);
  const auto raw = bench.store->read_raw(bench.manifest(), hours(0, 1), {}).value();
  EXPECT_EQ((*std::get<const TextColumn*>(raw.find("close")->data))[0], "100.50") << "the exact text";

  const auto manifest = bench.manifest();
  EXPECT_EQ(manifest.looked, std::vector{hours(0, 6)});
  EXPECT_EQ(manifest.watermark, at(6));
  ASSERT_EQ(manifest.gaps.size(), 2U);
  EXPECT_EQ(manifest.gaps[0].range, hours(2, 3));
  EXPECT_EQ(manifest.gaps[0].cause, GapCause::unknown);
  EXPECT_EQ(manifest.gaps[0].looks, 0) << "the exchange was not asked";
  EXPECT_EQ(manifest.gaps[1].range, hours(4, 5));
}

TEST(Import, TheSameFileAgainChangesNothing) {
  Bench bench;
  ASSERT_TRUE(bring(bench, file_of({0, 1, 3})));
  const auto before = bench.manifest();
  bench.clock.advance(2h);
  const auto again = bring(bench, file_of({0, 1, 3}));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->stored, 0);
  EXPECT_EQ(again->unchanged, 3);
  EXPECT_EQ(bench.manifest().version, before.version);
  EXPECT_EQ(bench.manifest().gaps, before.gaps);
  EXPECT_EQ(bench.raw_rows(hours(0, 10)), 3U);
}

TEST(Import, OtherValuesAreARevisionAndTheOldFileDoesNotTurnBack) {
  Bench bench;
  ASSERT_TRUE(bring(bench, file_of({0, 1})));
  bench.clock.advance(1h);
  ASSERT_EQ(bring(bench, file_of({1}, "101"))->stored, 1);
  const auto bars = bench.stored(hours(0, 2));
  EXPECT_EQ(bars.close, (std::vector{100.5, 101.0}));
  EXPECT_EQ(bars.finality[1], Finality::revised);
  EXPECT_EQ(bars.revision[1], 1);
  ASSERT_EQ(bring(bench, file_of({0, 1}))->unchanged, 2);
  EXPECT_EQ(bench.stored(hours(1, 2)).close[0], 101.0);
}

TEST(Import, WhatTheFileLacksIsAskedForByTheNextFill) {
  Bench bench;
  ASSERT_TRUE(bring(bench, file_of({0, 1, 4})));
  const auto report = bench.fill(hours(0, 5));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->stored, 2);
  EXPECT_TRUE(bench.manifest().gaps.empty());
  EXPECT_EQ(bench.stored(hours(0, 5)).size(), 5U);
}

TEST(Import, AFileSaysNothingNewOfAKnownGap) {
  Bench bench;
  bench.connector->hide(hours(2, 3));
  ASSERT_TRUE(bench.fill(hours(0, 5)));
  const auto before = bench.manifest().gaps;
  ASSERT_EQ(before.size(), 1U);
  bench.clock.advance(2h);
  ASSERT_TRUE(bring(bench, file_of({0, 4})));
  EXPECT_EQ(bench.manifest().gaps, before);
  ASSERT_TRUE(bring(bench, file_of({2})));
  EXPECT_TRUE(bench.manifest().gaps.empty()) << "the file has the bar";
}

TEST(Import, BadRowsAreQuarantinedAndGoodOnesStay) {
  Bench bench;
  auto rows = file_of({0, 1});
  add(rows, at(2), "no number");
  add(rows, at(3) + 7min, "100");  // off the grid
  add(rows, at(4), "100");
  add(rows, at(24 * 31), "100");  // has not ended
  const auto report = bring(bench, rows);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->stored, 3);
  EXPECT_EQ(report->rejected, 2);
  EXPECT_EQ(bench.stored(hours(0, 24 * 32)).open_time, (std::vector{at(0), at(1), at(4)}));
  EXPECT_EQ(bench.raw_rows(hours(0, 24 * 32)), 5U) << "an open bar is not recorded";
  const auto gaps = bench.manifest().gaps;
  ASSERT_FALSE(gaps.empty());
  EXPECT_EQ(gaps[0].range, hours(2, 3));
  EXPECT_TRUE(gaps[0].evidence.starts_with("quarantined by ")) << gaps[0].evidence;
}

TEST(Import, ManyRowsAreSeveralStepsAndOneAccount) {
  Bench bench;
  bench.series = Series::parse("fake.spot.AAA@1m").value();
  ObservationColumns rows;
  constexpr int kRows = 44'000;  // the clock stands at the end of January
  for (int i = 0; i < kRows; ++i)
    if (i != 30'000) add(rows, kStart + std::chrono::minutes{i}, "100");
  for (int i = 1; i < 10'000; ++i) add(rows, kStart - std::chrono::minutes{i}, "100");
  const auto report = bring(bench, rows);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->stored, static_cast<std::int64_t>(rows.size()));
  const auto manifest = bench.manifest();
  EXPECT_EQ(manifest.looked.size(), 1U);
  ASSERT_EQ(manifest.gaps.size(), 1U);
  EXPECT_EQ(manifest.gaps[0].bars, 1);
}

TEST(Import, RefusesWhatTheExchangeDoesNotKnow) {
  Bench bench;
  bench.series = Series::parse("fake.spot.ZZZ@1h").value();
  EXPECT_EQ(bring(bench, file_of({0})).error().code, ErrorCode::unknown_symbol);
  bench.series = Series::parse("fake.swap.AAA@1h").value();
  EXPECT_EQ(bring(bench, file_of({0})).error().parameter, "market");
  bench.series = Series::parse("nobody.spot.AAA@1h").value();
  EXPECT_EQ(bring(bench, file_of({0})).error().code, ErrorCode::unknown_exchange);
}

TEST(Import, RowsThatContradictEachOtherAreBothRefused) {
  Bench bench;
  auto rows = file_of({0, 1, 2});
  add(rows, at(1), "100.5");  // the same number in another text
  add(rows, at(2), "101");
  const auto report = bring(bench, rows);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->stored, 2);
  EXPECT_EQ(report->unchanged, 1);
  EXPECT_EQ(report->rejected, 2);
  EXPECT_EQ(bench.stored(hours(0, 3)).open_time, (std::vector{at(0), at(1)}));
  EXPECT_EQ(bench.raw_rows(hours(0, 3)), 5U);
}

TEST(Import, WhatTheExchangeSaidIsRevisedAndNeverLost) {
  Bench bench;
  ASSERT_TRUE(bench.fill(hours(0, 4)));
  const auto before = bench.stored(hours(0, 4));
  const auto known_at = bench.clock.now();
  bench.clock.advance(1h);
  auto rows = file_of({1, 2}, "104");
  add(rows, at(3), "not a number");
  const auto report = bring(bench, rows);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->stored, 2);
  EXPECT_EQ(report->revised, 2);
  EXPECT_EQ(report->rejected, 1);
  const auto now = bench.stored(hours(0, 4));
  EXPECT_EQ(now.finality[1], Finality::revised);
  EXPECT_EQ(now.source[1], Channel::import);
  EXPECT_EQ(now.source[0], Channel::rest);
  EXPECT_EQ(now.close[3], before.close[3]) << "a refused row changes nothing";
  const auto old = bench.store->read(bench.manifest(), hours(0, 4), {.columns = {"close"}, .as_of = known_at});
  ASSERT_TRUE(old) << old.error().message;
  const auto closes = std::get<std::span<const double>>(old->find("close")->data);
  EXPECT_EQ(std::vector<double>(closes.begin(), closes.end()), before.close);
}

TEST(Import, TimesThatCanBeNoneSayNothingOfABar) {
  Bench bench;
  ObservationColumns rows;
  add(rows, from_ms(3'600'000), "100");
  const auto report = bring(bench, rows);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->rejected, 1);
  EXPECT_TRUE(bench.manifest().looked.empty());
  add(rows, at(0), "100");
  ASSERT_EQ(bring(bench, rows)->stored, 1);
  EXPECT_EQ(bench.manifest().looked, std::vector{hours(0, 1)});
}

TEST(Import, AFileInPartsIsAccountedForAsOne) {
  Bench bench;
  ASSERT_TRUE(bring(bench, file_of({0, 1})));
  ASSERT_TRUE(bench.filler->import_bars({.series = bench.series, .rows = file_of({4, 6}), .after = at(1)}));
  const auto manifest = bench.manifest();
  EXPECT_EQ(manifest.looked, std::vector{hours(0, 7)});
  ASSERT_EQ(manifest.gaps.size(), 2U);
  EXPECT_EQ(manifest.gaps[0].range, hours(2, 4));
  EXPECT_EQ(manifest.gaps[1].range, hours(5, 6));
}

TEST(Import, WaitsForTheLockNotForEver) {
  IngestOptions options;
  Bench bench{nullptr, std::move(options)};
  const auto writer = bench.store->lock(0ms, {}).value();
  std::stop_source stop;
  const std::jthread stopper{[&] {
    std::this_thread::sleep_for(60ms);
    stop.request_stop();
  }};
  const auto refused =
      bench.filler->import_bars({.series = bench.series, .rows = file_of({0}), .stop = stop.get_token()});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::cancelled);
}

// ---- what removal has to do with all that

TEST(Remove, TheSameFileIsTakenAgainAfterwards) {
  Bench bench;
  auto rows = file_of({0, 1, 3});
  add(rows, at(4), "no number");
  ASSERT_TRUE(bring(bench, rows));
  bench.clock.advance(1h);
  const auto gone = bench.filler->remove(bench.series, store::Raw::kept, {});
  ASSERT_TRUE(gone) << gone.error().message;
  EXPECT_EQ(gone->rows, 3);
  EXPECT_FALSE(bench.store->manifest(bench.series).value());
  bench.clock.advance(1h);
  const auto again = bring(bench, rows);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->stored, 3);
  EXPECT_EQ(again->rejected, 1);
  EXPECT_EQ(bench.raw_rows(hours(0, 5)), 8U) << "what was observed before is kept";
  EXPECT_EQ(bring(bench, rows)->unchanged, 4) << "and a third time tells nothing new";
  EXPECT_EQ(bench.filler->remove(Series::parse("fake.spot.BBB@1h").value(), store::Raw::kept, {}).error().code,
            ErrorCode::not_found);
}

TEST(Remove, WaitsForARunningFillAndGivesUp) {
  IngestOptions options;
  options.idle_wait = 50ms;
  Bench bench{nullptr, options};
  ASSERT_TRUE(bench.fill(hours(0, 10)));
  bench.connector->forget_asked();
  bench.connector->slow_down(200ms);
  auto filling = std::async(std::launch::async, [&] { return bench.fill(hours(0, 200)); });
  while (bench.connector->asked().empty()) std::this_thread::sleep_for(1ms);
  const auto refused = bench.filler->remove(bench.series, store::Raw::kept, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_NE(refused.error().message.find("is running"), std::string::npos) << refused.error().message;
  EXPECT_TRUE(filling.get());
  EXPECT_EQ(bench.stored(hours(0, 200)).size(), 200U) << "the fill lost nothing";
}

TEST(Remove, AFillThatEndsInTimeIsWaitedForAndGoesToo) {
  Bench bench;
  bench.connector->slow_down(60ms);
  auto filling = std::async(std::launch::async, [&] { return bench.fill(hours(0, 100)); });
  while (bench.connector->asked().empty()) std::this_thread::sleep_for(1ms);
  const auto gone = bench.filler->remove(bench.series, store::Raw::removed, {});
  ASSERT_TRUE(gone) << gone.error().message;
  EXPECT_TRUE(filling.get());
  EXPECT_FALSE(bench.store->manifest(bench.series).value());
  bench.connector->slow_down(0ms);
  ASSERT_TRUE(bench.fill(hours(0, 100)));
  EXPECT_EQ(bench.stored(hours(0, 100)).size(), 100U) << "asked for anew";
}

}  // namespace
}  // namespace tdm::ingest
