#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/world.hpp"
#include "tdm/net/http_server.hpp"

// Listings and instants that the tests of the simulator share.
namespace tdm::sim::testing {

inline TimePoint at(std::string_view text) { return parse_time_bound(text, "test")->first; }
inline Timeframe timeframe(std::string_view name) { return *Timeframe::parse(name); }

inline Listing default_listing(std::string_view canonical) {
  for (Listing& listing : default_listings()) {
    if (listing.id.text() == canonical) return std::move(listing);
  }
  throw std::runtime_error{"no default listing " + std::string{canonical}};
}

// Every default instrument, seed 7, from 2020.
inline const World& default_world() {
  static const World world{default_listings(), 7, at("2020-01-01")};
  return world;
}

inline const History& default_history(std::string_view market, std::string_view symbol,
                                      std::string_view exchange = "bybit") {
  return *default_world().find(exchange, market, symbol);
}

// A URL as the HTTP loop hands it over. `query` is decoded already.
inline net::ServerRequest get(std::string path, std::vector<std::pair<std::string, std::string>> query = {}) {
  net::ServerRequest request;
  request.method = "GET";
  request.path = std::move(path);
  request.target = request.path;
  request.query = std::move(query);
  request.peer = "127.0.0.1:40000";
  return request;
}

}  // namespace tdm::sim::testing
