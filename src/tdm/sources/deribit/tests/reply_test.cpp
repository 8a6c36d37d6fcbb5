#include "tdm/sources/deribit/detail/reply.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tdm/sources/deribit/tests/support.hpp"
#include "tdm/sources/json_text.hpp"  // parse_json

namespace tdm::sources::deribit {
namespace {

using namespace std::chrono_literals;
using Next = Verdict::Next;

const TimePoint kNow = from_ms(1'766'487'086'141);

net::HttpReply reply_of(std::string body, int status = 200) {
  net::HttpReply reply;
  reply.status = status;
  reply.body = std::move(body);
  return reply;
}
net::HttpReply error_of(int code, std::string_view data = "null", int status = 400) {
  return reply_of(fmt::format(R"({{"error":{{"code":{},"message":"said","data":{}}}}})", code, data), status);
}

struct Case {
  int code;
  Next next;
  ErrorCode error;
};

TEST(DeribitReply, EveryKnownCode) {
  for (const auto& [code, next, error] :
       {Case{10028, Next::retry, ErrorCode::rate_limited},       Case{10066, Next::retry, ErrorCode::unavailable},
        Case{10047, Next::retry, ErrorCode::unavailable},        Case{10040, Next::retry, ErrorCode::unavailable},
        Case{10041, Next::retry, ErrorCode::unavailable},        Case{11051, Next::retry, ErrorCode::unavailable},
        Case{11056, Next::retry, ErrorCode::unavailable},        Case{11094, Next::retry, ErrorCode::unavailable},
        Case{13028, Next::retry, ErrorCode::unavailable},        Case{13888, Next::retry, ErrorCode::unavailable},
        Case{13025, Next::give_up, ErrorCode::unavailable},      Case{13503, Next::give_up, ErrorCode::unavailable},
        Case{10000, Next::give_up, ErrorCode::unavailable},      Case{13009, Next::give_up, ErrorCode::unavailable},
        Case{10020, Next::give_up, ErrorCode::unknown_symbol},   Case{13020, Next::give_up, ErrorCode::unknown_symbol},
        Case{11050, Next::give_up, ErrorCode::unknown_symbol},   Case{-32602, Next::give_up, ErrorCode::unknown_symbol},
        Case{-32601, Next::give_up, ErrorCode::not_found},       Case{10048, Next::give_up, ErrorCode::not_found},
        Case{11049, Next::give_up, ErrorCode::invalid_argument}, Case{-32600, Next::give_up, ErrorCode::internal},
        Case{424242, Next::give_up, ErrorCode::corrupt_data}}) {
    for (const int status : {200, 400, 500}) {  // the body decides
      const auto verdict = judge_reply(error_of(code, "null", status), kNow, 0);
      EXPECT_EQ(verdict.next, next) << code;
      EXPECT_EQ(verdict.error.code, error) << code;
      EXPECT_NE(verdict.error.message.find(std::to_string(code)), std::string::npos);
    }
  }
}

TEST(DeribitReply, AResultIsAcceptedWithAnyStatus) {
  EXPECT_EQ(judge_reply(reply_of(testing::answer("[]")), kNow, 0).next, Next::accept);
  EXPECT_EQ(judge_reply(reply_of(R"({"result":1,"error":null})", 400), kNow, 0).next, Next::accept);
}

TEST(DeribitReply, ParametersAreNamed) {
  const auto symbol =
      judge_reply(error_of(-32602, R"({"reason":"instrument not found","param":"instrument_name"})"), kNow, 0);
  EXPECT_EQ(symbol.error.code, ErrorCode::unknown_symbol);
  EXPECT_EQ(symbol.error.parameter, "symbol");
  EXPECT_NE(symbol.error.message.find("instrument not found"), std::string::npos);
  const auto other = judge_reply(error_of(-32602, R"({"reason":"wrong format","param":"resolution"})"), kNow, 0);
  EXPECT_EQ(other.error.code, ErrorCode::invalid_argument);
  EXPECT_EQ(other.error.parameter, "resolution");
}

TEST(DeribitReply, ARefusalWaitsAtLeastASecondAndLongerEachTime) {
  const auto wait = [](std::string_view data, int refusals) {
    const auto verdict = judge_reply(error_of(10028, data), kNow, refusals);
    EXPECT_TRUE(verdict.pause_all);
    EXPECT_TRUE(is_refusal(verdict));
    return verdict.wait;
  };
  EXPECT_EQ(wait("null", 0), 1s);
  EXPECT_EQ(wait("null", 3), 8s);
  EXPECT_EQ(wait("null", 1'000), 60s);
  EXPECT_EQ(wait(R"({"wait":4})", 0), 4s);
  EXPECT_EQ(wait(R"({"wait":2.5})", 1), 5s);
  EXPECT_EQ(wait(R"({"wait":"7"})", 0), 7s);
  EXPECT_EQ(wait(R"({"wait":0})", 0), 1s);
  EXPECT_EQ(wait(R"({"wait":86000})", 0), 60s);
  for (const auto* bad :
       {R"({"wait":-1})", R"({"wait":"soon"})", R"({"wait":1e30})", R"({"wait":[1]})", "\"text\"", "[]"})
    EXPECT_EQ(wait(bad, 0), 1s) << bad;
}

TEST(DeribitReply, RetryAfterIsObeyed) {
  auto reply = reply_of("", 429);
  EXPECT_EQ(judge_reply(reply, kNow, 0).wait, 1s);
  reply.headers.emplace_back("Retry-After", "7");
  EXPECT_EQ(judge_reply(reply, kNow, 0).wait, 7s);
  auto refused = error_of(10028);
  refused.headers.emplace_back("retry-after", "9");
  EXPECT_EQ(judge_reply(refused, kNow, 0).wait, 9s);
}

TEST(DeribitReply, TheStatusCountsWithoutJson) {
  const auto code = [](int status) { return judge_reply(reply_of("<html>", status), kNow, 0); };
  EXPECT_EQ(code(502).next, Next::retry);
  EXPECT_EQ(code(502).error.code, ErrorCode::unavailable);
  EXPECT_EQ(code(403).next, Next::give_up);
  EXPECT_EQ(code(403).error.parameter, "exchange_clients.deribit.base_url");
  EXPECT_EQ(code(404).error.code, ErrorCode::not_found);
  EXPECT_EQ(code(302).next, Next::give_up);
  EXPECT_EQ(code(200).next, Next::retry);
  EXPECT_EQ(code(200).error.code, ErrorCode::corrupt_data);
}

TEST(DeribitReply, RecordedErrors) {
  const auto path = testing::recordings() / "observed_errors/errors.jsonl";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs ../shared";
  std::ifstream file{path};
  int seen = 0;
  for (std::string line; std::getline(file, line); ++seen) {
    const auto document = parse_json(line);
    ASSERT_TRUE(document);
    const auto verdict = judge_reply(reply_of(to_line(member(*document, "response"))), kNow, 0);
    EXPECT_EQ(verdict.next, Next::give_up);
    if (line.contains("-32602")) {
      EXPECT_EQ(verdict.error.code, ErrorCode::unknown_symbol);
    }
  }
  EXPECT_EQ(seen, 3);
}

}  // namespace
}  // namespace tdm::sources::deribit
