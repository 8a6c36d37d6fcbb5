#include "tdm/query/detail/decimal_sum.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string_view>

namespace tdm::query::detail {
namespace {

__extension__ using Int128 = __int128;

constexpr int kMaxPlaces = 8;     // that the fast way is prepared for: more would leave it no room for digits
constexpr int kExactPowers = 22;  // of ten are doubles
constexpr std::int64_t kExactWhole = std::int64_t{1} << 53;

// The coefficient and the places after the point of the shortest decimal that reads back as `value`.
struct Shortest {
  std::int64_t digits = 0;
  int places = 0;  // negative: zeros before the point
};

Shortest shortest(double value) {
  std::array<char, 40> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific);
  if (error != std::errc{}) std::abort();  // the longest double has 24 characters
  const std::string_view written{text.data(), static_cast<std::size_t>(end - text.data())};
  const auto mark = written.find('e');
  Shortest found;
  bool negative = false;
  bool after_point = false;
  for (const char c : written.substr(0, mark)) {
    if (c == '-') {
      negative = true;
    } else if (c == '.') {
      after_point = true;
    } else {
      found.digits = found.digits * 10 + (c - '0');
      found.places += after_point ? 1 : 0;
    }
  }
  int exponent = 0;
  const auto* from = written.data() + mark + 1;
  std::from_chars(*from == '+' ? from + 1 : from, end, exponent);
  found.places -= exponent;
  if (negative) found.digits = -found.digits;
  return found;
}

bool scale_up(Int128& value, int places) {
  for (; places > 0 && value != 0; --places)
    if (__builtin_mul_overflow(value, Int128{10}, &value)) return false;
  return true;
}

double power_of_ten(int exponent) {
  double power = 1;
  for (; exponent > 0; --exponent) power *= 10;
  return power;
}

// The double nearest to units / 10^places.
double nearest_double(Int128 units, int places) {
  while (places > 0 && units % 10 == 0 && units != 0) {
    units /= 10;
    --places;
  }
  const bool small = units < kExactWhole && units > -kExactWhole;
  if (small && places <= kExactPowers) return static_cast<double>(units) / power_of_ten(places);  // rounds once
  std::array<char, 64> text{};
  auto* at = text.data() + text.size();
  const auto put_number = [&](Int128 number) {
    const bool negative = number < 0;
    do {
      const auto digit = static_cast<int>(number % 10);
      *--at = static_cast<char>('0' + std::abs(digit));
      number /= 10;
    } while (number != 0);
    if (negative) *--at = '-';
  };
  put_number(-places);
  *--at = 'e';
  put_number(units);
  double value = 0;
  std::from_chars(at, text.data() + text.size(), value);
  return value;
}

}  // namespace

void DecimalSum::add_slowly(double value) {
  if (!exact_ || !std::isfinite(value) || !add_exactly(value)) {
    exact_ = false;
    rough_ += value;
  }
}

bool DecimalSum::add_exactly(double value) {
  const auto [digits, places] = shortest(value);
  if (places > places_ && places <= kMaxPlaces) {
    auto units = units_;
    if (!scale_up(units, places - places_)) return false;
    units_ = units;
    places_ = places;
    unit_ = power_of_ten(places);
  }
  auto total = fine_;
  Int128 addend = digits;
  if (places > fine_places_ && !scale_up(total, places - fine_places_)) return false;
  if (places < fine_places_ && !scale_up(addend, fine_places_ - places)) return false;
  if (__builtin_add_overflow(total, addend, &total)) return false;
  fine_ = total;
  if (places > fine_places_) fine_places_ = places;
  return true;
}

double DecimalSum::value() const {
  const double coarse = nearest_double(units_, places_);
  if (!exact_) return static_cast<double>(rough_ + coarse + nearest_double(fine_, fine_places_));
  if (fine_ == 0) return coarse;
  auto units = units_;
  auto fine = fine_;
  const bool held =
      places_ < fine_places_ ? scale_up(units, fine_places_ - places_) : scale_up(fine, places_ - fine_places_);
  Int128 total = 0;
  if (!held || __builtin_add_overflow(units, fine, &total)) return coarse + nearest_double(fine_, fine_places_);
  return nearest_double(total, places_ < fine_places_ ? fine_places_ : places_);
}

void DecimalSum::reset() {
  units_ = 0;
  fine_ = 0;
  fine_places_ = 0;
  exact_ = true;
  rough_ = 0;
}

}  // namespace tdm::query::detail
