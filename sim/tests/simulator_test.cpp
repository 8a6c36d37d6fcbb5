#include "sim/simulator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "sim/tests/world_of_test.hpp"

namespace tdm::sim {
namespace {

using testing::at;
using testing::get;
using ::testing::HasSubstr;

// An exchange that says what it was asked and when, and knows no fault of its own.
class Echo final : public SimulatedExchange {
 public:
  std::string_view name() const override { return "echo"; }
  Answer answer(const net::ServerRequest&, std::string_view path, TimePoint now) override {
    Answer answer;
    answer.reply.headers = {{"Content-Type", "application/json"}};
    answer.reply.body = std::string{path} + " at " + to_iso(now) + " #" + std::to_string(++asked_);
    return answer;
  }
  bool spoil(Answer&, const Fault&, TimePoint) override { return false; }
  std::string error_body(const StatusFault& fault, TimePoint) const override { return std::to_string(fault.status); }

 private:
  int asked_ = 0;
};

class SimulatorTest : public ::testing::Test {
 protected:
  net::ServerReply ask(std::optional<Fault> fault, int times = 1) {
    std::vector<FaultRule> rules;
    if (fault) rules.push_back(FaultRule{.label = "test", .fault = *fault});
    FaultPlan plan{std::move(rules), 1};
    std::vector<std::unique_ptr<SimulatedExchange>> exchanges;
    exchanges.push_back(std::make_unique<Echo>());
    Simulator simulator{std::move(exchanges), clock_, host_, plan, nullptr};
    net::ServerReply reply;
    for (int i = 0; i < times; ++i) reply = simulator.reply(get("/echo/v1/x"));
    return reply;
  }

  ExchangeClock clock_{at("2024-01-01"), 0};
  ManualClock host_{at("2026-01-01")};
};

TEST_F(SimulatorTest, FindsTheExchangeByTheFirstPartOfThePath) {
  EXPECT_EQ(ask(std::nullopt).body, "/v1/x at 2024-01-01T00:00:00Z #1");
  FaultPlan plan{{}, 1};
  std::vector<std::unique_ptr<SimulatedExchange>> exchanges;
  exchanges.push_back(std::make_unique<Echo>());
  Simulator simulator{std::move(exchanges), clock_, host_, plan, nullptr};
  for (const char* path : {"/", "", "/other/v1/x", "/echoes/v1/x", "echo/v1/x"}) {
    EXPECT_EQ(simulator.reply(get(path)).status, 404) << path;
  }
}

TEST_F(SimulatorTest, SpoilsTheTransportAsTheFaultSays) {
  const auto status = ask(StatusFault{.status = 429, .retry_after = "7", .body = StatusFault::Body::html});
  EXPECT_EQ(status.status, 429);
  EXPECT_THAT(status.body, HasSubstr("<html>"));
  EXPECT_EQ(net::Headers({{"Content-Type", "text/html"}, {"Retry-After", "7"}}), status.headers);

  const auto cut = ask(CutFault{.kept = 0.5});
  ASSERT_TRUE(cut.raw_bytes);
  EXPECT_THAT(*cut.raw_bytes, HasSubstr("Content-Length: 32\r\n"));
  EXPECT_TRUE(cut.raw_bytes->ends_with("\r\n\r\n/v1/x at 2024-01"));

  const auto reset = ask(ResetFault{});
  EXPECT_TRUE(reset.reset_after);
  EXPECT_EQ(reset.raw_bytes, "");
  const auto stall = ask(StallFault{std::chrono::seconds{30}});
  EXPECT_EQ(stall.delay, std::chrono::seconds{30});
  EXPECT_EQ(stall.raw_bytes, "");
  const auto late = ask(DelayFault{std::chrono::milliseconds{200}});
  EXPECT_EQ(late.delay, std::chrono::milliseconds{200});
  EXPECT_FALSE(late.raw_bytes);
}

TEST_F(SimulatorTest, AnEndlessBodyBeginsRightAndHasALimit) {
  const auto reply = ask(EndlessFault{});
  ASSERT_TRUE(reply.next_piece);
  EXPECT_EQ(*reply.next_piece(), "/v1/x at 2024-01-01T00:00:00Z #1");
  std::size_t bytes = 0;
  while (const auto piece = reply.next_piece()) bytes += piece->size();
  EXPECT_GE(bytes, std::size_t{1} << 30);
  EXPECT_LE(bytes, (std::size_t{1} << 30) + (1 << 16));
}

TEST_F(SimulatorTest, APageThatDoesNotMoveIsTheFirstOne) { EXPECT_THAT(ask(SamePageFault{}, 3).body, HasSubstr("#1")); }

TEST_F(SimulatorTest, ASkewedClockIsSeenInTheAnswer) {
  EXPECT_THAT(ask(SkewFault{std::chrono::seconds{-5}}).body, HasSubstr("2023-12-31T23:59:55Z"));
}

TEST_F(SimulatorTest, AFaultThatNobodyKnowsLeavesTheAnswerRight) {
  EXPECT_EQ(ask(RowFault{}).body, "/v1/x at 2024-01-01T00:00:00Z #1");
}

TEST(ExchangeClock, GoesAsFastAsItShould) {
  const ExchangeClock still{at("2024-01-01"), 0};
  const ExchangeClock fast{at("2024-01-01"), 100'000};
  std::this_thread::sleep_for(std::chrono::milliseconds{5});
  EXPECT_EQ(still.now(), at("2024-01-01"));
  EXPECT_GE(fast.now(), at("2024-01-01T00:08:20Z"));
}

}  // namespace
}  // namespace tdm::sim
