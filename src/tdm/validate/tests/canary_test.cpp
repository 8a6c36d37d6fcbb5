#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "tdm/validate/rules.hpp"
#include "tdm/validate/tests/rows.hpp"

// Each rule has a batch that it must find fault with and one that it must let pass: a rule that finds nothing is off.
namespace tdm::validate {
namespace {

using testing::add;
using testing::context_of;
using testing::count_of;
using testing::kLater;
using testing::kStart;
using testing::Row;
using namespace std::chrono_literals;

struct Case {
  std::string name;
  std::string rule;
  std::vector<Row> bad;
  std::vector<Row> good;
  std::function<void(Context&)> bad_context = [](Context&) {};
};

Row row(const std::function<void(Row&)>& change = [](Row&) {}) {
  Row one{.open_time = kStart, .event_time = kLater};
  change(one);
  return one;
}

BarColumns stored_bar() {
  ObservationColumns rows;
  add(rows, row([](Row& r) { r.close = "11.5"; }));
  return RuleSet::make({})->judge(rows, context_of("bybit.linear.BTCUSDT@1h")).accepted;
}

const BarColumns& other_stored() {
  static const auto kBar = stored_bar();
  return kBar;
}

const BarColumns& same_stored() {
  static const auto kBar = [] {
    ObservationColumns rows;
    add(rows, row());
    return RuleSet::make({})->judge(rows, context_of("bybit.linear.BTCUSDT@1h")).accepted;
  }();
  return kBar;
}

void lose_the_key(Context& context) {
  const auto taken = std::move(context.series.instrument.market);
  ASSERT_EQ(taken.text(), "linear");
}

std::vector<Case> cases() {
  const auto good = std::vector{row()};
  return {
      {"key", "I2", {row()}, good, lose_the_key},
      {"milliseconds_as_seconds",
       "T4",
       {row([](Row& r) { r.open_time = TimePoint{kStart.time_since_epoch() / 1000}; })},
       good},
      {"microseconds_as_milliseconds",
       "T4",
       {row([](Row& r) { r.open_time = TimePoint{kStart.time_since_epoch() * 1000}; })},
       good},
      {"off_the_grid", "T1", {row([](Row& r) { r.open_time += 1s; })}, good},
      {"from_the_future", "T5", {row([](Row& r) { r.event_time = kStart - 2s; })}, {row([](Row& r) {
         r.event_time = kStart - 2s, r.proof = CloseProof::exchange_flag;
       })}},
      {"not_ended", "T6", {row([](Row& r) { r.event_time = kStart + 59min; })}, {row([](Row& r) {
         r.event_time = kStart + 1h;
       })}},
      {"torn", "T3", {row(), row([](Row& r) { r.close = "10.5"; })}, {row(), row([](Row& r) { r.close = "11.0"; })}},
      {"before_its_close", "T10", {row()}, good, [](Context& context) { context.delay = -1s; }},
      {"outside",
       "C6",
       {row()},
       good,
       [](Context& context) { context.window = TimeRange::of(kStart + 1h, kStart + 2h); }},
      {"absent_bar",
       "C1",
       {row()},
       good,
       [](Context& context) { context.window = TimeRange::of(kStart, kStart + 2h); }},
      {"no_close", "S9", {row([](Row& r) { r.close = nullptr; })}, {row([](Row& r) { r.quote_volume = nullptr; })}},
      {"no_turnover",
       "S9",
       {row([](Row& r) { r.quote_volume = nullptr; })},
       good,
       [](Context& context) { context.has_quote_volume = true; }},
      {"empty_text", "S9", {row([](Row& r) { r.open = ""; })}, {row([](Row& r) { r.low = "1e-7"; })}},
      {"words", "S9", {row([](Row& r) { r.volume = "many"; })}, {row([](Row& r) { r.volume = "3E0"; })}},
      {"nan", "S1", {row([](Row& r) { r.high = "NaN"; })}, good},
      {"too_large", "S1", {row([](Row& r) { r.high = "1e400"; })}, {row([](Row& r) { r.high = "1e30"; })}},
      {"price_of_zero", "S1", {row([](Row& r) { r.low = "0"; })}, {row([](Row& r) { r.low = "0.00000001"; })}},
      {"negative_volume", "S1", {row([](Row& r) { r.volume = "-3"; })}, good},
      {"nan_turnover", "S1", {row([](Row& r) { r.quote_volume = "nan"; })}, good},
      {"half_a_trade", "S1", {row([](Row& r) { r.trade_count = "2.5"; })}, {row([](Row& r) { r.trade_count = "2"; })}},
      {"inverted", "S2", {row([](Row& r) { r.high = "9", r.low = "12"; })}, good},
      {"high_below_close_by_less_than_a_double_tells",
       "S2",
       {row([](Row& r) { r.high = "11.0000000000000000000", r.close = "11.0000000000000000001"; })},
       {row([](Row& r) { r.high = "11.0000000000000000001", r.close = "11.0000000000000000001"; })}},
      {"moves_without_volume", "S3", {row([](Row& r) { r.volume = "0", r.quote_volume = "0"; })}, {row([](Row& r) {
         r.volume = r.quote_volume = "0", r.high = r.low = r.close = "10.0";
       })}},
      {"turnover_without_volume", "S4", {row([](Row& r) { r.volume = "0", r.high = r.low = r.close = "10"; })}, good},
      {"again", "D1", {row()}, good, [](Context& context) { context.stored = &same_stored(); }},
      {"revised", "D2", {row()}, good, [](Context& context) { context.stored = &other_stored(); }},
  };
}

Judgement judge(const std::vector<Row>& rows, const std::function<void(Context&)>& change) {
  ObservationColumns columns;
  for (const auto& one : rows) add(columns, one);
  auto context = context_of("bybit.linear.BTCUSDT@1h");
  change(context);
  return RuleSet::make({})->judge(columns, context);
}

TEST(Canary, EveryRuleFindsItsFaultAndLetsTheSoundPass) {
  std::set<std::string> seen;
  for (const auto& [name, rule, bad, good, bad_context] : cases()) {
    seen.insert(rule);
    const auto info = std::ranges::find(RuleSet::catalogue(), rule, &RuleInfo::id);
    ASSERT_NE(info, RuleSet::catalogue().end()) << rule;
    const auto fault = judge(bad, bad_context);
    EXPECT_GT(count_of(fault, rule), 0) << name;
    if (info->severity == Severity::reject && rule != "T6") {
      ASSERT_FALSE(fault.rejected.empty()) << name;
      EXPECT_EQ(fault.rejected.front().rule, rule) << name << ": " << fault.rejected.front().reason;
      EXPECT_FALSE(fault.rejected.front().reason.empty()) << name;
      EXPECT_TRUE(fault.accepted.open_time.empty()) << name;
    } else {
      EXPECT_TRUE(fault.rejected.empty()) << name;
    }
    if (info->severity == Severity::flag) {
      ASSERT_EQ(fault.accepted.size(), 1U) << name;
      EXPECT_EQ(fault.accepted.quality_flags.front() & info->flag_bit, info->flag_bit) << name;
    }

    const auto sound = judge(good, [](Context&) {});
    EXPECT_EQ(count_of(sound, rule), 0) << name;
    EXPECT_EQ(sound.accepted.size(), 1U) << name;
    EXPECT_TRUE(sound.rejected.empty()) << name;
  }
  for (const auto& info : RuleSet::catalogue())
    EXPECT_TRUE(seen.contains(std::string{info.id})) << info.id << " has no canary";
}

TEST(Canary, TheCatalogueIsWhatWasPromised) {
  std::set<std::string> ids;
  std::uint32_t bits = 0;
  for (const auto& info : RuleSet::catalogue()) {
    EXPECT_TRUE(ids.insert(std::string{info.id}).second) << info.id;
    EXPECT_EQ(bits & info.flag_bit, 0U) << info.id << " shares a bit";
    EXPECT_EQ(std::popcount(info.flag_bit) == 1, info.flag_bit != 0) << info.id;
    EXPECT_GE(info.version, 1);
    EXPECT_FALSE(info.meaning.empty());
    EXPECT_TRUE(info.severity != Severity::flag || info.flag_bit != 0U) << info.id;
    bits |= info.flag_bit;
  }
  EXPECT_EQ(ids, (std::set<std::string>{"S1", "S2", "S3", "S4", "S9", "T1", "T3", "T4", "T5", "T6", "T10", "C1", "C6",
                                        "D1", "D2", "I2"}));
}

}  // namespace
}  // namespace tdm::validate
