#include "sim/detail/log_path.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "sim/detail/random.hpp"

namespace tdm::sim {
namespace {

constexpr std::int64_t kAnchorMinutes = 1'048'576;  // 2^20
constexpr std::int64_t kBlock = 1'024;
constexpr double kMinutesOfYear = 525'600;

constexpr std::int64_t floor_to(std::int64_t value, std::int64_t step) {
  const std::int64_t rest = value % step;
  return value - (rest < 0 ? rest + step : rest);
}

// Half the deviation of a walk over `length` minutes: what a bridge's middle strays from the mean of its ends.
double bridge_deviation(std::int64_t length) {
  static const std::array<double, 21> by_level = [] {
    std::array<double, 21> values{};
    for (std::size_t level = 0; level < values.size(); ++level) {
      values[level] = 0.5 * std::sqrt(static_cast<double>(std::uint64_t{1} << level) / kMinutesOfYear);
    }
    return values;
  }();
  return by_level[static_cast<std::size_t>(__builtin_ctzll(static_cast<std::uint64_t>(length)))];
}

}  // namespace

double LogPath::anchor(std::int64_t minute) const {
  return 0.5 * gauss(random_bits(~key_, static_cast<std::uint64_t>(minute)));
}

double LogPath::midpoint(std::int64_t low, std::int64_t high, double at_low, double at_high) const {
  const std::int64_t middle = low + (high - low) / 2;
  return 0.5 * (at_low + at_high) +
         bridge_deviation(high - low) * gauss(random_bits(key_, static_cast<std::uint64_t>(middle)));
}

double LogPath::at(std::int64_t minute) const {
  std::int64_t low = floor_to(minute, kAnchorMinutes);
  std::int64_t high = low + kAnchorMinutes;
  double at_low = anchor(low);
  double at_high = anchor(high);
  while (minute != low) {
    const std::int64_t middle = low + (high - low) / 2;
    const double at_middle = midpoint(low, high, at_low, at_high);
    if (minute < middle) {
      high = middle;
      at_high = at_middle;
    } else {
      low = middle;
      at_low = at_middle;
    }
  }
  return at_low;
}

void LogPath::fill(std::int64_t first, std::span<double> values) const {
  std::array<double, kBlock + 1> points{};
  const std::int64_t last = first + static_cast<std::int64_t>(values.size());
  for (std::int64_t block = floor_to(first, kBlock); block < last; block += kBlock) {
    points.front() = at(block);
    points.back() = at(block + kBlock);
    for (std::int64_t length = kBlock; length > 1; length /= 2) {
      for (std::int64_t low = 0; low < kBlock; low += length) {
        const auto left = static_cast<std::size_t>(low);
        const auto right = static_cast<std::size_t>(low + length);
        points[left + static_cast<std::size_t>(length / 2)] =
            midpoint(block + low, block + low + length, points[left], points[right]);
      }
    }
    const std::int64_t from = std::max(first, block);
    const std::int64_t to = std::min(last, block + kBlock);
    std::copy(points.begin() + (from - block), points.begin() + (to - block), values.begin() + (from - first));
  }
}

}  // namespace tdm::sim
