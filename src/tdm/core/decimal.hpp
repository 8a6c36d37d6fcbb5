#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "tdm/core/error.hpp"  // Result

namespace tdm {

// An exact decimal number: coefficient x 10^-scale, up to 38 significant digits, scale -38..60. Prices and volumes pass
// as decimal text until they are judged; the rules compare these, never doubles. Equality is of value: 1.0 == 1.00.
class Decimal {
 public:
  constexpr Decimal() = default;

  // Plain ("-12.340", ".5" is refused) and exponent form ("1e-7", "1.5E+3") exactly. NaN, Infinity, empty text, signs
  // without digits, leading/trailing space and numbers that need more than 38 digits are corrupt_data with the reason.
  static Result<Decimal> parse(std::string_view text);
  static Decimal from_scaled(std::int64_t coefficient, int scale);

  std::string to_text() const;  // canonical plain form: no exponent, no trailing zeros after the point, "0" for zero
  double to_double() const;     // the nearest double
  // The coefficient at exactly `scale`; an error when that would lose digits or not fit.
  Result<std::int64_t> to_scaled(int scale) const;

  bool is_zero() const { return coefficient_ == 0; }
  bool is_negative() const { return coefficient_ < 0; }

  friend std::strong_ordering operator<=>(const Decimal& a, const Decimal& b);
  friend bool operator==(const Decimal& a, const Decimal& b) { return (a <=> b) == 0; }
  friend Result<Decimal> add(const Decimal& a, const Decimal& b);
  friend Result<Decimal> multiply(const Decimal& a, const Decimal& b);

 private:
  __extension__ using Int128 = __int128;
  constexpr Decimal(Int128 coefficient, int scale) : coefficient_{coefficient}, scale_{scale} {}
  Int128 coefficient_ = 0;
  int scale_ = 0;
};

Result<Decimal> add(const Decimal& a, const Decimal& b);
Result<Decimal> multiply(const Decimal& a, const Decimal& b);

}  // namespace tdm
