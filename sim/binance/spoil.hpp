#pragma once

#include <string>

#include "sim/exchange.hpp"  // Answer, Fault

namespace tdm::sim::binance {

// The faults that depend on how Binance writes: its error codes, the rows of a page, the keys of a body. False when the
// answer has nothing that the fault speaks of, or when the fault is of another kind.
bool spoil(Answer& answer, const Fault& fault, TimePoint now);

// What Binance says with an HTTP error: -1003 with 429, the end of the ban with 418, code 0 with 451 (§4.4, §4.5).
std::string error_body(const StatusFault& fault, TimePoint now);

}  // namespace tdm::sim::binance
