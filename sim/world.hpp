#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "sim/history.hpp"  // History

namespace tdm::sim {

// Every listing of every simulated exchange with its history: the one truth of a run. Immutable but for the histories'
// caches.
class World {
 public:
  World(std::vector<Listing> listings, std::uint64_t seed, TimePoint from);

  const std::vector<std::unique_ptr<const History>>& histories() const { return histories_; }
  // Nothing when there is no such listing.
  const History* find(std::string_view exchange, std::string_view market, std::string_view symbol) const;

 private:
  std::vector<std::unique_ptr<const History>> histories_;  // by canonical name
};

}  // namespace tdm::sim
