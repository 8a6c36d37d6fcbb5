#include "sim/bybit/quota.hpp"

#include <gtest/gtest.h>

namespace tdm::sim::bybit {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

int admitted(Quota& quota, int requests, Quota::Time begin, Quota::Time step) {
  int count = 0;
  for (int i = 0; i < requests; ++i) count += quota.admit("127.0.0.1", begin + i * step).allowed;
  return count;
}

TEST(Quota, SixHundredInFiveSecondsThenABan) {
  Quota quota{{}, 1};
  EXPECT_EQ(admitted(quota, 600, seconds{10}, milliseconds{1}), 600);
  EXPECT_FALSE(quota.admit("127.0.0.1", seconds{11}).allowed);
  EXPECT_FALSE(quota.admit("127.0.0.1", seconds{100}).allowed);  // traffic keeps the ban
  EXPECT_FALSE(quota.admit("127.0.0.1", seconds{699}).allowed);
  EXPECT_TRUE(quota.admit("127.0.0.1", seconds{699 + 600}).allowed);
}

TEST(Quota, AnEvenPaceBelowTheLimitIsNeverRefused) {
  Quota quota{{}, 1};
  EXPECT_EQ(admitted(quota, 10'000, seconds{0}, milliseconds{9}), 10'000);  // 111 a second
}

TEST(Quota, TheWindowRolls) {
  Quota quota{{.requests = 2, .window = seconds{1}}, 1};
  EXPECT_TRUE(quota.admit("a", milliseconds{0}).allowed);
  EXPECT_EQ(quota.admit("a", milliseconds{900}).remaining, 0);
  EXPECT_TRUE(quota.admit("a", milliseconds{1'000}).allowed);
  EXPECT_FALSE(quota.admit("a", milliseconds{1'100}).allowed);
}

TEST(Quota, TheBanIsCountedInSimulatedTimeAndPerAddress) {
  Quota quota{{.requests = 1, .window = seconds{5}, .ban = seconds{600}}, 60};
  EXPECT_TRUE(quota.admit("a", seconds{1}).allowed);
  EXPECT_FALSE(quota.admit("a", seconds{2}).allowed);
  EXPECT_TRUE(quota.admit("b", seconds{2}).allowed);
  EXPECT_TRUE(quota.admit("a", seconds{12}).allowed);  // ten seconds are ten minutes there
  Quota still{{.requests = 1, .window = seconds{5}, .ban = seconds{6}}, 0};
  EXPECT_TRUE(still.admit("a", seconds{1}).allowed);
  EXPECT_FALSE(still.admit("a", seconds{2}).allowed);
  EXPECT_TRUE(still.admit("a", seconds{8}).allowed);
}

}  // namespace
}  // namespace tdm::sim::bybit
