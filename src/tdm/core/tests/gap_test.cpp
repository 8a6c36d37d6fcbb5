#include "tdm/core/gap.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace tdm {
namespace {

TimeRange range(std::int64_t begin, std::int64_t end) { return TimeRange::of(from_us(begin), from_us(end)); }

TEST(GapWords, ReadBack) {
  for (const auto cause : {GapCause::exchange_outage, GapCause::no_trades, GapCause::our_disconnect,
                           GapCause::upstream_missing, GapCause::not_listed, GapCause::unknown})
    EXPECT_EQ(parse_gap_cause(to_string(cause)).value(), cause);
  for (const auto state : {GapState::open, GapState::accounted, GapState::closed})
    EXPECT_EQ(parse_gap_state(to_string(state)).value(), state);
  EXPECT_FALSE(parse_gap_cause("outage"));
  EXPECT_FALSE(parse_gap_state(""));
}

TEST(Merge, JoinsWhatTouches) {
  EXPECT_EQ(merge({}), std::vector<TimeRange>{});
  EXPECT_EQ(merge({range(5, 5)}), std::vector<TimeRange>{});
  EXPECT_EQ(merge({range(3, 4), range(1, 2)}), (std::vector{range(1, 2), range(3, 4)}));
  EXPECT_EQ(merge({range(2, 3), range(1, 2)}), (std::vector{range(1, 3)}));
  EXPECT_EQ(merge({range(1, 9), range(2, 3), range(8, 10)}), (std::vector{range(1, 10)}));
}

TEST(Subtract, LeavesWhatIsNotHeld) {
  EXPECT_EQ(subtract(range(0, 10), {}), (std::vector{range(0, 10)}));
  EXPECT_EQ(subtract(range(0, 10), {range(0, 10)}), std::vector<TimeRange>{});
  EXPECT_EQ(subtract(range(0, 10), {range(-5, 20)}), std::vector<TimeRange>{});
  EXPECT_EQ(subtract(range(0, 10), {range(7, 8), range(2, 4)}), (std::vector{range(0, 2), range(4, 7), range(8, 10)}));
  EXPECT_EQ(subtract(range(0, 10), {range(-3, 0), range(10, 12)}), (std::vector{range(0, 10)}));
  EXPECT_EQ(subtract(range(4, 4), {}), std::vector<TimeRange>{});
}

TEST(Ranges, AgreeWithInstantsOneByOne) {
  std::mt19937_64 random{3};
  std::uniform_int_distribution<std::int64_t> any{0, 30};
  for (int round = 0; round < 3000; ++round) {
    std::vector<TimeRange> held(static_cast<std::size_t>(any(random)) / 4);
    for (auto& one : held) one = range(any(random), any(random));
    const auto begin = any(random);
    const auto wanted = range(begin, begin + any(random));
    const auto merged = merge(held);
    const auto missing = subtract(wanted, held);
    const auto in = [](const std::vector<TimeRange>& ranges, std::int64_t t) {
      return std::ranges::any_of(ranges, [&](TimeRange one) { return one.contains(from_us(t)); });
    };
    for (std::int64_t t = -1; t < 62; ++t) {
      ASSERT_EQ(in(merged, t), in(held, t));
      ASSERT_EQ(in(missing, t), wanted.contains(from_us(t)) && !in(held, t));
    }
    for (const auto* ranges : {&merged, &missing})
      for (std::size_t i = 0; i < ranges->size(); ++i) {
        ASSERT_FALSE((*ranges)[i].empty());
        ASSERT_TRUE(i == 0 || (*ranges)[i - 1].end() < (*ranges)[i].begin());
      }
  }
}

}  // namespace
}  // namespace tdm
