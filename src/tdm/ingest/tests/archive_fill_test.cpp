#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tdm/ingest/tests/bench.hpp"

namespace tdm::ingest {
namespace {

using testing::Bench;
using testing::hours;
using testing::kStart;
using namespace std::chrono_literals;

// The ten days of a file count from 1970: files begin at 2022-12-24, 2023-01-03, 01-13, and 01-23, which is not there.
constexpr int kArchived = 22 * 24;
constexpr int kMonthHours = 31 * 24 - 1;  // the clock stands at the month's end
const auto kPublished = kStart + 25 * 24h;

struct ArchiveBench : Bench {
  ArchiveBench() { connector->publish_archives(kPublished); }

  std::vector<TimeRange> asked_over(bool archive) const {
    std::vector<TimeRange> ranges;
    for (const auto& page : connector->asked())
      if (page.archive.has_value() == archive) ranges.push_back(page.range);
    return merge(std::move(ranges));
  }
  std::map<Channel, int> stored_sources(TimeRange range) {
    std::map<Channel, int> counts;
    for (const auto source : stored(range).source) ++counts[source];
    return counts;
  }
};

TEST(ArchiveFill, FilesBringWhatTheyHoldAndRestTheOthers) {
  ArchiveBench bench;
  const auto range = hours(0, kMonthHours);
  const auto report = bench.fill(range);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->stored, kMonthHours);
  EXPECT_EQ(report->rejected, 0);
  EXPECT_EQ(bench.asked_over(true), (std::vector{hours(0, kArchived)}));
  EXPECT_EQ(bench.asked_over(false), (std::vector{hours(kArchived, kMonthHours)}));
  EXPECT_EQ(bench.stored_sources(range),
            (std::map<Channel, int>{{Channel::rest, kMonthHours - kArchived}, {Channel::archive, kArchived}}));
  EXPECT_EQ(bench.raw_rows(range), static_cast<std::size_t>(kMonthHours));
  EXPECT_TRUE(bench.manifest().gaps.empty());
  EXPECT_EQ(bench.manifest().watermark, range.end());
  for (const auto& [open_time, times] : bench.asked()) EXPECT_EQ(times, 1) << to_iso(open_time);
  // Two requests a file, and what went over REST.
  const auto rest = std::ranges::count_if(bench.connector->asked(), [](const auto& page) { return !page.archive; });
  EXPECT_EQ(report->requests, 3 * 2 + rest + bench.connector->instrument_requests() + bench.connector->time_requests());

  bench.connector->forget_asked();
  ASSERT_TRUE(bench.fill(range));
  EXPECT_TRUE(bench.connector->asked().empty()) << "nothing is missing";
}

TEST(ArchiveFill, ArchivedBarsAreBornConfirmed) {
  ArchiveBench bench;
  const auto range = hours(0, kArchived);
  ASSERT_TRUE(bench.fill(range));
  for (const auto finality : bench.stored(range).finality) EXPECT_EQ(finality, Finality::confirmed);
}

TEST(ArchiveFill, AMissingOrDamagedFileIsAskedForOverRest) {
  for (const auto code : {ErrorCode::not_found, ErrorCode::corrupt_data}) {
    ArchiveBench bench;
    bench.connector->fail_file(2, {code, "the file is not what it should be"});
    const auto range = hours(0, kArchived);
    const auto report = bench.fill(range);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->stored, kArchived);
    EXPECT_EQ(bench.asked_over(false).size(), 1U);
    EXPECT_TRUE(bench.manifest().gaps.empty());
    EXPECT_EQ(bench.manifest().watermark, range.end());
    EXPECT_EQ(bench.stored_sources(range)[Channel::archive],
              kArchived - bench.series.timeframe.count(bench.asked_over(false)[0]));
  }
}

TEST(ArchiveFill, AHostThatFailsIsGivenUpForTheRun) {
  ArchiveBench bench;
  for (const int file : {1, 2, 3}) bench.connector->fail_file(file, {ErrorCode::unavailable, "no connection"});
  const auto range = hours(0, kMonthHours);
  const auto report = bench.fill(range);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->stored, kMonthHours);
  EXPECT_EQ(bench.asked_over(false), (std::vector{range}));
  EXPECT_EQ(bench.stored_sources(range), (std::map<Channel, int>{{Channel::rest, kMonthHours}}));
  EXPECT_EQ(bench.manifest().watermark, range.end());
}

TEST(ArchiveFill, RowsThatAFileLacksGetALookOverRest) {
  ArchiveBench bench;
  bench.connector->hide_in_archives(hours(30, 33));
  bench.connector->hide_in_archives(hours(500, 501));
  const auto range = hours(0, kArchived);
  const auto report = bench.fill(range);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->stored, kArchived);
  EXPECT_EQ(bench.asked_over(false), (std::vector{hours(30, 33), hours(500, 501)}));
  EXPECT_TRUE(bench.manifest().gaps.empty());
  EXPECT_EQ(bench.stored_sources(range),
            (std::map<Channel, int>{{Channel::rest, 4}, {Channel::archive, kArchived - 4}}));
}

TEST(ArchiveFill, WhatNeitherHasIsAGapWithTwoLooks) {
  ArchiveBench bench;
  bench.connector->hide(hours(30, 33));
  const auto range = hours(0, kArchived);
  const auto report = bench.fill(range);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->stored, kArchived - 3);
  ASSERT_EQ(bench.manifest().gaps.size(), 1U);
  const auto gap = bench.manifest().gaps[0];
  EXPECT_EQ(gap.range, hours(30, 33));
  EXPECT_EQ(gap.cause, GapCause::unknown);
  EXPECT_EQ(gap.state, GapState::open);
  EXPECT_EQ(gap.looks, 2);
  EXPECT_EQ(bench.manifest().watermark, range.end());
  bench.connector->forget_asked();
  ASSERT_TRUE(bench.fill(range));
  EXPECT_TRUE(bench.connector->asked().empty()) << "not again within the hour";
}

// The file of the first bar holds nothing before it: that is no hole, and nobody asks for it.
TEST(ArchiveFill, WhatLiesBeforeTheFirstBarIsNotListed) {
  ArchiveBench bench;
  bench.connector->state_launch(std::nullopt);
  bench.connector->list_from(kStart + 100h);
  const auto range = hours(0, kArchived);
  const auto report = bench.fill(range);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->stored, kArchived - 100);
  ASSERT_EQ(bench.manifest().gaps.size(), 1U);
  EXPECT_EQ(bench.manifest().gaps[0].range, hours(0, 100));
  EXPECT_EQ(bench.manifest().gaps[0].cause, GapCause::not_listed);
  EXPECT_EQ(bench.manifest().watermark, range.end());
}

TEST(ArchiveFill, ThePlanSaysWhatItTakes) {
  ArchiveBench bench;
  const auto range = hours(0, 30 * 24);
  const auto plan = make_plan(bench.series, range, nullptr, *bench.connector, bench.clock.now());
  EXPECT_EQ(plan.archive_files, 3);
  EXPECT_EQ(plan.archive_bars, kArchived);
  EXPECT_EQ(plan.missing_bars, 720);
  const auto pages = static_cast<std::int64_t>(plan.pages.size());
  EXPECT_EQ(plan.requests, 3 * 2 + (pages - 3));
  EXPECT_NEAR(plan.seconds, static_cast<double>(pages - 3), 0.5);  // a page a second
  EXPECT_GT(plan.bytes, 3'000);
}

}  // namespace
}  // namespace tdm::ingest
