#pragma once

#include <cstdint>
#include <string>

#include "sim/tape.hpp"  // Int128

namespace tdm::sim::deribit {

// How a number that is no identifier and no time may be spelled: 10, 10.0 or 1.0e1 (§0 point 9, [O] since mid-2026;
// 10.0 is how the recordings have nearly all of them, R: nautilus_trader/http_get_tradingview_chart_data.json).
enum class Spelling : std::uint8_t { plain, point, exponent };

// value x 10^-scale, exact.
void append_number(std::string& to, Int128 value, int scale, Spelling spelling);

// Which spelling the next number gets: the same key gives the same sequence.
class Spellings {
 public:
  Spellings(bool mixed, std::uint64_t key) : mixed_{mixed}, key_{key} {}
  Spelling next();

 private:
  bool mixed_;
  std::uint64_t key_;
  std::uint64_t drawn_ = 0;
};

}  // namespace tdm::sim::deribit
