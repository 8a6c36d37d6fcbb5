#include "tdm/core/decimal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>

#include "tdm/core/detail/words.hpp"  // quoted

namespace tdm {
namespace {

__extension__ using Int128 = __int128;
__extension__ using UInt128 = unsigned __int128;

constexpr int kMaxDigits = 38;
constexpr int kMinScale = -38;
constexpr int kMaxScale = 60;

constexpr auto kPowers = [] {
  std::array<UInt128, kMaxDigits + 1> powers{1};
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();
constexpr UInt128 kLimit = kPowers[kMaxDigits];  // the first number with too many digits

constexpr UInt128 power(int exponent) { return kPowers[static_cast<std::size_t>(exponent)]; }

UInt128 magnitude(Int128 value) {
  return value < 0 ? UInt128{0} - static_cast<UInt128>(value) : static_cast<UInt128>(value);
}

int digit_count(UInt128 value) { return static_cast<int>(std::ranges::upper_bound(kPowers, value) - kPowers.begin()); }

struct Scaled {
  UInt128 coefficient;
  int scale;
};

// The one form of a value: no trailing zeros, except where the scale could not go lower. Nothing when it does not fit.
std::optional<Scaled> normal(UInt128 coefficient, int scale) {
  if (coefficient == 0) return Scaled{0, 0};
  while (scale > kMinScale && coefficient % 10 == 0) {
    coefficient /= 10;
    --scale;
  }
  while (scale < kMinScale && coefficient < kLimit) {
    coefficient *= 10;
    ++scale;
  }
  if (coefficient >= kLimit || scale < kMinScale || scale > kMaxScale) return std::nullopt;
  return Scaled{coefficient, scale};
}

Int128 with_sign(UInt128 value, bool negative) {
  return negative ? -static_cast<Int128>(value) : static_cast<Int128>(value);
}

// ---- Parsing

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::unexpected<Error> bad(std::string_view text, std::string_view why) {
  return fail(ErrorCode::corrupt_data, fmt::format("decimal {} {}", detail::quoted(text), why));
}

// Takes digits from left to right and counts zeros until a digit follows that needs them.
struct Accumulator {
  UInt128 coefficient = 0;
  int digits = 0;  // significant ones in `coefficient`
  int zeros = 0;   // seen after them, not yet needed
  bool overflow = false;

  void take(char c) {
    if (c == '0') {
      zeros += digits > 0 ? 1 : 0;
      return;
    }
    digits += zeros + 1;
    overflow = overflow || digits > kMaxDigits;
    if (overflow) return;
    coefficient = coefficient * power(zeros + 1) + static_cast<unsigned>(c - '0');
    zeros = 0;
  }
};

// Texts beyond this are nobody's number; it also keeps every count below in an int.
constexpr std::size_t kMaxText = 4096;

// The exponent, as far as it can matter: beyond the bound every value but zero is out of range anyhow.
std::optional<int> parse_exponent(std::string_view text) {
  constexpr int kBound = 100'000;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || !std::ranges::all_of(text, is_digit)) return std::nullopt;
  int exponent = 0;
  for (const char c : text) exponent = std::min(exponent * 10 + (c - '0'), kBound);
  return negative ? -exponent : exponent;
}

}  // namespace

Result<Decimal> Decimal::parse(std::string_view text) {
  if (text.empty()) return bad(text, "is empty");
  if (text.size() > kMaxText) return bad(text, "is too long for a number");
  const bool negative = text.front() == '-';
  std::size_t at = negative ? 1 : 0;
  Accumulator number;
  const auto take_digits = [&] {
    const auto from = at;
    for (; at < text.size() && is_digit(text[at]); ++at) number.take(text[at]);
    return static_cast<int>(at - from);
  };

  if (take_digits() == 0) return bad(text, "is not a number: expected a digit");
  int fraction = 0;
  if (at < text.size() && text[at] == '.') {
    ++at;
    fraction = take_digits();
    if (fraction == 0) return bad(text, "is not a number: expected a digit after the point");
  }
  int exponent = 0;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    const auto parsed = parse_exponent(text.substr(at + 1));
    if (!parsed) return bad(text, "is not a number: expected an integer exponent");
    exponent = *parsed;
    at = text.size();
  }
  if (at != text.size()) return bad(text, "is not a number: unexpected character");
  if (number.overflow) return bad(text, "needs more than 38 digits");
  const auto fitted = normal(number.coefficient, fraction - number.zeros - exponent);
  if (!fitted) return bad(text, "is out of range");
  return Decimal{with_sign(fitted->coefficient, negative), fitted->scale};
}

Decimal Decimal::from_scaled(std::int64_t coefficient, int scale) {
  const auto fitted = scale < kMinScale || scale > kMaxScale ? std::nullopt : normal(magnitude(coefficient), scale);
  if (!fitted) std::abort();  // the scale is the program's choice, never data
  return {with_sign(fitted->coefficient, coefficient < 0), fitted->scale};
}

std::string Decimal::to_text() const {
  if (is_zero()) return "0";
  std::string text = fmt::format("{}", magnitude(coefficient_));
  if (scale_ <= 0) {
    text.append(static_cast<std::size_t>(-scale_), '0');
  } else {
    const auto scale = static_cast<std::size_t>(scale_);
    if (text.size() <= scale) text.insert(0, scale + 1 - text.size(), '0');
    text.insert(text.size() - scale, 1, '.');
  }
  return is_negative() ? "-" + text : text;
}

double Decimal::to_double() const {
  // Both operands are exact doubles here, so the one rounding of the operation gives the nearest double.
  constexpr UInt128 kExact = UInt128{1} << 53U;
  static constexpr std::array<double, 23> kTens{1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  if (magnitude(coefficient_) <= kExact && scale_ >= 0 && scale_ < static_cast<int>(kTens.size()))
    return static_cast<double>(coefficient_) / kTens[static_cast<std::size_t>(scale_)];

  const auto text = to_text();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) std::abort();  // every Decimal is a normal double
  return value;
}

Result<std::int64_t> Decimal::to_scaled(int scale) const {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::invalid_argument, fmt::format("decimal {} {} at scale {}", to_text(), why, scale), "scale");
  };
  if (is_zero()) return 0;
  const auto shift = static_cast<std::int64_t>(scale) - scale_;
  UInt128 shifted = magnitude(coefficient_);
  if (shift < 0) {
    if (-shift > kMaxDigits || shifted % power(static_cast<int>(-shift)) != 0) return refuse("loses digits");
    shifted /= power(static_cast<int>(-shift));
  } else if (shift > kMaxDigits || __builtin_mul_overflow(shifted, power(static_cast<int>(shift)), &shifted)) {
    return refuse("does not fit 64 bits");
  }
  const UInt128 bound = static_cast<UInt128>(std::numeric_limits<std::int64_t>::max()) + (is_negative() ? 1 : 0);
  if (shifted > bound) return refuse("does not fit 64 bits");
  return static_cast<std::int64_t>(with_sign(shifted, is_negative()));
}

