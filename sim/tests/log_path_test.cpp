#include "sim/detail/log_path.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace tdm::sim {
namespace {

TEST(LogPath, APointAloneIsThePointInAStretch) {
  const LogPath path{42};
  for (const std::int64_t first : {26'297'280L, 26'297'283L, 28'311'551L, -1'025L, 0L}) {
    std::vector<double> values(2'500);
    path.fill(first, values);
    for (std::size_t i = 0; i < values.size(); i += 7) {
      ASSERT_EQ(values[i], path.at(first + static_cast<std::int64_t>(i))) << first << " + " << i;
    }
  }
}

TEST(LogPath, WalksAsFarAsAWalkDoes) {
  const LogPath path{7};
  std::vector<double> values(525'600);
  path.fill(27'000'000, values);
  double squares = 0;
  for (std::size_t i = 1; i < values.size(); ++i) squares += (values[i] - values[i - 1]) * (values[i] - values[i - 1]);
  EXPECT_NEAR(std::sqrt(squares), 1, 0.02);  // deviation 1 in a year
}

TEST(LogPath, AnotherKeyIsAnotherPath) { EXPECT_NE(LogPath{1}.at(27'000'001), LogPath{2}.at(27'000'001)); }

}  // namespace
}  // namespace tdm::sim
