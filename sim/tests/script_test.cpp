#include "sim/script.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "sim/tests/world_of_test.hpp"

namespace tdm::sim {
namespace {

using testing::at;
using testing::get;
using ::testing::HasSubstr;

std::string file_with(std::string_view text) {
  const auto path = std::filesystem::path{::testing::TempDir()} / "tdm_sim_script.yaml";
  std::ofstream{path} << text;
  return path.string();
}

std::vector<FaultRule> rules(std::string_view text) {
  auto script = load_script(file_with(text));
  if (!script) throw std::runtime_error{script.error().message};
  return std::move(script->rules);
}

// Which of `requests` equal requests get a fault.
std::vector<int> spoiled(FaultPlan& plan, int requests, TimePoint now = at("2024-01-01"), double elapsed_s = 0) {
  std::vector<int> hits;
  const auto request = get("/bybit/v5/market/kline", {{"symbol", "BTCUSDT"}, {"interval", "1"}});
  for (int i = 1; i <= requests; ++i) {
    if (plan.choose("bybit", "/v5/market/kline", request, now, elapsed_s)) hits.push_back(i);
  }
  return hits;
}

std::vector<int> spoiled(std::string_view conditions, int requests) {
  FaultPlan plan{rules("faults: [{" + std::string{conditions} + "do: {status: 500}}]"), 1};
  return spoiled(plan, requests);
}

TEST(Script, BinanceHasLimitsOfItsOwn) {
  const auto script = load_script(
      file_with("binance: {spot_weight: 100, futures_weight: 50, ban_after: 1, ban_s: 3, futures_retry_after: false,\n"
                "          spot_limit_above: refuse, futures_limit_above: cut}\n"));
  ASSERT_TRUE(script) << script.error().message;
  EXPECT_EQ(script->binance.spot_weight, 100);
  EXPECT_EQ(script->binance.futures_weight, 50);
  EXPECT_EQ(script->binance.ban_after, 1);
  EXPECT_EQ(script->binance.ban.count(), 3);
  EXPECT_FALSE(script->binance.futures_retry_after);
  EXPECT_EQ(script->binance.spot_limit_above, LimitAbove::refuse);
  EXPECT_EQ(script->binance.futures_limit_above, LimitAbove::cut);
  EXPECT_FALSE(load_script(file_with("binance: {spot_weight: 0}\n")));
  const auto deribit =
      load_script(file_with("deribit: {pool: 1000, cost: 1, error_status: 200, mixed_numbers: false}\n"));
  ASSERT_TRUE(deribit) << deribit.error().message;
  EXPECT_EQ(deribit->deribit.pool, 1'000);
  EXPECT_EQ(deribit->deribit.cost, 1);
  EXPECT_EQ(deribit->deribit.instruments_pool, 500'000);
  EXPECT_EQ(deribit->deribit.error_status, 200);
  EXPECT_FALSE(deribit->deribit.mixed_numbers);
  EXPECT_FALSE(load_script(file_with("deribit: {pool: 0}\n")));
  EXPECT_FALSE(load_script(file_with("deribit: {credits: 1}\n")));
  EXPECT_FALSE(load_script(file_with("binance: {spot_limit_above: never}\n")));
}

TEST(FaultPlan, CountsTheRequestsThatItsConditionsName) {
  EXPECT_EQ(spoiled("nth: 3, ", 6), (std::vector{3}));
  EXPECT_EQ(spoiled("nth: 2..4, ", 6), (std::vector{2, 3, 4}));
  EXPECT_EQ(spoiled("nth: 5.., ", 6), (std::vector{5, 6}));
  EXPECT_EQ(spoiled("every: 3, ", 7), (std::vector{1, 4, 7}));
  EXPECT_EQ(spoiled("count: 2, ", 6), (std::vector{1, 2}));
  EXPECT_EQ(spoiled("symbol: ETHUSDT, ", 6), (std::vector<int>{}));
  EXPECT_EQ(spoiled("symbol: BTCUSDT, interval: 1, ", 2), (std::vector{1, 2}));
  EXPECT_EQ(spoiled("path: /v5/market/time, ", 2), (std::vector<int>{}));
  EXPECT_EQ(spoiled("exchange: bybit, query: {interval: 1}, ", 1), (std::vector{1}));
  EXPECT_EQ(spoiled("exchange: other, ", 1), (std::vector<int>{}));
}

TEST(FaultPlan, ProbabilityFollowsTheSeed) {
  const std::string text = "faults: [{probability: 0.3, do: {status: 500}}]";
  FaultPlan one{rules(text), 1}, same{rules(text), 1}, other{rules(text), 2};
  const auto hits = spoiled(one, 2'000);
  EXPECT_EQ(hits, spoiled(same, 2'000));
  EXPECT_NE(hits, spoiled(other, 2'000));
  EXPECT_NEAR(static_cast<double>(hits.size()), 600, 80);
}

TEST(FaultPlan, WindowsOfTimeAreHalfOpen) {
  const std::string text =
      "faults: [{from: 2024-01-01T00:00:00Z, to: 2024-01-01T01:00:00Z, do: {reset_connection: true}}]";
  FaultPlan plan{rules(text), 1};
  EXPECT_EQ(spoiled(plan, 1, at("2023-12-31T23:59:59Z")).size(), 0u);
  EXPECT_EQ(spoiled(plan, 1, at("2024-01-01T00:00:00Z")).size(), 1u);
  EXPECT_EQ(spoiled(plan, 1, at("2024-01-01T01:00:00Z")).size(), 0u);
  FaultPlan seconds{rules("faults: [{after_s: 2, until_s: 3, do: {status: 502, body: html}}]"), 1};
  EXPECT_EQ(spoiled(seconds, 1, at("2024-01-01"), 1.9).size(), 0u);
  EXPECT_EQ(spoiled(seconds, 1, at("2024-01-01"), 2.5).size(), 1u);
  EXPECT_EQ(spoiled(seconds, 1, at("2024-01-01"), 3.0).size(), 0u);
}

TEST(FaultPlan, AFaultWithoutEffectIsGivenBack) {
  FaultPlan plan{rules("faults: [{count: 1, do: {row: drop}}]"), 1};
  const auto request = get("/bybit/x");
  const auto first = plan.choose("bybit", "/x", request, at("2024-01-01"), 0);
  ASSERT_TRUE(first);
  plan.give_back(first->rule);
  EXPECT_TRUE(plan.choose("bybit", "/x", request, at("2024-01-01"), 0));
  EXPECT_FALSE(plan.choose("bybit", "/x", request, at("2024-01-01"), 0));
}

TEST(Script, ReadsEveryActionAndTheLimits) {
  const auto script = load_script(file_with(R"(
quota: {requests: 10, window_s: 1, ban_s: 2}
limit_headers: true
faults:
  - {do: {ret_code: 10006, reset: soon, message: slow down}}
  - {do: {status: 429, retry_after: 2, body: text}}
  - {do: {cut: 0.25}}
  - {do: {endless: true}}
  - {do: {stall_s: 30}}
  - {do: {reset_connection: true}}
  - {do: {delay_s: 0.2}}
  - {do: {row: set, at: 2024-01-01T00:00:00Z, column: close, value: NaN, raw: true}}
  - {do: {row: duplicate, index: -1}}
  - {do: {rename: {from: list, to: rows}}}
  - {do: {remove: result}}
  - {do: {same_page: true}}
  - {do: {short_page: 10}}
  - {do: {skew_s: -5}}
)"));
  ASSERT_TRUE(script) << script.error().message;
  EXPECT_EQ(script->quota.requests, 10);
  EXPECT_EQ(script->quota.ban.count(), 2);
  EXPECT_TRUE(script->limit_headers);
  ASSERT_EQ(script->rules.size(), 14u);
  EXPECT_EQ(std::get<CodeFault>(script->rules[0].fault).reset, CodeFault::Reset::soon);
  EXPECT_EQ(std::get<StatusFault>(script->rules[1].fault).retry_after, "2");
  EXPECT_EQ(std::get<CutFault>(script->rules[2].fault).kept, 0.25);
  EXPECT_EQ(std::get<StallFault>(script->rules[4].fault).time.count(), 30'000);
  EXPECT_EQ(std::get<RowFault>(script->rules[7].fault).value, "NaN");
  EXPECT_EQ(std::get<RowFault>(script->rules[8].fault).index, -1);
  EXPECT_EQ(std::get<FieldFault>(script->rules[9].fault).to, "rows");
  EXPECT_EQ(std::get<SkewFault>(script->rules[13].fault).by.count(), -5'000);
  EXPECT_THAT(script->rules[0].label, HasSubstr("tdm_sim_script.yaml:5"));
}

TEST(Script, MistakesNameTheirPlace) {
  const std::pair<std::string, std::string> cases[] = {
      {"fautls: []", ":1:1: unknown key 'fautls', did you mean 'faults'?"},
      {"faults:\n  - {symbl: A, do: {status: 500}}", ":2:6: unknown key 'symbl', did you mean 'symbol'?"},
      {"faults:\n  - {nth: 0, do: {status: 500}}", "nth: expected"},
      {"faults:\n  - {nth: 5..2, do: {status: 500}}", "nth: expected"},
      {"faults:\n  - {symbol: A}", "the key 'do' is missing"},
      {"faults:\n  - {do: {}}", "nothing to do is named"},
      {"faults:\n  - {do: {status: 500, cut: 0.5}}", "either status or cut"},
      {"faults:\n  - {do: {status: 500, reset: soon}}", "'reset' does not belong to 'status'"},
      {"faults:\n  - {do: {status: 99}}", "expected a whole number from 300 to 599"},
      {"faults:\n  - {do: {row: explode}}", "expected one of duplicate, drop, swap, set, shorten"},
      {"faults:\n  - {do: {row: set, column: close}}", "the key 'value' is missing"},
      {"faults:\n  - {do: {endless: false}}", "endless"},
      {"faults: {}", "expected a list of rules"},
      {"quota: {requests: many}", "requests: expected a whole number"},
      {"quota: {request: 5}", "did you mean 'requests'?"},
      {"limit_headers: perhaps", "expected true or false"},
      {"faults: [", ":1:"},
  };
  for (const auto& [text, expected] : cases) {
    const auto script = load_script(file_with(text));
    ASSERT_FALSE(script) << text;
    EXPECT_EQ(script.error().code, ErrorCode::configuration) << text;
    EXPECT_THAT(script.error().message, HasSubstr(expected)) << text;
  }
}

TEST(Script, AnEmptyFileChangesNothing) {
  const auto script = load_script(file_with(""));
  ASSERT_TRUE(script);
  EXPECT_TRUE(script->rules.empty());
  EXPECT_EQ(script->quota.requests, 600);
}

}  // namespace
}  // namespace tdm::sim
