#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/instrument.hpp"  // InstrumentId
#include "tdm/core/time.hpp"        // TimePoint, TimeRange

namespace tdm::sim {

// The grid on which an exchange states a price or a quantity: "0.10" has scale 2 and step 10. Numbers of the grid are
// kept as integers of 10^-scale.
struct Grid {
  std::string text;
  int scale = 0;
  std::int64_t step = 1;

  static Result<Grid> parse(std::string_view text, std::string_view parameter);
};

// Where in its life a listing is. Each exchange has its own words for it.
enum class Phase : std::uint8_t { announced, trading, ended };

// What a bar opens at: the close before it, whatever trades first, or its first trade.
enum class OpenRule : std::uint8_t { previous_close, first_trade };

// One instrument of the simulated world.
struct Listing {
  InstrumentId id;
  std::string base;
  std::string quote;
  std::string settle;         // empty on spot
  std::string contract_type;  // the exchange's word, empty on spot
  Grid tick;
  Grid lot;
  double start_price = 0;                // at `priced_at`, in quote currency
  TimePoint priced_at;                   // instruments of one base coin that share it move together
  double volatility = 0.6;               // of a year
  double zero_trade_probability = 0;     // share of minutes in which nothing trades
  TimePoint launch;                      // as the exchange states it: need not be the first bar
  std::optional<TimePoint> first_bar{};  // nothing: as early as the history goes
  std::optional<TimePoint> delivery{};   // expiry or delisting; no bar after it
  std::string status{};                  // the exchange's word; empty: follows from the phase
  std::vector<TimeRange> gaps{};         // the exchange has no bars there
  std::int64_t symbol_id = 0;
  OpenRule open_rule = OpenRule::previous_close;
  std::int64_t contract_size = 1;  // quote currency of one contract, on inverse markets
  int quote_decimals = 18;         // at most, of an amount of quote currency
  bool flat_tail = false;          // after `delivery` flat bars without volume go on; they are no truth

  // Counted in contracts of quote currency, while the price is in it too. Deribit has both kinds in one market.
  bool inverse() const {
    const std::string& market = id.market.text();
    return market == "inverse" || market == "coinm" || (market == "future" && settle == base);
  }
  Phase phase_at(TimePoint now) const;
  // Decimals of the second volume: of exact products where quote currency has as many, eight decimals of a coin on
  // inverse.
  int turnover_scale() const { return inverse() ? 8 : std::min(tick.scale + lot.scale, quote_decimals); }
};

// The instruments that a simulator without an instruments file serves: those of Bybit, of Binance and of Deribit.
std::vector<Listing> default_listings();

// A YAML or JSON file: a list, or a mapping with the key `instruments` that holds the list. Errors name
// FILE:LINE:COLUMN.
Result<std::vector<Listing>> load_listings(const std::string& file);

}  // namespace tdm::sim
