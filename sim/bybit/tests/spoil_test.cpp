#include "sim/bybit/spoil.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sim/bybit/envelope.hpp"
#include "sim/tests/world_of_test.hpp"

namespace tdm::sim::bybit {
namespace {

using sim::testing::at;
using ::testing::HasSubstr;
using Json = nlohmann::json;

const TimePoint kNow = at("2024-01-01");

Answer page() {
  return success(
      R"({"symbol":"A","category":"linear","list":[["3000","1","2","3","4","5","6"],["2000","1","2","3","4","5","6"],["1000","1","2","3","4","5","6"]]})",
      kNow);
}

std::vector<std::string> times(const Answer& answer) {
  std::vector<std::string> found;
  const Json body = Json::parse(answer.reply.body);
  for (const Json& row : body["result"]["list"]) found.push_back(row[0]);
  return found;
}

std::vector<std::string> after(const RowFault& fault) {
  Answer answer = page();
  EXPECT_TRUE(spoil(answer, fault, kNow));
  return times(answer);
}

TEST(Spoil, AnErrorOfBybitComesWithHttp200AndItsResetHeader) {
  Answer answer = page();
  EXPECT_TRUE(spoil(answer, CodeFault{.code = 10'006, .reset = CodeFault::Reset::soon}, kNow));
  EXPECT_EQ(answer.reply.status, 200);
  EXPECT_EQ(answer.code, 10'006);
  EXPECT_EQ(answer.rows, 0);
  EXPECT_EQ(net::find_header(answer.reply.headers, "x-bapi-limit-reset-timestamp"), std::to_string(to_ms(kNow) + 300));
  EXPECT_TRUE(spoil(answer, CodeFault{.code = 10'006, .reset = CodeFault::Reset::past}, kNow));
  EXPECT_EQ(net::find_header(answer.reply.headers, "X-Bapi-Limit-Reset-Timestamp"),
            std::to_string(to_ms(kNow) - 10'000));
  EXPECT_TRUE(spoil(answer, CodeFault{.code = 10'016, .message = "restarting"}, kNow));
  EXPECT_FALSE(net::find_header(answer.reply.headers, "X-Bapi-Limit-Reset-Timestamp"));
  EXPECT_EQ(Json::parse(answer.reply.body)["retMsg"], "restarting");
}

TEST(Spoil, Rows) {
  using Kind = RowFault::Kind;
  using Times = std::vector<std::string>;
  EXPECT_EQ(after({.kind = Kind::duplicate, .index = 1}), (Times{"3000", "2000", "2000", "1000"}));
  EXPECT_EQ(after({.kind = Kind::drop, .index = -1}), (Times{"3000", "2000"}));
  EXPECT_EQ(after({.kind = Kind::drop, .at = from_ms(2'000)}), (Times{"3000", "1000"}));
  EXPECT_EQ(after({.kind = Kind::swap, .index = 0}), (Times{"2000", "3000", "1000"}));
  EXPECT_EQ(after({.kind = Kind::set, .column = "open_time", .value = "x"}), (Times{"x", "2000", "1000"}));
}

TEST(Spoil, ValuesOfARow) {
  Answer answer = page();
  ASSERT_TRUE(spoil(answer, RowFault{.kind = RowFault::Kind::set, .index = 1, .column = "close", .value = ""}, kNow));
  EXPECT_EQ(Json::parse(answer.reply.body)["result"]["list"][1][4], "");
  for (const std::string raw : {"NaN", "1e400", "null", "12.5"}) {
    answer = page();
    ASSERT_TRUE(
        spoil(answer, RowFault{.kind = RowFault::Kind::set, .column = "high", .value = raw, .raw = true}, kNow));
    EXPECT_THAT(answer.reply.body, HasSubstr("[\"3000\",\"1\"," + raw + ",\"3\""));
  }
  answer = page();
  ASSERT_TRUE(spoil(answer, RowFault{.kind = RowFault::Kind::shorten}, kNow));
  EXPECT_EQ(Json::parse(answer.reply.body)["result"]["list"][0].size(), 6u);
}

TEST(Spoil, KeysAndShortPages) {
  Answer answer = page();
  ASSERT_TRUE(spoil(answer, FieldFault{"list", "rows"}, kNow));
  EXPECT_TRUE(Json::parse(answer.reply.body)["result"].contains("rows"));
  ASSERT_TRUE(spoil(answer, FieldFault{"result", ""}, kNow));
  EXPECT_FALSE(Json::parse(answer.reply.body).contains("result"));
  answer = page();
  ASSERT_TRUE(spoil(answer, ShortPageFault{1}, kNow));
  EXPECT_EQ(times(answer), (std::vector<std::string>{"3000"}));
  EXPECT_EQ(answer.rows, 1);
}

TEST(Spoil, WhatIsNotThereCannotBeSpoiled) {
  const Fault faults[] = {RowFault{.index = 3},
                          RowFault{.index = -4},
                          RowFault{.at = from_ms(5'000)},
                          RowFault{.kind = RowFault::Kind::swap, .index = 2},
                          RowFault{.kind = RowFault::Kind::set, .column = "no such", .value = "1"},
                          FieldFault{"no such", "x"},
                          ShortPageFault{3},
                          ResetFault{}};
  for (const Fault& fault : faults) {
    Answer answer = page();
    EXPECT_FALSE(spoil(answer, fault, kNow));
    EXPECT_EQ(answer.reply.body, page().reply.body);
  }
  Answer text = http_error(502, "text/html", "<html>");
  EXPECT_FALSE(spoil(text, RowFault{}, kNow));
  Answer time = server_time(kNow);
  EXPECT_FALSE(spoil(time, RowFault{}, kNow));
}

}  // namespace
}  // namespace tdm::sim::bybit
