#include "tdm/sources/archive_route.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tdm/core/gap.hpp"  // merge, subtract

namespace tdm::sources {
namespace {

using std::chrono::days;
using std::chrono::hours;

const auto kSeries = Series::parse("binance.spot.BTCUSDT@1m").value();
const auto kDays = std::chrono::sys_days{std::chrono::year{2023} / 1 / 1};

TimeRange span(int first_day, int last_day) { return TimeRange::of(kDays + days{first_day}, kDays + days{last_day}); }
ArchiveFile file(int first_day, int last_day, double seconds) {
  return {.period = span(first_day, last_day), .bytes = 1'000, .seconds = seconds, .requests = 2};
}
// A day over REST takes so long: 1,440 rows of 1,000 a page.
PageCost day_takes(double seconds) { return {.rows = 1'000, .pages_per_second = 1.44 / seconds, .bytes = 100'000}; }

TEST(ArchiveRoute, WithoutFilesEverythingIsAskedOverRest) {
  const auto route = route_of(kSeries, {span(0, 3), span(5, 6)}, day_takes(1), {});
  EXPECT_TRUE(route.files.empty());
  EXPECT_EQ(route.rest, (std::vector{span(0, 3), span(5, 6)}));
  EXPECT_EQ(route.file_requests, 0);
}

TEST(ArchiveRoute, AFileIsTakenWhereItIsSooner) {
  const std::vector files{file(0, 31, 5)};
  EXPECT_TRUE(route_of(kSeries, {span(0, 31)}, day_takes(0.1), files).files.empty());  // 3.1 s
  const auto route = route_of(kSeries, {span(0, 31)}, day_takes(1), files);
  ASSERT_EQ(route.files.size(), 1U);
  EXPECT_EQ(route.files[0], (PageRequest{span(0, 31), span(0, 31)}));
  EXPECT_TRUE(route.rest.empty());
  EXPECT_EQ(route.file_requests, 2);
  EXPECT_EQ(route.file_bytes, 1'000);
  EXPECT_GE(route.file_seconds, 5);
}

TEST(ArchiveRoute, OnlyThePartThatIsWantedIsAskedOfAFile) {
  const auto route = route_of(kSeries, {span(10, 20), span(25, 40)}, day_takes(1), {file(0, 31, 5), file(31, 59, 50)});
  ASSERT_EQ(route.files.size(), 1U);
  EXPECT_EQ(route.files[0], (PageRequest{span(10, 31), span(0, 31)}));
  EXPECT_EQ(route.rest, (std::vector{span(31, 40)}));
}

TEST(ArchiveRoute, DaysServeWhereTheMonthIsNotPublishedOrNotWorthIt) {
  std::vector<ArchiveFile> files{file(0, 31, 5)};
  for (int day = 0; day < 40; ++day) files.push_back(file(day, day + 1, 0.5));
  const auto route = route_of(kSeries, {span(0, 41)}, day_takes(1), files);
  ASSERT_EQ(route.files.size(), 10U);  // a month and nine days
  EXPECT_EQ(route.files[0].archive, span(0, 31));
  EXPECT_EQ(route.files[9].archive, span(39, 40));
  EXPECT_EQ(route.rest, (std::vector{span(40, 41)}));

  const auto few = route_of(kSeries, {span(0, 3)}, day_takes(1), files);  // three days are less than the month
  ASSERT_EQ(few.files.size(), 3U);
  EXPECT_EQ(few.files[2].archive, span(2, 3));
}

TEST(ArchiveRoute, TheFirstContactIsPartOfThePrice) {
  EXPECT_TRUE(route_of(kSeries, {span(0, 1)}, day_takes(0.3), {file(0, 1, 0.1)}).files.empty());
}

// Whatever there is: every wanted bar has one way, no file is taken twice, and none for nothing.
TEST(ArchiveRoute, CoversWhatIsWantedOnce) {
  std::mt19937 random{7};  // NOLINT(bugprone-random-generator-seed): the same every time
  const auto number = [&](int limit) { return static_cast<int>(random() % static_cast<unsigned>(limit)); };
  for (int round = 0; round < 500; ++round) {
    std::vector<ArchiveFile> files;
    for (int month = 0; month < 4; ++month)
      if (number(3) > 0) files.push_back(file(month * 30, month * 30 + 30, 0.1 * number(100)));
    for (int day = 0; day < 120; ++day)
      if (number(3) > 0) files.push_back(file(day, day + 1, 0.01 * number(100)));
    std::vector<TimeRange> wanted;
    for (int at = number(9); at < 120; at += 1 + number(30)) {
      const int end = at + 1 + number(20);
      wanted.push_back(span(at, end));
      at = end;
    }
    const auto route = route_of(kSeries, wanted, day_takes(0.02 * number(100) + 0.01), files);
    std::vector<TimeRange> ways = route.rest;
    for (const auto& request : route.files) {
      ASSERT_TRUE(request.archive->contains(request.range));
      ASSERT_FALSE(request.range.empty());
      for (const auto range : route.rest) ASSERT_FALSE(range.overlaps(request.range));
      ways.push_back(request.range);
    }
    for (std::size_t i = 1; i < route.files.size(); ++i)
      ASSERT_LE(route.files[i - 1].range.end(), route.files[i].range.begin());
    for (const auto range : wanted) ASSERT_TRUE(subtract(range, ways).empty());
    for (const auto range : route.rest) ASSERT_TRUE(subtract(range, wanted).empty());
  }
}

}  // namespace
}  // namespace tdm::sources
