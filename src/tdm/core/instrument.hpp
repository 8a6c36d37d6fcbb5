#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/error.hpp"      // Result
#include "tdm/core/time.hpp"       // TimePoint, TimeRange
#include "tdm/core/timeframe.hpp"  // Timeframe

namespace tdm {

// Text of one kind that was checked when it was made, so a symbol cannot be passed where a market is meant.
template <class Tag>
class Name {
 public:
  static Result<Name> parse(std::string_view text);
  const std::string& text() const { return text_; }
  friend auto operator<=>(const Name&, const Name&) = default;

 private:
  explicit Name(std::string text) : text_{std::move(text)} {}
  std::string text_;
};

// exchange and market: lower-case letters and digits, 1..16, starts with a letter. Which exist is the registry's
// knowledge.
using Exchange = Name<struct ExchangeTag>;
using Market = Name<struct MarketTag>;
// symbol: the exchange's own spelling; 1..64 bytes of [A-Za-z0-9_.+-] and of UTF-8 beyond ASCII, so never '/', '\\',
// '@' or ':', which have their meaning around a symbol.
using Symbol = Name<struct SymbolTag>;

extern template class Name<ExchangeTag>;
extern template class Name<MarketTag>;
extern template class Name<SymbolTag>;

// One instrument by its canonical name: bybit.linear.BTCUSDT.
struct InstrumentId {
  Exchange exchange;
  Market market;
  Symbol symbol;

  static Result<InstrumentId> parse(std::string_view canonical);
  std::string text() const;
  friend auto operator<=>(const InstrumentId&, const InstrumentId&) = default;
};

enum class PriceKind : std::uint8_t { last, mark, index, premium };
std::string_view to_string(PriceKind kind);
Result<PriceKind> parse_price_kind(std::string_view text);

// What one stored run of bars is: instrument, price kind, timeframe. Written bybit.linear.BTCUSDT@1h,
// bybit.linear.BTCUSDT:mark@1h.
struct Series {
  InstrumentId instrument;
  PriceKind price_kind = PriceKind::last;
  Timeframe timeframe;

  static Result<Series> parse(std::string_view text);
  std::string text() const;
  friend auto operator<=>(const Series&, const Series&) = default;
};

// The catalogue's knowledge of an instrument. Decimal facts stay the exchange's text.
struct Instrument {
  InstrumentId id;
  std::string base{};  // base coin as the exchange spells it
  std::string quote{};
  std::string settle{};         // empty on spot
  std::string contract_type{};  // the exchange's word (LinearPerpetual ...), "spot" on spot
  std::string status{};         // the exchange's word (Trading, Closed, PreLaunch ...)
  bool active = true;           // trades now
  std::string tick_size{};      // decimal text
  std::string lot_size{};       // decimal text
  std::string contract_size{};  // decimal text, base or quote units per contract; "1" where volume is in coin already
  std::optional<TimePoint> launch_time{};    // as stated by the exchange: not the first bar
  std::optional<TimePoint> delivery_time{};  // expiry or delisting, as stated
  // The listing: life of this instrument under this name. valid_from is the first bar the exchange returned once
  // probed.
  std::optional<TimePoint> valid_from{};
  std::optional<TimePoint> valid_to{};
  std::string details{};  // the exchange's other fields as a JSON object
  bool operator==(const Instrument&) const = default;
};

}  // namespace tdm
