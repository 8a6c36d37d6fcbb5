#include "tdm/validate/rules.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <random>
#include <set>
#include <sstream>

#include "tdm/validate/tests/rows.hpp"

namespace tdm::validate {
namespace {

using testing::add;
using testing::context_of;
using testing::count_of;
using testing::kLater;
using testing::kStart;
using testing::Row;
using namespace std::chrono_literals;

RuleSet defaults() { return RuleSet::make({}).value(); }

Judgement judge(const std::vector<Row>& rows, const Context& context) {
  ObservationColumns columns;
  for (const auto& row : rows) add(columns, row);
  return defaults().judge(columns, context);
}

// ---- Settings

TEST(RuleSettings, NamesTheNearestRuleAndParameter) {
  const auto unknown = RuleSet::make({{"S22", {}}});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(unknown.error().parameter, "validation.rules.S22");
  EXPECT_THAT(unknown.error().suggestions, ::testing::Contains("S2"));

  const auto parameter = RuleSet::make({{"T5", {.parameters = {{"ahead_m", 1}}}}});
  ASSERT_FALSE(parameter);
  EXPECT_EQ(parameter.error().parameter, "validation.rules.T5.ahead_m");
  EXPECT_THAT(parameter.error().suggestions, ::testing::Contains("ahead_ms"));

  EXPECT_FALSE(RuleSet::make({{"T5", {.parameters = {{"ahead_ms", std::nan("")}}}}}));
  EXPECT_FALSE(RuleSet::make({{"T5", {.parameters = {{"ahead_ms", 1e300}}}}}));
}

TEST(RuleSettings, WhatTheDataMeansCannotBeTurnedOff) {
  for (const char* id : {"I2", "T1", "T3", "T4", "T5", "T6", "T10", "C6", "S1", "S9", "D1", "D2"}) {
    const auto off = RuleSet::make({{id, {.enabled = false}}});
    ASSERT_FALSE(off) << id;
    EXPECT_THAT(off.error().message, ::testing::HasSubstr(id));
  }
  EXPECT_FALSE(RuleSet::make({{"T6", {.severity = Severity::warn}}}));
  EXPECT_FALSE(RuleSet::make({{"C1", {.severity = Severity::reject}}}));
  for (const char* id : {"S2", "S3", "S4", "C1"}) EXPECT_TRUE(RuleSet::make({{id, {.enabled = false}}})) << id;
}

TEST(RuleSettings, SeverityDecidesWhereARowGoes) {
  ObservationColumns rows;
  add(rows, Row{.open_time = kStart, .high = "9", .event_time = kLater});
  const auto context = context_of("bybit.linear.BTCUSDT@1h");
  const auto with = [&](Severity severity) {
    return RuleSet::make({{"S2", {.severity = severity}}})->judge(rows, context);
  };
  EXPECT_EQ(with(Severity::reject).rejected.size(), 1U);
  const auto flagged = with(Severity::flag);
  ASSERT_EQ(flagged.accepted.size(), 1U);
  EXPECT_EQ(flagged.accepted.quality_flags[0], 1U);
  const auto warned = with(Severity::warn);
  ASSERT_EQ(warned.accepted.size(), 1U);
  EXPECT_EQ(warned.accepted.quality_flags[0], 0U);
  EXPECT_EQ(count_of(warned, "S2"), 1);
}

TEST(RuleSettings, ParametersAct) {
  ObservationColumns rows;
  add(rows, Row{.open_time = kStart, .event_time = kStart - 2s});
  const auto context = context_of("bybit.linear.BTCUSDT@1h");
  EXPECT_EQ(defaults().judge(rows, context).rejected.size(), 1U);
  const auto lenient = RuleSet::make({{"T5", {.parameters = {{"ahead_ms", 5'000}}}}});
  EXPECT_EQ(lenient->judge(rows, context).still_open.size(), 1U);
}

TEST(RuleSettings, SeveritiesHaveNames) {
  for (const auto severity : {Severity::reject, Severity::flag, Severity::warn})
    EXPECT_EQ(parse_severity(to_string(severity)), severity);
  EXPECT_FALSE(parse_severity("Reject"));
}

// ---- Finality

TEST(Finality, FollowsProofAndAge) {
  const auto context = context_of("bybit.linear.BTCUSDT@1h");
  const auto finality = [&](TimePoint event_time, CloseProof proof) -> std::optional<Finality> {
    const auto judged = judge({{.open_time = kStart, .proof = proof, .event_time = event_time}}, context);
    if (judged.still_open.size() == 1) return std::nullopt;
    return judged.accepted.finality.at(0);
  };
  EXPECT_EQ(finality(kStart + 30min, CloseProof::none), std::nullopt);
  EXPECT_EQ(finality(kStart + 1h - 1us, CloseProof::none), std::nullopt);
  EXPECT_EQ(finality(kStart + 1h, CloseProof::none), Finality::provisional);
  EXPECT_EQ(finality(kStart + 1h + 59s, CloseProof::none), Finality::provisional);
  EXPECT_EQ(finality(kStart + 1h + 60s, CloseProof::none), Finality::confirmed);
  EXPECT_EQ(finality(kStart + 1h, CloseProof::exchange_flag), Finality::confirmed);
  EXPECT_EQ(finality(kStart - 3s, CloseProof::archive), Finality::confirmed);
}

TEST(Finality, BarsAreAvailableAfterTheirCloseAndTheDelay) {
  auto context = context_of("bybit.linear.BTCUSDT@1M");
  context.delay = 3s;
  const auto judged = judge({{.open_time = kStart, .event_time = kLater}}, context);
  ASSERT_EQ(judged.accepted.size(), 1U);
  EXPECT_EQ(judged.accepted.available_at[0], kStart + 31 * 24h + 3s);
  EXPECT_EQ(judged.accepted.recorded_at[0], kLater);
  EXPECT_EQ(judged.accepted.rule_version[0], RuleSet::kVersion);
}

// ---- What is stored already

struct Stored {
  Finality finality = Finality::confirmed;
  std::int32_t revision = 0;
};

BarColumns stored(Stored how) {
  auto context = context_of("bybit.linear.BTCUSDT@1h");
  context.recorded_at = kStart + 1h;
  auto bars = judge({{.open_time = kStart, .event_time = kLater}}, context).accepted;
  bars.finality[0] = how.finality;
  bars.revision[0] = how.revision;
  return bars;
}

Judgement meet(const BarColumns& held, const char* close, TimePoint event_time) {
  auto context = context_of("bybit.linear.BTCUSDT@1h");
  context.stored = &held;
  return judge({{.open_time = kStart, .close = close, .event_time = event_time}}, context);
}

TEST(Stored, SameValuesAreUnchangedWhateverTheyAreSpelledLike) {
  for (const auto finality : {Finality::confirmed, Finality::revised}) {
    const auto held = stored({finality, 1});
    const auto judged = meet(held, "11.000", kLater);
    EXPECT_EQ(judged.unchanged, 1);
    EXPECT_EQ(judged.accepted.size(), 0U);
    EXPECT_EQ(count_of(judged, "D1"), 1);
  }
}

TEST(Stored, ProvisionalBecomesConfirmedWithItsRevisionAndKnowledgeTime) {
  const auto held = stored({Finality::provisional, 0});
  const auto judged = meet(held, "11", kLater);
  ASSERT_EQ(judged.accepted.size(), 1U);
  EXPECT_EQ(judged.accepted.finality[0], Finality::confirmed);
  EXPECT_EQ(judged.accepted.revision[0], 0);
  EXPECT_EQ(judged.accepted.recorded_at[0], kStart + 1h);

  EXPECT_EQ(meet(held, "11", kStart + 1h + 1s).unchanged, 1);  // still provisional: nothing new
}

TEST(Stored, ProvisionalIsReplacedByOtherValues) {
  const auto judged = meet(stored({Finality::provisional, 0}), "10.5", kLater);
  ASSERT_EQ(judged.accepted.size(), 1U);
  EXPECT_EQ(judged.accepted.finality[0], Finality::confirmed);
  EXPECT_EQ(judged.accepted.revision[0], 0);
  EXPECT_EQ(judged.accepted.close[0], 10.5);
  EXPECT_EQ(judged.accepted.recorded_at[0], kLater);
}

TEST(Stored, ConfirmedIsRevisedByOtherValues) {
  const auto judged = meet(stored({Finality::revised, 1}), "10.5", kLater);
  ASSERT_EQ(judged.accepted.size(), 1U);
  EXPECT_EQ(judged.accepted.finality[0], Finality::revised);
  EXPECT_EQ(judged.accepted.revision[0], 2);
  EXPECT_EQ(count_of(judged, "D2"), 1);
}

TEST(Stored, AYoungAnswerDoesNotReviseAConfirmedBar) {
  const auto judged = meet(stored({}), "10.5", kStart + 1h + 1s);
  ASSERT_EQ(judged.rejected.size(), 1U);
  EXPECT_EQ(judged.rejected[0].rule, "D2");
}

TEST(Stored, AFieldThatIsAbsentSaysNothing) {
  auto context = context_of("bybit.linear.BTCUSDT@1h");
  const auto held = judge({{.open_time = kStart, .trade_count = "5", .event_time = kLater}}, context).accepted;
  context.stored = &held;
  EXPECT_EQ(judge({{.open_time = kStart, .event_time = kLater}}, context).unchanged, 1);
  const auto other = judge({{.open_time = kStart, .trade_count = "6", .event_time = kLater}}, context);
  EXPECT_EQ(other.accepted.revision, std::vector{1});
}

// ---- Price kinds

TEST(PriceKinds, OnlyTradesHaveVolumeAndOnlyAPremiumIsNegative) {
  const Row no_volume{.open_time = kStart, .volume = nullptr, .quote_volume = nullptr, .event_time = kLater};
  for (const char* series : {"bybit.linear.BTCUSDT:mark@1h", "bybit.linear.BTCUSDT:index@1h"}) {
    const auto judged = judge({no_volume}, context_of(series));
    ASSERT_EQ(judged.accepted.size(), 1U) << series;
    EXPECT_TRUE(std::isnan(judged.accepted.volume[0]));
    EXPECT_EQ(judged.accepted.quality_flags[0], 0U);
  }
  EXPECT_EQ(judge({no_volume}, context_of("bybit.linear.BTCUSDT@1h")).rejected.at(0).rule, "S9");

  auto negative = no_volume;
  negative.open = "-0.0005", negative.high = "-0.0004", negative.low = "-0.0007", negative.close = "-0.0003";
  EXPECT_EQ(judge({negative}, context_of("bybit.linear.BTCUSDT:premium@1h")).accepted.size(), 1U);
  EXPECT_EQ(judge({negative}, context_of("bybit.linear.BTCUSDT:mark@1h")).rejected.at(0).rule, "S1");
}

TEST(Rules, ACombinationMayCostLessThanNothing) {
  Row negative{.open_time = kStart, .event_time = kLater};
  negative.open = "-10.5", negative.high = "0", negative.low = "-12", negative.close = "-11.5";
  auto context = context_of("deribit.future.BTC-FS-25DEC26_PERP@1h");
  EXPECT_EQ(judge({negative}, context).rejected.at(0).rule, "S1");
  context.has_signed_prices = true;
  EXPECT_EQ(judge({negative}, context).accepted.size(), 1U);
  negative.low = "-11";
  EXPECT_EQ(judge({negative}, context).rejected.at(0).rule, "S2");
}

// ---- Batches

TEST(Batch, OfSeveralAnswersTheLatestCounts) {
  const auto context = context_of("bybit.linear.BTCUSDT@1h");
  const auto judged = judge({{.open_time = kStart, .close = "11.5", .event_time = kLater},
                             {.open_time = kStart, .close = "11", .event_time = kLater - 1h},
                             {.open_time = kStart, .close = "11.50", .event_time = kLater - 2h}},
                            context);
  ASSERT_EQ(judged.accepted.size(), 1U);
  EXPECT_EQ(judged.accepted.close[0], 11.5);
  EXPECT_EQ(judged.unchanged, 1);
  ASSERT_EQ(judged.rejected.size(), 1U);
  EXPECT_EQ(judged.rejected[0].rule, "T3");
}

TEST(Batch, ARefusalSaysWhyAndKeepsTheRow) {
  const auto judged =
      judge({{.open_time = kStart, .open = "1\"0\n", .event_time = kLater}}, context_of("bybit.linear.BTCUSDT@1h"));
  ASSERT_EQ(judged.rejected.size(), 1U);
  const auto& rejection = judged.rejected[0];
  EXPECT_EQ(rejection.open_time, kStart);
  EXPECT_EQ(rejection.ingest_id, 7);
  EXPECT_EQ(rejection.recorded_at, kLater);
  EXPECT_EQ(rejection.reason, "open \"1\\\"0\\u000a\" is not a number of up to 38 digits");
  EXPECT_EQ(rejection.raw,
            "{\"open_time\":1672531200000,\"open\":\"1\\\"0\\u000a\",\"high\":\"12.5\",\"low\":\"9.5\","
            "\"close\":\"11\",\"volume\":\"3\",\"quote_volume\":\"33\"}");
}

TEST(Batch, NothingInNothingOut) {
  const auto judged = judge({}, context_of("bybit.linear.BTCUSDT@1h"));
  EXPECT_EQ(judged.accepted.size(), 0U);
  EXPECT_TRUE(judged.counts.empty());
}

// A row of random soundness: about a third of them break something.
Row random_row(std::mt19937_64& random) {
  static constexpr const char* kTexts[] = {"10", "10.0", "11.25", "9",     "1e1", "0",
                                           "-1", "NaN",  "",      "1e400", "x",   nullptr};
  const auto text = [&](const char* usual) {
    return random() % 12 == 0 ? kTexts[random() % std::size(kTexts)] : usual;
  };
  Row row{.open_time = kStart + std::chrono::hours{static_cast<int>(random() % 900)}};
  row.open = text("10");
  row.high = text("12.5");
  row.low = text("9.5");
  row.close = random() % 3 == 0 ? "10.75" : text("11");
  row.volume = text("3");
  row.quote_volume = text("33");
  if (random() % 30 == 0) row.open_time += 1min;
  row.event_time =
      random() % 10 == 0 ? row.open_time + std::chrono::minutes{static_cast<int>(random() % 70)} - 2s : kLater;
  if (random() % 20 == 0) row.proof = CloseProof::exchange_flag;
  return row;
}

TEST(Property, EveryRowEndsInExactlyOnePlace) {
  std::mt19937_64 random{42};
  BarColumns held;
  for (int round = 0; round < 60; ++round) {
    ObservationColumns rows;
    const auto count = random() % 800;
    for (std::size_t i = 0; i < count; ++i) add(rows, random_row(random));
    auto context = context_of("bybit.linear.BTCUSDT@1h");
    context.window = TimeRange::of(kStart, kStart + 850h);
    if (round % 2 == 1) context.stored = &held;
    const auto judged = defaults().judge(rows, context);

    EXPECT_EQ(judged.accepted.size() + static_cast<std::size_t>(judged.unchanged) + judged.rejected.size() +
                  judged.still_open.size(),
              rows.size());
    const std::set<std::size_t> open(judged.still_open.begin(), judged.still_open.end());
    EXPECT_EQ(open.size(), judged.still_open.size());
    EXPECT_TRUE(std::ranges::is_sorted(judged.accepted.open_time));
    EXPECT_EQ(std::ranges::adjacent_find(judged.accepted.open_time), judged.accepted.open_time.end());
    for (std::size_t i = 0; i < judged.accepted.size(); ++i) {
      const auto& bar = judged.accepted;
      EXPECT_TRUE(std::isfinite(bar.volume[i]) && bar.volume[i] >= 0);
      EXPECT_TRUE(bar.low[i] > 0 && bar.low[i] <= bar.open[i] && bar.low[i] <= bar.close[i]);
      EXPECT_TRUE(bar.open[i] <= bar.high[i] && bar.close[i] <= bar.high[i] && std::isfinite(bar.high[i]));
      EXPECT_TRUE(context.window.contains(bar.open_time[i]));
      EXPECT_EQ(bar.finality[i] == Finality::revised, bar.revision[i] > 0);
    }
    held = judged.accepted;
  }
}

// Judging the same rows again finds nothing new.
TEST(Property, JudgingIsIdempotent) {
  std::mt19937_64 random{7};
  ObservationColumns rows;
  for (int i = 0; i < 2'000; ++i) add(rows, random_row(random));
  auto context = context_of("bybit.linear.BTCUSDT@1h");
  const auto first = defaults().judge(rows, context);
  context.stored = &first.accepted;
  const auto again = defaults().judge(rows, context);
  EXPECT_EQ(again.rejected.size(), first.rejected.size());
  EXPECT_EQ(again.still_open, first.still_open);
  EXPECT_EQ(again.accepted.size(), 0U);
  EXPECT_EQ(static_cast<std::size_t>(again.unchanged),
            first.accepted.size() + static_cast<std::size_t>(first.unchanged));
}

// "2021-12-31 23:01:00.000000" of a recording.
TimePoint parse_recorded(std::string_view text) {
  return parse_time_bound(text.substr(0, 19), "timestamp").value().first;
}

// Real minute bars pass without a fault, and what is published is the nearest double of every text.
TEST(Recording, RealBarsAreSound) {
  std::ifstream file{std::string{TDM_SHARED_DIR} + "/recordings/bars/btc-perp-20211231-20220201_1m.csv"};
  if (!file) GTEST_SKIP() << "needs ../shared";
  ObservationColumns rows;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::array<std::string, 6> field;
    std::istringstream fields{line};
    for (auto& one : field) std::getline(fields, one, ',');
    add(rows, Row{parse_recorded(field[0]), field[1].c_str(), field[2].c_str(), field[3].c_str(), field[4].c_str(),
                  field[5].c_str(), nullptr, nullptr, nullptr, CloseProof::archive, kLater});
  }
  ASSERT_GT(rows.size(), 45'000U);
  const auto judged = defaults().judge(rows, context_of("bybit.inverse.BTCUSD@1m"));
  EXPECT_TRUE(judged.rejected.empty());
  ASSERT_EQ(judged.accepted.size() + static_cast<std::size_t>(judged.unchanged), rows.size());
  EXPECT_EQ(judged.unchanged, 0);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(judged.accepted.close[i], std::strtod(std::string{*rows.close[i]}.c_str(), nullptr));
    EXPECT_EQ(judged.accepted.volume[i], std::strtod(std::string{*rows.volume[i]}.c_str(), nullptr));
  }
}

}  // namespace
}  // namespace tdm::validate
