#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tdm::sim::binance {

// Requests of one pool share one budget of weight: spot has its own, the two futures have one together since 2026-06-30
// (§4.3).
enum class Pool : std::uint8_t { spot, futures };

// One of Binance's three REST interfaces. They differ in what they ask and in what they answer.
struct Api {
  std::string_view market;  // spot usdm coinm
  std::string_view prefix;  // what its paths begin with: /api/v3/
  Pool pool = Pool::spot;
  std::int64_t most_rows = 1'000;  // of a page of klines

  bool spot() const { return pool == Pool::spot; }
  bool coinm() const { return market == "coinm"; }
};

struct Place {
  const Api* api = nullptr;
  std::string_view endpoint;  // klines
};

// Which interface a path belongs to, and what of it. All three are served under the exchange's own path, and each under
// its market's as well, as if it were a host of its own: /api/v3/klines, /spot/api/v3/klines. Nothing when Binance has
// no such path there.
std::optional<Place> find_place(std::string_view path);

}  // namespace tdm::sim::binance
