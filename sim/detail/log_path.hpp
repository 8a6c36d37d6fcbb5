#pragma once

#include <cstdint>
#include <span>

namespace tdm::sim {

// The logarithm of a price as a function of the minute: a random walk over all time of which any point can be computed
// alone. Anchors stand two years apart; between them midpoints are displaced as a Brownian bridge demands. Deviation 1
// per square root of a year; the caller scales it. Immutable, safe from several threads.
class LogPath {
 public:
  explicit LogPath(std::uint64_t key) : key_{key} {}

  double at(std::int64_t minute) const;
  // Values of the minutes first, first + 1, …; costs one random number each.
  void fill(std::int64_t first, std::span<double> values) const;

 private:
  double anchor(std::int64_t minute) const;
  double midpoint(std::int64_t low, std::int64_t high, double at_low, double at_high) const;

  std::uint64_t key_;
};

}  // namespace tdm::sim
