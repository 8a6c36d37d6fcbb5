#include "sim/binance/quota.hpp"

#include <gtest/gtest.h>

#include "sim/tests/world_of_test.hpp"

namespace tdm::sim::binance {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const TimePoint kMinute = sim::testing::at("2024-01-01T00:05:00Z");

int refused(Quota& quota, int requests, std::int64_t weight, TimePoint at, Pool pool = Pool::spot) {
  int count = 0;
  for (int i = 0; i < requests; ++i) count += quota.admit("127.0.0.1", pool, weight, at).status != 200;
  return count;
}

TEST(Quota, SixThousandAMinuteAndNotOneMore) {
  Quota quota{{}};
  EXPECT_EQ(refused(quota, 2'999, 2, kMinute + seconds{3}), 0);
  EXPECT_EQ(quota.admit("127.0.0.1", Pool::spot, 2, kMinute + seconds{3}).used, 6'000);
  const auto over = quota.admit("127.0.0.1", Pool::spot, 2, kMinute + milliseconds{3'500});
  EXPECT_EQ(over.status, 429);
  EXPECT_EQ(over.used, 6'002);
  EXPECT_EQ(over.limit, 6'000);
  EXPECT_EQ(over.wait, seconds{57});
  const auto next = quota.admit("127.0.0.1", Pool::spot, 2, kMinute + seconds{60});
  EXPECT_EQ(next.status, 200);
  EXPECT_EQ(next.used, 2);
}

TEST(Quota, BothFuturesShareOneBudgetAndSpotHasItsOwn) {
  Quota quota{{}};
  EXPECT_EQ(refused(quota, 240, 10, kMinute, Pool::futures), 0);
  EXPECT_EQ(quota.admit("127.0.0.1", Pool::futures, 1, kMinute).status, 429);
  EXPECT_EQ(quota.admit("127.0.0.1", Pool::spot, 1, kMinute).used, 1);
  EXPECT_EQ(quota.admit("127.0.0.2", Pool::futures, 1, kMinute).used, 1);
}

TEST(Quota, WhoDoesNotStopIsBannedAndLongerEachTime) {
  Quota quota{{.spot_weight = 1, .ban_after = 2, .ban = seconds{120}}};
  TimePoint now = kMinute;
  for (const int length : {120, 240, 480}) {
    EXPECT_EQ(quota.admit("a", Pool::spot, 1, now).status, 200);
    EXPECT_EQ(quota.admit("a", Pool::spot, 1, now).status, 429);
    EXPECT_EQ(quota.admit("a", Pool::spot, 1, now).status, 429);
    const auto banned = quota.admit("a", Pool::spot, 1, now);
    EXPECT_EQ(banned.status, 418);
    EXPECT_EQ(banned.wait, seconds{length});
    const auto later = quota.admit("a", Pool::spot, 1, now + seconds{length - 1});
    EXPECT_EQ(later.status, 418);
    EXPECT_EQ(later.wait, seconds{1});
    EXPECT_EQ(quota.admit("a", Pool::futures, 1, now + seconds{length - 1}).status, 200);
    now += seconds{length + 60};
  }
}

TEST(Quota, NoBanIsLongerThanThreeDays) {
  Quota quota{{.spot_weight = 1, .ban_after = 0, .ban = seconds{100'000}}};
  TimePoint now = kMinute;
  for (const int length : {100'000, 200'000, 259'200, 259'200}) {
    EXPECT_EQ(quota.admit("a", Pool::spot, 2, now).wait, seconds{length});
    now += seconds{length};
  }
}

}  // namespace
}  // namespace tdm::sim::binance
