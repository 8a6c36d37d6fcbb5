#pragma once

#include <string>

#include "sim/exchange.hpp"  // Answer, Fault
#include "sim/script.hpp"    // DeribitSettings

namespace tdm::sim::deribit {

// The faults that depend on how Deribit writes: its error codes (10028 closes the connection, as an empty pool does),
// the rows of an answer whose columns are arrays, the keys of a body. `shorten` makes the arrays of unequal length.
// False when the answer has nothing that the fault speaks of, or when the fault is of another kind.
bool spoil(Answer& answer, const Fault& fault, const DeribitSettings& settings, TimePoint now);

// What Deribit says with an HTTP error: 10028 with 429, maintenance with 503, else an internal error (§2.4).
std::string error_body(const StatusFault& fault, TimePoint now);

}  // namespace tdm::sim::deribit
