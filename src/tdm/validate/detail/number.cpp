#include "tdm/validate/detail/number.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <system_error>

namespace tdm::validate::detail {
namespace {

__extension__ using Int128 = __int128;

constexpr int kSmallDigits = 18;  // 10^18 - 1 fits an int64, and scaling it by 10^18 more still fits 128 bits
constexpr std::int64_t kExactInDouble = 9'007'199'254'740'992;  // 2^53

constexpr auto kPowersOfTen = [] {
  std::array<std::int64_t, kSmallDigits + 1> powers{};
  std::int64_t power = 1;
  for (auto& entry : powers) {
    entry = power;
    power *= power < 1'000'000'000'000'000'000 ? 10 : 1;
  }
  return powers;
}();

std::int64_t power_of_ten(int exponent) { return kPowersOfTen[static_cast<std::size_t>(exponent)]; }

// Division of two exact doubles is correctly rounded, so this is the nearest double; larger values take the long way.
double nearest_of(std::string_view text, std::int64_t coefficient, int scale) {
  if (coefficient <= kExactInDouble && coefficient >= -kExactInDouble)
    return static_cast<double>(coefficient) / static_cast<double>(power_of_ten(scale));
  double value = 0;
  const char* const begin = text.data();
  std::from_chars(begin, begin + text.size(), value);
  return value;
}

// Texts that name no finite double: NaN and Infinity as the C library spells them, and values beyond the largest
// double.
bool names_no_finite_double(std::string_view text) {
  double value = 0;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [parsed, error] = std::from_chars(begin, end, value);
  if (parsed != end) return false;
  if (error == std::errc::result_out_of_range) {  // too large, or too small, which is no matter of finiteness
    const auto exponent = text.find_first_of("eE");
    if (exponent != std::string_view::npos) return text.substr(exponent + 1, 1) != "-";
    return text.substr(0, text.find('.')).find_first_of("123456789") != std::string_view::npos;
  }
  return error == std::errc{} && !std::isfinite(value);
}

}  // namespace

Number Number::parse(std::optional<std::string_view> text) {
  Number number;
  if (!text) return number;
  number.text_ = *text;
  if (!number.parse_plain()) number.parse_any();
  return number;
}

// "-12.340": an optional sign, digits, an optional fraction. False leaves the text to parse_any().
bool Number::parse_plain() {
  const char* at = text_.data();
  const char* const end = at + text_.size();
  const bool negative = at != end && *at == '-';
  if (negative) ++at;

  std::uint64_t value = 0;
  const char* const whole = at;
  for (; at != end && *at >= '0' && *at <= '9'; ++at) value = value * 10 + static_cast<std::uint64_t>(*at - '0');
  auto digits = at - whole;
  if (digits == 0) return false;
  std::ptrdiff_t scale = 0;
  if (at != end && *at == '.') {
    const char* const fraction = ++at;
    for (; at != end && *at >= '0' && *at <= '9'; ++at) value = value * 10 + static_cast<std::uint64_t>(*at - '0');
    scale = at - fraction;
    if (scale == 0) return false;
    digits += scale;
  }
  if (at != end || digits > kSmallDigits) return false;  // an overflow above ends here as well

  coefficient_ = negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
  scale_ = static_cast<std::uint8_t>(scale);
  small_ = true;
  nearest_ = nearest_of(text_, coefficient_, scale_);
  state_ = State::exact;
  return true;
}

void Number::parse_any() {
  const auto decimal = Decimal::parse(text_);
  if (!decimal) {
    state_ = names_no_finite_double(text_) ? State::not_finite : State::malformed;
    return;
  }
  nearest_ = decimal->to_double();
  state_ = std::isfinite(nearest_) ? State::exact : State::not_finite;
  for (int scale = 0; scale <= kSmallDigits; scale += kSmallDigits / 2) {
    const auto scaled = decimal->to_scaled(scale);
    if (!scaled || *scaled >= power_of_ten(kSmallDigits) || *scaled <= -power_of_ten(kSmallDigits)) continue;
    coefficient_ = *scaled;
    scale_ = static_cast<std::uint8_t>(scale);
    small_ = true;
    return;
  }
}

int Number::sign() const {
  if (small_) return (coefficient_ > 0) - (coefficient_ < 0);
  const auto value = decimal();
  return value.is_zero() ? 0 : value.is_negative() ? -1 : 1;
}

std::optional<std::int64_t> Number::as_count() const {
  if (small_) {
    const auto unit = power_of_ten(scale_);
    return coefficient_ % unit == 0 ? std::optional{coefficient_ / unit} : std::nullopt;
  }
  const auto whole = decimal().to_scaled(0);
  return whole ? std::optional{*whole} : std::nullopt;
}

Decimal Number::decimal() const {
  return small_ ? Decimal::from_scaled(coefficient_, scale_) : Decimal::parse(text_).value_or(Decimal{});
}

std::strong_ordering operator<=>(const Number& a, const Number& b) {
  if (!a.small_ || !b.small_) return a.decimal() <=> b.decimal();
  if (a.scale_ == b.scale_) return a.coefficient_ <=> b.coefficient_;
  const auto left = static_cast<Int128>(a.coefficient_) * power_of_ten(a.scale_ < b.scale_ ? b.scale_ - a.scale_ : 0);
  const auto right = static_cast<Int128>(b.coefficient_) * power_of_ten(b.scale_ < a.scale_ ? a.scale_ - b.scale_ : 0);
  if (left == right) return std::strong_ordering::equal;
  return left < right ? std::strong_ordering::less : std::strong_ordering::greater;
}

}  // namespace tdm::validate::detail
