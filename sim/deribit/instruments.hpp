#pragma once

#include <optional>
#include <string_view>

#include "sim/deribit/call.hpp"  // Call
#include "sim/exchange.hpp"      // Answer
#include "sim/script.hpp"        // DeribitSettings
#include "sim/world.hpp"         // World

namespace tdm::sim::deribit {

// The instrument of a name, as far as the call's host knows it: the main one forgets what expired long ago unless a
// script says else, the history host nothing (§4.3, §6). Case matters (§4.1).
const History* find_instrument(const World& world, const Call& call, const DeribitSettings& settings);

// public/get_instruments and public/get_instrument: every instrument of a settlement group and kind, alive or expired.
Answer get_instruments(const World& world, const Call& call, const DeribitSettings& settings);
Answer get_instrument(const World& world, const Call& call, const DeribitSettings& settings);
// public/get_currencies: what the instruments settle in.
Answer get_currencies(const World& world, const Call& call);

// The filters of get_instruments.
struct InstrumentFilter {
  std::string_view currency;  // any: every one
  std::string_view kind;      // empty: every one
  bool expired = false;
};
Parsed<InstrumentFilter> instrument_filter(const Call& call);

}  // namespace tdm::sim::deribit
