#include "sim/world.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace tdm::sim {
namespace {

auto names_of(const History& history) {
  const InstrumentId& id = history.listing().id;
  return std::tuple<std::string_view, std::string_view, std::string_view>{id.exchange.text(), id.market.text(),
                                                                          id.symbol.text()};
}

}  // namespace

World::World(std::vector<Listing> listings, std::uint64_t seed, TimePoint from) {
  for (Listing& listing : listings)
    histories_.push_back(std::make_unique<const History>(std::move(listing), seed, from));
  std::ranges::sort(histories_, {}, [](const auto& history) { return names_of(*history); });
}

const History* World::find(std::string_view exchange, std::string_view market, std::string_view symbol) const {
  const std::tuple wanted{exchange, market, symbol};
  const auto found =
      std::ranges::lower_bound(histories_, wanted, {}, [](const auto& history) { return names_of(*history); });
  return found != histories_.end() && names_of(**found) == wanted ? found->get() : nullptr;
}

}  // namespace tdm::sim
