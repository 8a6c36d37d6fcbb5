#pragma once

#include "sim/exchange.hpp"  // Answer, Fault

namespace tdm::sim::bybit {

// The faults that depend on how Bybit writes: its error codes, the rows of a page, the keys of a body. False when the
// answer has nothing that the fault speaks of (no such row, no such key), or when the fault is of another kind.
bool spoil(Answer& answer, const Fault& fault, TimePoint now);

}  // namespace tdm::sim::bybit
