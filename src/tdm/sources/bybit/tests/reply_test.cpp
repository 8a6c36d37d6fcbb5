#include "tdm/sources/bybit/detail/reply.hpp"

#include <gtest/gtest.h>

#include "tdm/sources/bybit/tests/support.hpp"

namespace tdm::sources::bybit {
namespace {

using namespace std::chrono_literals;
using Next = Verdict::Next;

const TimePoint kNow = testing::at("2026-11-22T12:00:00Z");

Verdict judge(int status, std::string body, net::Headers headers = {}, bool doubted = false) {
  return judge_reply({status, std::move(headers), std::move(body)}, kNow, doubted);
}

std::string code(int number, std::string_view message = "said") {
  return R"({"retCode":)" + std::to_string(number) + R"(,"retMsg":")" + std::string{message} +
         R"(","result":{},"time":)" + std::to_string(to_ms(kNow)) + "}";
}

TEST(JudgeReply, OnlyRetCodeZeroIsSuccess) {
  for (const auto* message : {"OK", "success", "SUCCESS", ""})
    EXPECT_EQ(judge(200, code(0, message)).next, Next::accept);
  EXPECT_NE(judge(200, code(7)).next, Next::accept);
}

TEST(JudgeReply, ClassesOfRetCode) {
  struct Case {
    int code;
    Next next;
    ErrorCode error;
    bool pause;
  };
  for (const auto& expected :
       {Case{10000, Next::retry, ErrorCode::unavailable, false},
        Case{10002, Next::retry, ErrorCode::unavailable, false},
        Case{10016, Next::retry, ErrorCode::unavailable, false}, Case{429, Next::retry, ErrorCode::rate_limited, false},
        Case{10006, Next::retry, ErrorCode::rate_limited, true},
        Case{10001, Next::give_up, ErrorCode::invalid_argument, false},
        Case{10029, Next::give_up, ErrorCode::unknown_symbol, false},
        Case{10018, Next::give_up, ErrorCode::rate_limited, true},
        Case{10009, Next::give_up, ErrorCode::unavailable, false},
        Case{10024, Next::give_up, ErrorCode::unavailable, false},
        Case{10017, Next::give_up, ErrorCode::not_found, false},
        Case{77777, Next::give_up, ErrorCode::corrupt_data, false}}) {
    const auto verdict = judge(200, code(expected.code));
    EXPECT_EQ(verdict.next, expected.next) << expected.code;
    EXPECT_EQ(verdict.error.code, expected.error) << expected.code;
    EXPECT_EQ(verdict.pause_all, expected.pause) << expected.code;
    EXPECT_NE(verdict.error.message.find(std::to_string(expected.code)), std::string::npos);
  }
}

TEST(JudgeReply, AParameterErrorOfTheSymbolIsAnUnknownSymbol) {
  for (const auto* message : {"params error: symbol invalid", "Not supported symbols"}) {
    const auto verdict = judge(200, code(10001, message));
    EXPECT_EQ(verdict.error.code, ErrorCode::unknown_symbol);
    EXPECT_EQ(verdict.error.parameter, "symbol");
  }
  EXPECT_EQ(judge(200, code(10001, "Invalid period!")).error.code, ErrorCode::invalid_argument);
}

TEST(JudgeReply, LimitWaitsUntilItsReset) {
  const auto wait = [](std::string value) {
    return judge(200, code(10006), {{"x-bapi-limit-reset-timestamp", std::move(value)}}).wait;
  };
  EXPECT_EQ(wait(std::to_string(to_ms(kNow) + 300)), 300ms);
  EXPECT_EQ(wait(std::to_string(to_ms(kNow) - 5'000)), 0ms);                 // a reset in the past
  EXPECT_EQ(wait("soon"), 1'000ms);                                          // not a number
  EXPECT_EQ(wait(std::to_string(to_ms(kNow) + 86'400'000)), kMaxLimitWait);  // a clock that is wrong
  EXPECT_EQ(judge(200, code(10006)).wait, 1'000ms);                          // absent
}

// Pitfall: 403 has three meanings, and loops of retries prolong the ban.
TEST(JudgeReply, Forbidden) {
  const auto banned = judge(403, "403, access too frequent. Please try again in 10 minutes.");
  EXPECT_EQ(banned.next, Next::give_up);
  EXPECT_EQ(banned.error.code, ErrorCode::rate_limited);
  EXPECT_EQ(banned.error.retry_after, std::chrono::milliseconds{10min});
  EXPECT_TRUE(banned.pause_all);
  EXPECT_FALSE(banned.doubtful);

  const auto country = judge(403,
                             "<!DOCTYPE HTML><html>The Amazon CloudFront distribution is configured to block access "
                             "from your country.</html>");
  EXPECT_EQ(country.next, Next::give_up);
  EXPECT_EQ(country.error.code, ErrorCode::unavailable);
  EXPECT_EQ(country.error.parameter, "exchange_clients.bybit.base_url");
  EXPECT_FALSE(country.pause_all);

  const auto first = judge(403, "forbidden");
  EXPECT_EQ(first.error.code, ErrorCode::rate_limited);
  EXPECT_TRUE(first.doubtful);
  const auto second = judge(403, "forbidden", {}, true);
  EXPECT_EQ(second.error.code, ErrorCode::unavailable);
  EXPECT_FALSE(second.pause_all);
}

TEST(JudgeReply, Statuses) {
  const auto busy = judge(429, "slow down", {{"Retry-After", "7"}});
  EXPECT_EQ(busy.next, Next::retry);
  EXPECT_EQ(busy.wait, 7'000ms);
  EXPECT_TRUE(busy.pause_all);
  EXPECT_EQ(judge(429, "").wait, std::nullopt);
  const auto down = judge(503, "<html>", {{"Retry-After", "2"}});
  EXPECT_EQ(down.next, Next::retry);
  EXPECT_EQ(down.error.code, ErrorCode::unavailable);
  EXPECT_EQ(down.wait, 2'000ms);
  EXPECT_FALSE(down.pause_all);
  EXPECT_EQ(judge(404, "x").error.code, ErrorCode::not_found);
  EXPECT_EQ(judge(400, "x").error.code, ErrorCode::internal);
  EXPECT_EQ(judge(302, "").next, Next::give_up);
}

TEST(JudgeReply, BodiesThatAreNoAnswerAreAskedForAgain) {
  for (const auto* body : {"", "<html>gateway</html>", R"({"retCode":0,"result")", "[]", "{}", R"({"retCode":"x"})"}) {
    const auto verdict = judge(200, body);
    EXPECT_EQ(verdict.next, Next::retry) << body;
    EXPECT_EQ(verdict.error.code, ErrorCode::corrupt_data) << body;
  }
}

}  // namespace
}  // namespace tdm::sources::bybit
