#pragma once

#include <string>

#include "sim/tape.hpp"  // Int128

namespace tdm::sim {

// value x 10^-scale as an exchange writes it: plain, no trailing zeros after the point, "0" for zero.
void append_decimal(std::string& to, Int128 value, int scale);
std::string decimal_text(Int128 value, int scale);
// The same padded with zeros to exactly that many decimals, at least `scale`.
void append_fixed(std::string& to, Int128 value, int scale, int decimals);
std::string fixed_text(Int128 value, int scale, int decimals);
// The double nearest to value x 10^-scale.
double nearest_double(Int128 value, int scale);

}  // namespace tdm::sim
