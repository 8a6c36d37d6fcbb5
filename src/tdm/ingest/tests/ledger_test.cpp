#include "tdm/ingest/detail/ledger.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "tdm/ingest/tests/bench.hpp"

namespace tdm::ingest::detail {
namespace {

using testing::hours;
using testing::kStart;
using namespace std::chrono_literals;

const Series kSeries = Series::parse("fake.spot.AAA@1h").value();

TimePoint at(int hour) { return kStart + std::chrono::hours{hour}; }

Look look(int first, int last, const std::set<int>& absent, TimePoint when) {
  Look one;
  one.window = hours(first, last);
  one.at = when;
  for (int hour = first; hour < last; ++hour)
    if (!absent.contains(hour)) one.present.push_back(at(hour));
  return one;
}

Facts facts() { return {kSeries, {}, {}}; }

TEST(Ledger, AWholeWindowChangesNothing) { EXPECT_TRUE(after_look({}, look(0, 10, {}, at(100)), facts()).empty()); }

TEST(Ledger, AbsentBarsAreOneOpenGapForEachRun) {
  const auto gaps = after_look({}, look(0, 10, {2, 3, 7}, at(100)), facts());
  ASSERT_EQ(gaps.size(), 2U);
  EXPECT_EQ(gaps[0].range, hours(2, 4));
  EXPECT_EQ(gaps[0].bars, 2);
  EXPECT_EQ(gaps[0].cause, GapCause::unknown);
  EXPECT_EQ(gaps[0].state, GapState::open);
  EXPECT_EQ(gaps[0].looks, 1);
  EXPECT_EQ(gaps[0].first_look, at(100));
  EXPECT_FALSE(gaps[0].evidence.empty());
  EXPECT_EQ(gaps[1].range, hours(7, 8));
}

TEST(Ledger, AHoleOverSeveralPagesIsOneGap) {
  auto gaps = after_look({}, look(0, 10, {8, 9}, at(100)), facts());
  gaps[0].id = 5;
  gaps = after_look(gaps, look(10, 20, {10, 11, 15}, at(100) + 1s), facts());
  ASSERT_EQ(gaps.size(), 2U);
  EXPECT_EQ(gaps[0].range, hours(8, 12));
  EXPECT_EQ(gaps[0].id, 5);
  EXPECT_EQ(gaps[0].bars, 4);
  EXPECT_EQ(gaps[1].id, 0);
}

TEST(Ledger, ASecondLookCountsAndKeepsTheFirst) {
  auto gaps = after_look({}, look(0, 10, {2}, at(100)), facts());
  gaps[0].id = 1;
  const auto again = after_look(gaps, look(2, 3, {2}, at(102)), facts());
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].looks, 2);
  EXPECT_EQ(again[0].first_look, at(100));
  EXPECT_EQ(again[0].last_look, at(102));
  EXPECT_EQ(changes(gaps, again, at(102)).size(), 1U);
}

TEST(Ledger, BarsThatComeCloseTheirGap) {
  auto gaps = after_look({}, look(0, 10, {2, 3}, at(100)), facts());
  gaps[0].id = 1;
  const auto after = after_look(gaps, look(2, 4, {}, at(102)), facts());
  EXPECT_TRUE(after.empty());
  const auto told = changes(gaps, after, at(102));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].id, 1);
  EXPECT_EQ(told[0].state, GapState::closed);
  EXPECT_EQ(told[0].last_look, at(102));
}

TEST(Ledger, AGapIsSplitByWhatCame) {
  auto gaps = after_look({}, look(0, 10, {1, 2, 3, 4, 5, 6}, at(100)), facts());
  gaps[0].id = 9;
  const auto after = after_look(gaps, look(3, 5, {4}, at(102)), facts());
  ASSERT_EQ(after.size(), 3U);
  EXPECT_EQ(after[0].range, hours(1, 3));
  EXPECT_EQ(after[0].id, 9);
  EXPECT_EQ(after[0].looks, 1);
  EXPECT_EQ(after[1].range, hours(4, 5));
  EXPECT_EQ(after[1].id, 0);
  EXPECT_EQ(after[1].looks, 2);
  EXPECT_EQ(after[2].range, hours(5, 7));
  EXPECT_EQ(after[2].id, 0);
}

TEST(Ledger, BeforeTheFirstBarNothingWasListed) {
  auto with = facts();
  with.life.proven = at(5);
  with.life.evidence = "probed";
  const auto gaps = after_look({}, look(0, 10, {0, 1, 2, 3, 4, 7}, at(100)), with);
  ASSERT_EQ(gaps.size(), 2U);
  EXPECT_EQ(gaps[0].range, hours(0, 5));
  EXPECT_EQ(gaps[0].cause, GapCause::not_listed);
  EXPECT_EQ(gaps[0].state, GapState::accounted);
  EXPECT_EQ(gaps[0].evidence, "probed");
  EXPECT_EQ(gaps[1].cause, GapCause::unknown);
}

