#include <gtest/gtest.h>

#include "tdm/ingest/detail/plan.hpp"
#include "tdm/ingest/tests/bench.hpp"

namespace tdm::ingest {
namespace {

using testing::hours;
using testing::kStart;
using namespace std::chrono_literals;

struct PlanTest : ::testing::Test {
  Series series = Series::parse("fake.spot.AAA@1h").value();
  ManualClock clock{kStart + 1000h};
  support::FakeConnector connector{clock};
  store::Manifest manifest{
      .series = series,
      .origin = "mainnet",
      .instrument = {series.instrument, "AAA", "USD", "", "", "", true, "", "", "", {}, {}, {}, {}, {}}};

  Plan plan(TimeRange range, TimePoint now) { return make_plan(series, range, &manifest, connector, now); }
};

TEST_F(PlanTest, NeverWrittenMeansAllOfIt) {
  const auto all = make_plan(series, hours(0, 250), nullptr, connector, kStart + 1000h);
  EXPECT_EQ(all.missing, std::vector{hours(0, 250)});
  EXPECT_EQ(all.missing_bars, 250);
  EXPECT_EQ(all.requests, static_cast<std::int64_t>(all.pages.size()));
  EXPECT_GE(all.requests, 3);
  EXPECT_DOUBLE_EQ(all.seconds, static_cast<double>(all.requests) / 1000);
  EXPECT_EQ(all.bytes, 80 * 250);
}

TEST_F(PlanTest, ClipsToWholeBarsThatHaveEnded) {
  EXPECT_EQ(plan(TimeRange::of(kStart + 1min, kStart + 5h - 1min), kStart + 1000h).range, hours(1, 4));
  EXPECT_EQ(plan(hours(0, 100), kStart + 10h + 59min).range, hours(0, 10));
  EXPECT_EQ(plan(hours(0, 100), kStart - 1h).missing_bars, 0);
}

TEST_F(PlanTest, LeavesOutWhatWasLookedAt) {
  manifest.looked = {hours(0, 10), hours(20, 30)};
  EXPECT_EQ(plan(hours(5, 40), kStart + 1000h).missing, (std::vector{hours(10, 20), hours(30, 40)}));
  EXPECT_EQ(plan(hours(2, 8), kStart + 1000h).requests, 0);
}

TEST_F(PlanTest, AsksForOpenGapsAgainAfterAnHour) {
  manifest.looked = {hours(0, 50)};
  Gap gap{.id = 1, .series = series, .range = hours(10, 12), .bars = 2, .evidence = "x", .accepted_reason = {}};
  gap.last_look = kStart + 100h;
  gap.looks = 1;
  manifest.gaps = {gap};
  EXPECT_TRUE(plan(hours(0, 50), kStart + 101h - 1us).missing.empty());
  EXPECT_EQ(plan(hours(0, 50), kStart + 101h).missing, std::vector{hours(10, 12)});
  EXPECT_EQ(plan(hours(11, 50), kStart + 101h).missing, std::vector{hours(11, 12)});
  manifest.gaps[0].state = GapState::accounted;
  EXPECT_TRUE(plan(hours(0, 50), kStart + 101h).missing.empty());
  manifest.gaps[0].state = GapState::open;
  manifest.gaps[0].accepted_reason = "known";
  EXPECT_TRUE(plan(hours(0, 50), kStart + 101h).missing.empty());
  manifest.gaps[0].accepted_reason.clear();
  manifest.gaps[0].looks = 0;
  EXPECT_EQ(plan(hours(0, 50), kStart + 100h).missing, std::vector{hours(10, 12)}) << "found in a file: asked at once";
}

TEST_F(PlanTest, LooksOnceMoreAtProvisionalBarsThatHaveSettled) {
  manifest.looked = {hours(0, 50)};
  manifest.tail.open_time = {kStart + 48h, kStart + 49h};
  EXPECT_TRUE(plan(hours(0, 50), kStart + 49h + 59s).missing.empty());
  EXPECT_EQ(plan(hours(0, 50), kStart + 49h + 60s).missing, std::vector{hours(48, 49)});
  EXPECT_EQ(plan(hours(0, 50), kStart + 60h).missing, std::vector{hours(48, 50)});
}

TEST_F(PlanTest, CalendarTimeframes) {
  const auto monthly = Series::parse("fake.spot.AAA@1M").value();
  const auto all = make_plan(monthly, TimeRange::of(kStart, kStart + 24h * 365), nullptr, connector, kStart + 24h * 62);
  EXPECT_EQ(all.missing_bars, 2);
}

TEST(SettleTime, IsTheMarketsOrTheConfigured) {
  sources::MarketTraits traits;
  traits.name = "spot";
  const auto hour = Timeframe::parse("1h").value();
  EXPECT_EQ(detail::settle_of(traits, hour, {}), 60s);
  EXPECT_EQ(detail::settle_of(traits, Timeframe::parse("1d").value(), {}), 600s);
  EXPECT_EQ(detail::settle_of(traits, hour, {{"spot", 5}, {"linear", 7}}), 5s);
}

}  // namespace
}  // namespace tdm::ingest
