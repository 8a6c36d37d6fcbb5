#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/detail/log_path.hpp"  // LogPath
#include "sim/listing.hpp"          // Listing
#include "tdm/core/instrument.hpp"  // PriceKind

namespace tdm::sim {

__extension__ using Int128 = __int128;

// One match on the tape, in integers of the listing's grids.
struct Trade {
  std::int64_t time_ms = 0;
  std::int64_t price = 0;     // 10^-tick.scale
  std::int64_t quantity = 0;  // 10^-lot.scale; contracts on inverse
  Int128 turnover = 0;        // 10^-turnover_scale
  bool buy = false;           // side of the taker
};

// The bar of any stretch of the tape, exact. Absent: the exchange has no bar there.
struct TapeBar {
  std::int64_t open = 0, high = 0, low = 0, close = 0;
  std::int64_t volume = 0;
  std::int64_t buy_volume = 0;  // of it, what takers bought
  std::int32_t trades = 0;
  bool present = false;
  Int128 turnover = 0;
  Int128 buy_turnover = 0;

  bool operator==(const TapeBar&) const = default;
};
// The bar of two neighbouring stretches. A stretch without trades says nothing of open, high and low beside one that
// has some (recordings/binance, exchanges/binance.md §6.7: 4h of 2023-03-24 12:00); where a bar opens at the close
// before it that changes no bar.
void append(TapeBar& earlier, const TapeBar& later);

// Decimals of the prices of that kind.
int price_scale(const Listing& listing, PriceKind kind);

// All trades of one listing from its first bar to its end, and the mark, index and premium prices beside them: a pure
// function of (seed, listing, minute), so nothing is stored. What a bar opens at is the listing's rule, and its high
// and low contain the open; a minute without trades is flat. Minutes are counted from the Unix epoch. Immutable, safe
// from several threads.
class Tape {
 public:
  Tape(Listing listing, std::uint64_t seed);

  const Listing& listing() const { return listing_; }
  // Whether there is a bar at all: inside the life of the listing and outside its gaps.
  bool has_bar(std::int64_t minute) const;
  // Bars of the minutes [first, last), each complete.
  std::vector<TapeBar> minutes(PriceKind kind, std::int64_t first, std::int64_t last) const;
  // The minute's bar as it stands `offset_ms` after its begin: only what happened up to then.
  TapeBar partial(PriceKind kind, std::int64_t minute, std::int64_t offset_ms) const;
  // The minute's trades in order of time.
  std::vector<Trade> trades(std::int64_t minute) const;

 private:
  static constexpr int kMostTrades = 8;
  static constexpr int kSamples = 4;  // of a mark, index or premium price in a minute

  bool quiet(std::int64_t minute) const;
  bool moves(PriceKind kind, std::int64_t minute) const;
  std::optional<std::int64_t> last_move_before(PriceKind kind, std::int64_t minute) const;
  std::int64_t close_at(PriceKind kind, std::int64_t minute, double log_price) const;
  std::int64_t snap(double scaled_price) const;
  int trades_between(std::int64_t minute, std::int64_t open, std::int64_t close, Trade* into) const;
  TapeBar trade_bar(std::int64_t minute, std::optional<std::int64_t> open, std::int64_t close,
                    std::int64_t until_ms) const;
  TapeBar sample_bar(PriceKind kind, std::int64_t minute, std::optional<std::int64_t> open, std::int64_t close,
                     std::int64_t until_ms) const;
  TapeBar bar(PriceKind kind, std::int64_t minute, std::optional<std::int64_t> open, std::int64_t close,
              std::int64_t until_ms) const;
  Int128 turnover_of(std::int64_t price, std::int64_t quantity) const;

  Listing listing_;
  LogPath path_;
  std::uint64_t key_;
  std::int64_t first_minute_;
  std::int64_t end_minute_;
  double scaled_price_;     // start price in integers of 10^-tick.scale, divided by the path's value there
  std::int64_t base_lots_;  // of an ordinary trade
};

}  // namespace tdm::sim
