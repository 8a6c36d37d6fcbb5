#include "sim/binance/api.hpp"

namespace tdm::sim::binance {
namespace {

// Paths and largest pages: §2, §6.1 of the protocol reference (exchanges/binance.md, to which all § here refer).
constexpr Api kApis[] = {{"spot", "/api/v3/", Pool::spot, 1'000},
                         {"usdm", "/fapi/v1/", Pool::futures, 1'500},
                         {"coinm", "/dapi/v1/", Pool::futures, 1'500}};

}  // namespace

std::optional<Place> find_place(std::string_view path) {
  for (const Api& api : kApis) {
    std::string_view rest = path;
    if (rest.starts_with('/') && rest.substr(1).starts_with(api.market)) rest.remove_prefix(1 + api.market.size());
    if (rest.starts_with(api.prefix)) return Place{&api, rest.substr(api.prefix.size())};
  }
  return std::nullopt;
}

}  // namespace tdm::sim::binance
