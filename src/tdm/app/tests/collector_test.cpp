#include "tdm/app/detail/collector.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tdm/cli/tests/fake_data.hpp"

namespace tdm::app::detail {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;

constexpr CollectorOptions kFast{.expand_every = 50ms, .shortest = 20ms, .longest = 20ms, .workers = 2};

class CollectorTest : public testing::Test {
 protected:
  bool filled(const std::string& what, int times) {
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (std::chrono::steady_clock::now() < deadline) {
      {
        const std::lock_guard guard{data_.mutex};
        if (std::ranges::count(data_.filled, what) >= times) return true;
      }
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }

  cli::FakeData data_;
};

TEST_F(CollectorTest, EverySeriesIsPolledAgainAndAgain) {
  const Collector collector{data_, {{.series = "bybit.linear.*@1m", .since = "2024-01-01", .live = false}}, kFast};
  EXPECT_TRUE(filled("backfill bybit.linear.BTCUSDT@1m 2024-01-01 -", 3));
  EXPECT_TRUE(filled("backfill bybit.linear.ETHUSDT@1m 2024-01-01 -", 3));
}

TEST_F(CollectorTest, AFailureIsTriedAgainAndDoesNotStopTheOthers) {
  data_.failures["bybit.linear.BTCUSDT@1m"] = {.code = ErrorCode::unavailable, .message = "no answer"};
  const Collector collector{data_, {{.series = "bybit.linear.*@1m", .since = "2024-01-01", .live = false}}, kFast};
  EXPECT_TRUE(filled("backfill bybit.linear.BTCUSDT@1m 2024-01-01 -", 2));
  EXPECT_TRUE(filled("backfill bybit.linear.ETHUSDT@1m 2024-01-01 -", 2));
}

TEST_F(CollectorTest, NothingWantedStartsNothing) {
  {
    const Collector collector{data_, {}, kFast};
  }
  EXPECT_TRUE(data_.filled.empty());
}

TEST_F(CollectorTest, EndingStopsWhatRuns) {
  std::atomic<bool> running{false};
  data_.during_fill = [&](const query::OnProgress&, const std::stop_token& stop) {
    running = true;
    while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
  };
  std::optional<Collector> collector;
  collector.emplace(data_,
                    std::vector<config::Collect>{{.series = "bybit.linear.BTCUSDT@1m", .since = "2024", .live = false}},
                    kFast);
  while (!running) std::this_thread::sleep_for(1ms);
  const auto begun = std::chrono::steady_clock::now();
  collector.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 2s);
}

}  // namespace
}  // namespace tdm::app::detail
