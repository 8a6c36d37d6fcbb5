#include "tdm/sources/connector.hpp"

#include <algorithm>

namespace tdm::sources {

const MarketTraits* find_market(const Connector& connector, std::string_view market) {
  const auto& markets = connector.markets();
  const auto found = std::ranges::find(markets, market, &MarketTraits::name);
  return found == markets.end() ? nullptr : &*found;
}

}  // namespace tdm::sources
