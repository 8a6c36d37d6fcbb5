#include "tdm/net/retry.hpp"

#include <gtest/gtest.h>

#include <random>

namespace tdm::net {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNow{std::chrono::sys_days{std::chrono::year{1994} / 11 / 6} + 8h + 49min + 30s};

TEST(Backoff, IsUniformBelowADoublingBoundWithACap) {
  const RetryPolicy policy;
  const std::chrono::milliseconds bounds[] = {250ms, 500ms, 1000ms, 2000ms, 4000ms, 8000ms, 8000ms};
  for (int attempt = 0; attempt < 7; ++attempt) {
    EXPECT_EQ(backoff(policy, attempt, 0.0), 0ms);
    EXPECT_EQ(backoff(policy, attempt, 0.5), bounds[attempt] / 2);
    EXPECT_LE(backoff(policy, attempt, 0.999999), bounds[attempt]);
  }
  EXPECT_EQ(backoff(policy, 1'000'000, 1.0), policy.cap);
}

TEST(Backoff, TheServersWaitWinsWhenItIsLonger) {
  const RetryPolicy policy;
  EXPECT_EQ(backoff(policy, 0, 0.5, 3'000ms), 3'000ms);
  EXPECT_EQ(backoff(policy, 5, 0.5, 1ms), 4'000ms);
}

TEST(RetryAfter, SecondsAndTheThreeFormsOfAnHttpDate) {
  EXPECT_EQ(parse_retry_after("0", kNow), 0ms);
  EXPECT_EQ(parse_retry_after(" 120 ", kNow), 120'000ms);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", kNow), 7'000ms);
  EXPECT_EQ(parse_retry_after("Sunday, 06-Nov-94 08:49:37 GMT", kNow), 7'000ms);
  EXPECT_EQ(parse_retry_after("Sun Nov  6 08:49:37 1994", kNow), 7'000ms);
}

TEST(RetryAfter, MoreThanOneHourIsCutToOneHour) {
  EXPECT_EQ(parse_retry_after("3601", kNow), 3'600'000ms);
  EXPECT_EQ(parse_retry_after("99999999999999999999", kNow), 3'600'000ms);
  EXPECT_EQ(parse_retry_after("259200", kNow, 96h), 259'200'000ms);
  EXPECT_EQ(parse_retry_after("Mon, 07 Nov 1994 08:49:37 GMT", kNow), 3'600'000ms);
}

TEST(RetryAfter, GarbageAndThePastGiveNothing) {
  for (const std::string_view text :
       {"", "soon", "-1", "1.5", "12s", "Sun, 06 Nov 1994 08:49:29 GMT", "Sun, 31 Feb 2030 08:49:37 GMT",
        "Sun, 06 Now 2030 08:49:37 GMT", "Sun, 06 Nov 2030 25:49:37 GMT", "Sun, 06 Nov 2030 08:49 GMT",
        "Sun, 06 Nov 2030 08:49:37 CET"})
    EXPECT_FALSE(parse_retry_after(text, kNow)) << text;
}

TEST(RetryAfter, NoTextMakesItCrashOrExceedTheLimit) {
  std::mt19937 random{7};
  const std::string_view letters = "0123456789 ,:-GMTSunNov\xff";
  for (int i = 0; i < 20'000; ++i) {
    std::string text(random() % 32, ' ');
    for (char& c : text) c = letters[random() % letters.size()];
    const auto wait = parse_retry_after(text, kNow);
    EXPECT_TRUE(!wait || (0ms <= *wait && *wait <= 3'600'000ms)) << text;
  }
}

}  // namespace
}  // namespace tdm::net
