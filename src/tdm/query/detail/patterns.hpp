#pragma once

#include <string>
#include <string_view>

#include "tdm/core/instrument.hpp"  // Series

// 'bybit.linear.*USDT@1m': a series of which any part may be a glob. Pure.
namespace tdm::query::detail {

// '*' stands for any bytes, '?' for one; everything else for itself.
bool matches(std::string_view glob, std::string_view text);
bool is_glob(std::string_view text);

std::string upper(std::string_view text);  // ASCII letters only

// The parts of a pattern. A part that was left out at the end matches everything, but without a price kind only `last`
// is meant.
struct Pattern {
  std::string exchange, market, symbol, price_kind, timeframe;
  bool names_timeframe = true;

  static Result<Pattern> parse(std::string_view text);
  bool matches(const Series& series) const;
};

}  // namespace tdm::query::detail
