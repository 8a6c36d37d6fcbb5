#include "sim/binance/spoil.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sim/binance/envelope.hpp"
#include "sim/tests/world_of_test.hpp"

namespace tdm::sim::binance {
namespace {

using sim::testing::at;
using ::testing::HasSubstr;
using Json = nlohmann::json;
using Kind = RowFault::Kind;
using Times = std::vector<Json>;

const TimePoint kNow = at("2024-01-01");

Answer page() {
  return success(
      R"([[1000,"1","2","3","4","5",1999,"7",8,"9","10","0"],[2000,"1","2","3","4","5",2999,"7",8,"9","10","0"],[3000,"1","2","3","4","5",3999,"7",8,"9","10","0"]])");
}

Times times(const Answer& answer) {
  Times found;
  const Json body = Json::parse(answer.reply.body);
  for (const Json& row : body) found.push_back(row[0]);
  return found;
}

Times after(const RowFault& fault) {
  Answer answer = page();
  EXPECT_TRUE(spoil(answer, fault, kNow));
  return times(answer);
}

TEST(Spoil, RowsAreCountedFromTheNewest) {
  EXPECT_EQ(after({.kind = Kind::drop, .index = 0}), (Times{1000, 2000}));
  EXPECT_EQ(after({.kind = Kind::drop, .index = -1}), (Times{2000, 3000}));
  EXPECT_EQ(after({.kind = Kind::drop, .at = from_ms(2'000)}), (Times{1000, 3000}));
  EXPECT_EQ(after({.kind = Kind::duplicate, .index = 1}), (Times{1000, 2000, 2000, 3000}));
  EXPECT_EQ(after({.kind = Kind::swap, .index = 0}), (Times{1000, 3000, 2000}));
  EXPECT_EQ(after({.kind = Kind::set, .column = "open_time", .value = "x"}), (Times{1000, 2000, "x"}));
}

TEST(Spoil, EveryColumnHasAName) {
  const char* names[] = {"open_time",        "open",       "high",     "low",    "close",
                         "volume",           "close_time", "turnover", "trades", "buy_volume",
                         "buy_quote_volume", "ignore"};
  for (std::size_t i = 0; i < std::size(names); ++i) {
    Answer answer = page();
    ASSERT_TRUE(spoil(answer, RowFault{.kind = Kind::set, .column = names[i], .value = "77", .raw = true}, kNow));
    EXPECT_EQ(Json::parse(answer.reply.body)[2][i], 77) << names[i];
  }
  Answer answer = page();
  ASSERT_TRUE(spoil(answer, RowFault{.kind = Kind::set, .column = "high", .value = "NaN", .raw = true}, kNow));
  EXPECT_THAT(answer.reply.body, HasSubstr("[3000,\"1\",NaN,\"3\""));
  answer = page();
  ASSERT_TRUE(spoil(answer, RowFault{.kind = Kind::shorten}, kNow));
  EXPECT_EQ(Json::parse(answer.reply.body)[2].size(), 11u);
}

TEST(Spoil, AShortPageKeepsTheNewest) {
  Answer answer = page();
  ASSERT_TRUE(spoil(answer, ShortPageFault{1}, kNow));
  EXPECT_EQ(times(answer), Times{3000});
  EXPECT_EQ(answer.rows, 1);
  ASSERT_TRUE(spoil(answer, ShortPageFault{0}, kNow));
  EXPECT_EQ(answer.reply.body, "[]");
}

TEST(Spoil, KeysOfInstruments) {
  Answer answer = success(R"({"symbols":[{"symbol":"A","status":"TRADING"},{"symbol":"B","status":"BREAK"}]})");
  ASSERT_TRUE(spoil(answer, FieldFault{"status", ""}, kNow));
  EXPECT_EQ(answer.reply.body, R"({"symbols":[{"symbol":"A"},{"symbol":"B"}]})");
  ASSERT_TRUE(spoil(answer, RowFault{.kind = Kind::drop, .index = 0}, kNow));
  EXPECT_EQ(answer.reply.body, R"({"symbols":[{"symbol":"A"}]})");
}

TEST(Spoil, AnErrorHasItsStatus) {
  const std::pair<int, int> cases[] = {{-1121, 400}, {-1003, 429}, {-1001, 500}, {-1007, 504}, {-1008, 503}, {0, 400}};
  for (const auto& [code, status] : cases) {
    Answer answer = page();
    ASSERT_TRUE(spoil(answer, CodeFault{.code = code}, kNow));
    EXPECT_EQ(answer.reply.status, status);
    EXPECT_EQ(answer.code, code);
    EXPECT_EQ(answer.rows, 0);
    EXPECT_EQ(Json::parse(answer.reply.body)["code"], code);
    EXPECT_FALSE(net::find_header(answer.reply.headers, "Retry-After"));
  }
  Answer answer = page();
  ASSERT_TRUE(spoil(answer, CodeFault{.code = -1003, .message = "wait", .reset = CodeFault::Reset::soon}, kNow));
  EXPECT_EQ(net::find_header(answer.reply.headers, "Retry-After"), "1");
  EXPECT_EQ(Json::parse(answer.reply.body)["msg"], "wait");
}

TEST(Spoil, HttpErrorsSayWhatBinanceSays) {
  EXPECT_EQ(Json::parse(error_body({.status = 429}, kNow))["code"], -1003);
  EXPECT_EQ(Json::parse(error_body({.status = 451}, kNow))["code"], 0);
  EXPECT_THAT(error_body({.status = 451}, kNow), HasSubstr("restricted location"));
  EXPECT_THAT(error_body({.status = 418, .retry_after = "30"}, kNow),
              HasSubstr("IP banned until " + std::to_string(to_ms(kNow) + 30'000)));
  EXPECT_EQ(Json::parse(error_body({.status = 502}, kNow))["code"], -1000);
}

TEST(Spoil, WhatIsNotThereCannotBeSpoiled) {
  const Fault faults[] = {RowFault{.index = 3},
                          RowFault{.index = -4},
                          RowFault{.at = from_ms(5'000)},
                          RowFault{.kind = Kind::swap, .index = 2},
                          RowFault{.kind = Kind::set, .column = "no such", .value = "1"},
                          FieldFault{"symbol", "x"},
                          ShortPageFault{3},
                          ResetFault{}};
  for (const Fault& fault : faults) {
    Answer answer = page();
    EXPECT_FALSE(spoil(answer, fault, kNow));
    EXPECT_EQ(answer.reply.body, page().reply.body);
  }
  Answer time = success(R"({"serverTime":1})");
  EXPECT_FALSE(spoil(time, RowFault{}, kNow));
}

}  // namespace
}  // namespace tdm::sim::binance
