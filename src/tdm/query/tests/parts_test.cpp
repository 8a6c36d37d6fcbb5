#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "src/tdm/query/tests/market.hpp"
#include "tdm/query/detail/gaps.hpp"
#include "tdm/query/detail/pages.hpp"
#include "tdm/query/detail/patterns.hpp"
#include "tdm/query/detail/range.hpp"

namespace tdm::query::testing {
namespace {

using namespace detail;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Bounds, DatesNameWholeDaysAndInstantsThemselves) {
  EXPECT_EQ(parse_bounds("2023-01-01", "2023-12-31")->end, at("2024-01-01T00:00Z"));
  EXPECT_EQ(parse_bounds(std::nullopt, "2023-12")->end, at("2024-01-01T00:00Z"));
  EXPECT_EQ(parse_bounds("2023", std::nullopt)->begin, at("2023-01-01T00:00Z"));
  EXPECT_EQ(parse_bounds(std::nullopt, "2023-12-31T00:00Z")->end, at("2023-12-31T00:00Z"));
  EXPECT_FALSE(parse_bounds("2024", "2023"));
}

TEST(Window, NothingInItLiesInTheFuture) {
  const auto now = at("2024-03-01T12:00:30Z");
  const auto hour = timeframe("1h");
  const auto open_end = settle(at("2024-03-01T00:00Z"), std::nullopt, hour, now, Straddle::withhold);
  EXPECT_TRUE(open_end.to_now);
  EXPECT_EQ(open_end.bars, between("2024-03-01T00:00Z", "2024-03-01T12:00Z"));
  const auto past = settle(at("2024-01-01T00:10Z"), at("2024-01-01T03:00Z"), hour, now, Straddle::withhold);
  EXPECT_FALSE(past.to_now);
  EXPECT_EQ(past.bars, between("2024-01-01T01:00Z", "2024-01-01T03:00Z"));
  EXPECT_TRUE(settle(at("2025-01-01T00:00Z"), at("2026-01-01T00:00Z"), hour, now, Straddle::withhold).bars.empty());
}

TEST(Window, AStraddlingBarThatHasNotEndedIsNeverKept) {
  const auto month = timeframe("1M");
  const auto window =
      settle(at("2024-02-01T00:00Z"), at("2024-02-15T00:00Z"), month, at("2024-02-20T00:00Z"), Straddle::keep);
  EXPECT_EQ(window.straddling, at("2024-02-01T00:00Z"));
  EXPECT_TRUE(window.bars.empty());
}

TEST(Pattern, GlobsMatchAsShellsDo) {
  EXPECT_TRUE(matches("*USDT", "BTCUSDT"));
  EXPECT_TRUE(matches("*", ""));
  EXPECT_TRUE(matches("B?C*", "BTC"));
  EXPECT_TRUE(matches("*A*B*", "xxAyyBzz"));
  EXPECT_FALSE(matches("*A*B", "xxAyyBzz"));
  EXPECT_FALSE(matches("", "x"));
  EXPECT_FALSE(matches(std::string(60, '*') + "x", std::string(10'000, 'y')));
}

TEST(Page, HoldsAsManyBarsAsAskedForOutsideOfHoles) {
  const auto hour = timeframe("1h");
  const auto range = between("2024-01-01T00:00Z", "2024-01-01T12:00Z");
  const std::vector<TimeRange> holes{between("2024-01-01T00:00Z", "2024-01-01T02:00Z"),
                                     between("2024-01-01T04:00Z", "2024-01-01T06:00Z")};
  EXPECT_EQ(page_of(hour, range, holes, 3), between("2024-01-01T02:00Z", "2024-01-01T07:00Z"));
  EXPECT_EQ(page_of(hour, range, holes, 2), between("2024-01-01T02:00Z", "2024-01-01T04:00Z"));
  EXPECT_EQ(page_of(hour, range, holes, 100), between("2024-01-01T02:00Z", "2024-01-01T12:00Z"));
  EXPECT_TRUE(page_of(hour, range, {range}, 1).empty());
}

TEST(Cursor, ComesBackAsItWas) {
  const Cursor cursor{0xfeed,
                      7,
                      between("2024-01-01T00:00Z", "2024-01-02T00:00Z"),
                      between("2024-01-01T00:00Z", "2024-01-02T00:00Z"),
                      at("2024-01-01T05:00Z"),
                      3};
  const auto back = decode(encode(cursor), 0xfeed, 7).value();
  EXPECT_EQ(back.next, cursor.next);
  EXPECT_EQ(back.skip, 3);
  EXPECT_EQ(back.bars, cursor.bars);
  const Cursor old{1,           1, TimeRange::of(from_us(-5), from_us(5)), TimeRange::of(from_us(-5), from_us(5)),
                   from_us(-5), 0};
  EXPECT_EQ(decode(encode(old), 1, 1)->next, from_us(-5));
}

TEST(Absent, IsTheGridWithoutTheTimes) {
  const auto hour = timeframe("1h");
  const auto range = between("2024-01-01T00:00Z", "2024-01-01T06:00Z");
  const std::vector<TimePoint> times{at("2024-01-01T01:00Z"), at("2024-01-01T02:00Z"), at("2024-01-01T04:00Z")};
  EXPECT_THAT(absent(times, hour, range), ElementsAre(between("2024-01-01T00:00Z", "2024-01-01T01:00Z"),
                                                      between("2024-01-01T03:00Z", "2024-01-01T04:00Z"),
                                                      between("2024-01-01T05:00Z", "2024-01-01T06:00Z")));
  EXPECT_THAT(absent({}, hour, range), ElementsAre(range));
}

TEST(Verdict, EachCauseUnderEachPolicy) {
  Gap gap{.series = series("bybit.linear.BTCUSDT@1h")};
  const auto verdicts = [&](GapCause cause) {
    gap.cause = cause;
    return std::vector{verdict(gap, OnGap::by_cause), verdict(gap, OnGap::raise), verdict(gap, OnGap::warn),
                       verdict(gap, OnGap::ignore)};
  };
  using enum Verdict;
  EXPECT_THAT(verdicts(GapCause::unknown), ElementsAre(raise, raise, warn, silent));
  EXPECT_THAT(verdicts(GapCause::our_disconnect), ElementsAre(raise, raise, warn, silent));
  EXPECT_THAT(verdicts(GapCause::low_quality), ElementsAre(raise, raise, warn, silent));
  EXPECT_THAT(verdicts(GapCause::upstream_missing), ElementsAre(warn, raise, warn, silent));
  EXPECT_THAT(verdicts(GapCause::exchange_outage), ElementsAre(silent, raise, warn, silent));
  EXPECT_THAT(verdicts(GapCause::no_trades), ElementsAre(silent, raise, warn, silent));
  EXPECT_THAT(verdicts(GapCause::not_listed), ElementsAre(silent, silent, silent, silent));
  gap.accepted_reason = "a storm";
  EXPECT_THAT(verdicts(GapCause::unknown), ElementsAre(silent, silent, silent, silent));
}

TEST(Provenance, IsJsonOfAtMostFourKilobytes) {
  Provenance provenance;
  provenance.instrument = "bybit.linear.BTCUSDT";
  provenance.range = between("2024-01-01T00:00Z", "2024-01-02T00:00Z");
  Gap gap{.series = series("bybit.linear.BTCUSDT@1h")};
  gap.evidence = std::string(5000, 'e');
  gap.evidence[17] = static_cast<char>(0xff);
  gap.accepted_reason = std::string(500, 'r');
  provenance.gaps.assign(20, gap);
  provenance.gap_count = 120;
  provenance.notes.assign(50, std::string(900, 'n'));
  const auto text = to_json(provenance);
  EXPECT_LE(text.size(), 4096u);
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json["gap_count"], 120);
  EXPECT_GE(json["gaps"].size(), 1u);
  EXPECT_EQ(json["range"]["start"], 1704067200000);
  EXPECT_FALSE(json.contains("simulated"));
  EXPECT_TRUE(json["as_of"].is_null());
  EXPECT_TRUE(json["gaps"][0]["first_look"].is_null());
  provenance.simulated = true;
  EXPECT_THAT(to_json(provenance), HasSubstr(R"("simulated":true)"));
}

TEST(Provenance, TwentyPlainGapsHaveRoom) {
  Provenance provenance;
  Gap gap{.id = 1, .series = series("bybit.linear.BTCUSDT@1h")};
  gap.range = between("2024-01-01T00:00Z", "2024-01-02T00:00Z");
  gap.bars = 1440;
  provenance.gaps.assign(25, gap);
  EXPECT_EQ(nlohmann::json::parse(to_json(provenance))["gaps"].size(), 20u);
}

}  // namespace
}  // namespace tdm::query::testing
