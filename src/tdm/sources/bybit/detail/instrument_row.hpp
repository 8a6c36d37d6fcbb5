#pragma once

#include <string_view>

#include "tdm/core/instrument.hpp"    // Instrument
#include "tdm/sources/json_text.hpp"  // Json

namespace tdm::sources::bybit {

// One element of instruments-info. Rows of a perpetual, a future and of spot have different fields; absent ones are
// empty.
Result<Instrument> parse_instrument(const Json& row, std::string_view market);

}  // namespace tdm::sources::bybit