TEST(Ledger, AfterTheStatedEndNothingIsListed) {
  auto with = facts();
  with.life.ended = at(6);
  const auto gaps = after_look({}, look(0, 10, {6, 7, 8, 9}, at(100)), with);
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_EQ(gaps[0].cause, GapCause::not_listed);
  EXPECT_THAT(gaps[0].evidence, ::testing::HasSubstr("2023-01-01T06:00:00Z"));
}

TEST(Ledger, ADocumentedOutageNeedsOneLook) {
  const sources::KnownOutage outage{TimeRange::of(at(2) + 10min, at(4)), "spot", "status page"};
  auto with = facts();
  with.outages = {&outage, 1};
  const auto gaps = after_look({}, look(0, 10, {2, 3, 4}, at(100)), with);
  ASSERT_EQ(gaps.size(), 2U);
  EXPECT_EQ(gaps[0].range, hours(2, 4));
  EXPECT_EQ(gaps[0].cause, GapCause::exchange_outage);
  EXPECT_EQ(gaps[0].state, GapState::accounted);
  EXPECT_EQ(gaps[1].cause, GapCause::unknown);
}

TEST(Ledger, ARefusedBarSaysWhatRefusedIt) {
  auto one = look(0, 10, {4, 5}, at(100));
  one.refused.emplace(at(4), "S2");
  const auto gaps = after_look({}, one, facts());
  ASSERT_EQ(gaps.size(), 2U);
  EXPECT_EQ(gaps[0].evidence, "quarantined by S2");
  EXPECT_EQ(gaps[0].range, hours(4, 5));
  EXPECT_EQ(gaps[1].range, hours(5, 6));
}

TEST(Ledger, WhatAPersonAcceptedStaysAccepted) {
  auto gaps = after_look({}, look(0, 10, {2}, at(100)), facts());
  gaps[0].id = 1;
  gaps[0].accepted_reason = "known";
  gaps[0].state = GapState::accounted;
  const auto again = after_look(gaps, look(0, 10, {2}, at(200)), facts());
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].state, GapState::accounted);
  EXPECT_EQ(again[0].accepted_reason, "known");
}

TEST(Watermark, IsTheEndOfTheFirstRunOrTheFirstProvisionalBar) {
  EXPECT_EQ(watermark_of({}, std::nullopt), std::nullopt);
  EXPECT_EQ(watermark_of({hours(5, 9), hours(0, 5)}, std::nullopt), at(9));
  EXPECT_EQ(watermark_of({hours(0, 5), hours(6, 9)}, std::nullopt), at(5));
  EXPECT_EQ(watermark_of({hours(0, 5)}, at(4)), at(4));
  EXPECT_EQ(watermark_of({hours(0, 5)}, at(40)), at(5));
}

// Whatever the looks were, the ledger names exactly the bars that the last look at each did not find.
TEST(Property, TheLedgerIsWhatTheLastLooksSaw) {
  std::mt19937 random{3};
  std::vector<Gap> ledger;
  std::map<int, bool> absent;  // bar -> absent at its last look
  std::int64_t next_id = 1;
  for (int round = 0; round < 400; ++round) {
    const int first = static_cast<int>(random() % 60);
    const int last = first + 1 + static_cast<int>(random() % 30);
    std::set<int> missing;
    for (int hour = first; hour < last; ++hour) {
      if (random() % 3 == 0) missing.insert(hour);
      absent[hour] = missing.contains(hour);
    }
    const auto when = at(1000) + round * 30min;
    const auto after = after_look(ledger, look(first, last, missing, when), facts());
    ASSERT_TRUE(store::apply_gaps(ledger, kSeries, changes(ledger, after, when), next_id)) << round;

    std::map<int, int> named;
    TimePoint end{};
    std::set<std::int64_t> ids;
    for (const auto& gap : ledger) {
      EXPECT_LE(end, gap.range.begin());
      EXPECT_TRUE(ids.insert(gap.id).second);
      EXPECT_EQ(gap.bars, kSeries.timeframe.count(gap.range));
      EXPECT_LE(gap.first_look, gap.last_look);
      end = gap.range.end();
      for (auto t = gap.range.begin(); t < gap.range.end(); t += 1h) ++named[static_cast<int>((t - kStart) / 1h)];
    }
    for (const auto& [hour, is_absent] : absent)
      ASSERT_EQ(named[hour], is_absent ? 1 : 0) << hour << " in round " << round;
  }
}

}  // namespace
}  // namespace tdm::ingest::detail