std::strong_ordering operator<=>(const Decimal& a, const Decimal& b) {
  const auto sign = [](const Decimal& d) { return d.is_zero() ? 0 : d.is_negative() ? -1 : 1; };
  if (sign(a) != sign(b) || a.is_zero()) return sign(a) <=> sign(b);

  auto left = magnitude(a.coefficient_);
  auto right = magnitude(b.coefficient_);
  const auto compare = [&]() -> std::strong_ordering {
    // Numbers with the same highest place differ in scale by fewer digits than the longer one has: aligning them cannot
    // overflow.
    const int left_place = digit_count(left) - a.scale_;
    const int right_place = digit_count(right) - b.scale_;
    if (left_place != right_place) return left_place <=> right_place;
    if (a.scale_ < b.scale_) left *= power(b.scale_ - a.scale_);
    if (b.scale_ < a.scale_) right *= power(a.scale_ - b.scale_);
    return left <=> right;
  };
  const auto order = compare();
  return a.is_negative() ? 0 <=> order : order;
}

namespace {

std::unexpected<Error> no_room(const Decimal& a, std::string_view operation, const Decimal& b) {
  return fail(ErrorCode::corrupt_data, fmt::format("the {} of {} and {} needs more than 38 digits or a scale beyond 60",
                                                   operation, a.to_text(), b.to_text()));
}

// A product of two numbers below 10^38, in base 10^19, least first.
class Wide {
 public:
  Wide(UInt128 a, UInt128 b) {
    const std::array<UInt128, 2> left{a % kBase, a / kBase};
    const std::array<UInt128, 2> right{b % kBase, b / kBase};
    for (std::size_t i = 0; i < 2; ++i) {
      UInt128 carry = 0;
      for (std::size_t j = 0; j < 2; ++j) {
        carry += left[i] * right[j] + limbs_[i + j];
        limbs_[i + j] = carry % kBase;
        carry /= kBase;
      }
      limbs_[i + 2] += carry;
    }
  }
  bool fits() const { return limbs_[2] == 0 && limbs_[3] == 0; }
  bool ends_in_zero() const { return limbs_[0] % 10 == 0; }
  UInt128 low() const { return limbs_[1] * kBase + limbs_[0]; }
  void divide_by_ten() {
    UInt128 remainder = 0;
    for (std::size_t i = limbs_.size(); i-- > 0;) {
      const auto value = remainder * kBase + limbs_[i];
      limbs_[i] = value / 10;
      remainder = value % 10;
    }
  }

 private:
  static constexpr UInt128 kBase = power(19);
  std::array<UInt128, 4> limbs_{};
};

}  // namespace

Result<Decimal> add(const Decimal& a, const Decimal& b) {
  if (a.is_zero()) return b;
  if (b.is_zero()) return a;
  const int scale = std::max(a.scale_, b.scale_);
  auto left = magnitude(a.coefficient_);
  auto right = magnitude(b.coefficient_);
  // Each value is in its normal form, so the finer scale is needed, and what does not fit at it does not fit at all.
  const auto align = [&](UInt128& value, int from) {
    return scale - from <= kMaxDigits && !__builtin_mul_overflow(value, power(scale - from), &value);
  };
  if (!align(left, a.scale_) || !align(right, b.scale_)) return no_room(a, "sum", b);

  bool negative = a.is_negative();
  UInt128 sum = 0;
  if (a.is_negative() == b.is_negative()) {
    if (__builtin_add_overflow(left, right, &sum)) return no_room(a, "sum", b);
  } else {
    negative = left > right ? a.is_negative() : b.is_negative();
    sum = left > right ? left - right : right - left;
  }
  const auto fitted = normal(sum, scale);
  if (!fitted) return no_room(a, "sum", b);
  return Decimal{with_sign(fitted->coefficient, negative), fitted->scale};
}

Result<Decimal> multiply(const Decimal& a, const Decimal& b) {
  if (a.is_zero() || b.is_zero()) return Decimal{};
  int scale = a.scale_ + b.scale_;
  Wide product{magnitude(a.coefficient_), magnitude(b.coefficient_)};
  while (!product.fits() && product.ends_in_zero()) {
    product.divide_by_ten();
    --scale;
  }
  const auto fitted = product.fits() ? normal(product.low(), scale) : std::nullopt;
  if (!fitted) return no_room(a, "product", b);
  return Decimal{with_sign(fitted->coefficient, a.is_negative() != b.is_negative()), fitted->scale};
}

}  // namespace tdm
