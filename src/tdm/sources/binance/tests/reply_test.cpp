#include "tdm/sources/binance/detail/reply.hpp"

#include <gtest/gtest.h>

#include "tdm/sources/binance/tests/support.hpp"

namespace tdm::sources::binance {
namespace {

using namespace std::chrono_literals;
using Next = Verdict::Next;

const TimePoint kNow = testing::at("2026-11-22T12:00:00Z");

Verdict judge(int status, std::string body, net::Headers headers = {}, Pool pool = Pool::spot) {
  return judge_reply({status, std::move(headers), std::move(body)}, kNow, pool);
}

std::string code(std::string_view number, std::string_view message = "said") {
  return R"({"code":)" + std::string{number} + R"(,"msg":")" + std::string{message} + R"("})";
}

TEST(JudgeReply, ArraysAndObjectsWithoutACodeAreAnswers) {
  for (const auto* body : {"[]", "[[1,\"2\"]]", "{}", R"({"serverTime":1499827319559})", " [ ] \n"})
    EXPECT_EQ(judge(200, body).next, Next::accept) << body;
}

TEST(JudgeReply, ClassesOfCodes) {
  struct Case {
    const char* code;
    Next next;
    ErrorCode error;
    bool pause;
  };
  for (const auto& expected : {Case{"-1000", Next::retry, ErrorCode::unavailable, false},
                               Case{"-1001", Next::retry, ErrorCode::unavailable, false},
                               Case{"-1006", Next::retry, ErrorCode::unavailable, false},
                               Case{"-1007", Next::retry, ErrorCode::unavailable, false},
                               Case{"-1008", Next::retry, ErrorCode::unavailable, false},
                               Case{"-1016", Next::retry, ErrorCode::unavailable, false},
                               Case{"-1003", Next::retry, ErrorCode::rate_limited, true},
                               Case{"-1023", Next::give_up, ErrorCode::invalid_argument, false},
                               Case{"-1100", Next::give_up, ErrorCode::invalid_argument, false},
                               Case{"-1102", Next::give_up, ErrorCode::invalid_argument, false},
                               Case{"-1120", Next::give_up, ErrorCode::invalid_argument, false},
                               Case{"-1121", Next::give_up, ErrorCode::unknown_symbol, false},
                               Case{"-1127", Next::give_up, ErrorCode::invalid_argument, false},
                               Case{"-1130", Next::give_up, ErrorCode::invalid_argument, false},
                               Case{"-4021", Next::give_up, ErrorCode::corrupt_data, false},
                               Case{"7", Next::give_up, ErrorCode::corrupt_data, false}}) {
    for (const int status : {200, 400}) {
      const auto verdict = judge(status, code(expected.code));
      EXPECT_EQ(verdict.next, expected.next) << expected.code;
      EXPECT_EQ(verdict.error.code, expected.error) << expected.code;
      EXPECT_EQ(verdict.pause_all, expected.pause) << expected.code;
      EXPECT_NE(verdict.error.message.find(expected.code), std::string::npos);
    }
  }
  EXPECT_EQ(judge(400, code("-1120")).error.parameter, "timeframe");
  EXPECT_EQ(judge(400, code("-1121")).error.parameter, "symbol");
  EXPECT_EQ(judge(400, code("-1100", "Illegal characters found in parameter 'symbol'; legal range is 'x'.")).error.code,
            ErrorCode::unknown_symbol);
}

// Trap 12: error bodies come in four shapes.
TEST(JudgeReply, FourShapesOfErrors) {
  const auto text_code = judge(
      200,
      R"({"status":"ERROR","type":"VALID","code":"000002","errorData":{"limit":"limit can not greater than 1000"},"data":null})");
  EXPECT_EQ(text_code.next, Next::give_up);
  EXPECT_EQ(text_code.error.code, ErrorCode::invalid_argument);
  EXPECT_NE(text_code.error.message.find("limit can not greater"), std::string::npos) << text_code.error.message;
  // A code of zero is an error too.
  const auto region = judge(
      200, code("0", "Service unavailable from a restricted location according to 'b. Eligibility' in the terms."));
  EXPECT_EQ(region.next, Next::give_up);
  EXPECT_EQ(region.error.code, ErrorCode::unavailable);
  EXPECT_EQ(judge(200, code("0", "what")).next, Next::give_up);
  for (const auto* body : {"", "  ", "<html>gateway</html>", "[[1,2]", "{\"a\":", "[] x", "null", "7"}) {
    const auto verdict = judge(200, body);
    EXPECT_EQ(verdict.next, Next::retry) << body;
    EXPECT_EQ(verdict.error.code, ErrorCode::corrupt_data) << body;
  }
}

TEST(JudgeReply, LimitsWaitAsLongAsTheySay) {
  const auto stated = judge(429, code("-1003"), {{"retry-after", "37"}});
  EXPECT_EQ(stated.next, Next::retry);
  EXPECT_EQ(stated.wait, 37s);
  EXPECT_TRUE(stated.pause_all);
  EXPECT_EQ(judge(429, "<html>").wait, 60s);
  EXPECT_EQ(judge(429, code("-1003"), {{"Retry-After", "0"}}).wait, 1s) << "no storm";
  EXPECT_EQ(judge(429, code("-1003"), {{"Retry-After", "soon"}}).wait, 60s);
}

TEST(JudgeReply, BansEndWhenTheHeaderOrTheMessageSays) {
  const auto header = judge(418, code("-1003"), {{"Retry-After", "259200"}});
  EXPECT_EQ(header.next, Next::give_up);
  EXPECT_EQ(header.error.code, ErrorCode::rate_limited);
  EXPECT_EQ(header.wait, 72h);
  EXPECT_TRUE(header.pause_all);
  const auto text =
      "Way too much request weight used; IP banned until " + std::to_string(to_ms(kNow) + 600'000) + ". Please use";
  EXPECT_EQ(judge(418, code("-1003", text)).wait, 600s);
  EXPECT_EQ(judge(429, code("-1003", text)).next, Next::give_up) << "the text of a ban under the status of a limit";
  EXPECT_EQ(judge(418, "").wait, 120s);
  EXPECT_EQ(judge(418, code("-1003", "IP banned until 1660090423228. x")).wait, 1s) << "a ban that is over";
  EXPECT_EQ(judge(418, code("-1003", "IP banned until 99999999999999. x")).wait, 96h);
  EXPECT_EQ(judge(418, code("-1003", "IP banned until someday")).wait, 120s);
}

TEST(JudgeReply, Statuses) {
  const auto firewall = judge(403, "<html>");
  EXPECT_EQ(firewall.next, Next::give_up);
  EXPECT_EQ(firewall.wait, 5min);
  EXPECT_TRUE(firewall.pause_all);
  const auto region = judge(451, code("0", "Service unavailable from a restricted location"));
  EXPECT_EQ(region.error.code, ErrorCode::unavailable);
  EXPECT_FALSE(region.pause_all);
  EXPECT_EQ(judge(451, "", {}, Pool::futures).error.message.find("data-api"), std::string::npos);
  EXPECT_EQ(judge(404, "<html>").error.code, ErrorCode::not_found);
  EXPECT_EQ(judge(408, code("-1007")).next, Next::retry);
  EXPECT_EQ(judge(401, code("-2014")).next, Next::give_up);
  EXPECT_EQ(judge(400, "<html>").error.code, ErrorCode::internal);
  EXPECT_EQ(judge(302, "").next, Next::give_up);
  const auto down = judge(503, code("-1008"), {{"Retry-After", "2"}});
  EXPECT_EQ(down.next, Next::retry);
  EXPECT_EQ(down.error.code, ErrorCode::unavailable);
  EXPECT_EQ(down.wait, 2s);
  EXPECT_FALSE(down.pause_all);
}

TEST(JudgeReply, TheUsedWeightIsReadFromEveryReply) {
  EXPECT_EQ(judge(200, "[]", {{"x-mbx-used-weight-1m", "37"}}).used_units, 37);
  EXPECT_EQ(judge(429, "", {{"X-MBX-USED-WEIGHT-1M", "2401"}}).used_units, 2'401);
  EXPECT_EQ(judge(200, "[]").used_units, std::nullopt);
  for (const auto* value : {"", "x", "-3", "1.5", "99999999999999999999"})
    EXPECT_EQ(judge(200, "[]", {{"X-MBX-USED-WEIGHT-1M", value}}).used_units, std::nullopt) << value;
}

}  // namespace
}  // namespace tdm::sources::binance
