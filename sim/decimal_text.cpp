#include "sim/decimal_text.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace tdm::sim {
namespace {

constexpr std::array<std::int64_t, 19> kPowers = [] {
  std::array<std::int64_t, 19> powers{1};
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();
constexpr int kLargestScale = 18;
constexpr std::int64_t kExactInDouble = 9'007'199'254'740'992;  // 2^53

void append_integer(std::string& to, std::uint64_t value) {
  std::array<char, 20> digits;
  char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  to.append(digits.data(), end);
}

void append_fraction(std::string& to, std::uint64_t fraction, int scale) {
  std::array<char, kLargestScale> digits;
  for (int i = scale; i-- > 0; fraction /= 10)
    digits[static_cast<std::size_t>(i)] = static_cast<char>('0' + fraction % 10);
  while (scale > 0 && digits[static_cast<std::size_t>(scale - 1)] == '0') --scale;
  if (scale == 0) return;
  to.push_back('.');
  to.append(digits.data(), static_cast<std::size_t>(scale));
}

}  // namespace

void append_decimal(std::string& to, Int128 value, int scale) {
  if (value < 0) {
    to.push_back('-');
    value = -value;
  }
  while (scale > kLargestScale) {  // beyond what any grid of ours has
    value /= 10;
    --scale;
  }
  const auto power = static_cast<std::uint64_t>(kPowers[static_cast<std::size_t>(scale)]);
  if (value <= INT64_MAX) {  // division of 64 bits is many times faster
    const auto small = static_cast<std::uint64_t>(value);
    append_integer(to, small / power);
    append_fraction(to, small % power, scale);
    return;
  }
  append_integer(to, static_cast<std::uint64_t>(value / power));
  append_fraction(to, static_cast<std::uint64_t>(value % power), scale);
}

std::string decimal_text(Int128 value, int scale) {
  std::string text;
  append_decimal(text, value, scale);
  return text;
}

void append_fixed(std::string& to, Int128 value, int scale, int decimals) {
  const std::size_t begin = to.size();
  append_decimal(to, value, scale);
  if (decimals == 0) return;
  const std::size_t point = to.find('.', begin);
  const std::size_t written = point == std::string::npos ? 0 : to.size() - point - 1;
  if (point == std::string::npos) to.push_back('.');
  to.append(static_cast<std::size_t>(decimals) - written, '0');
}

std::string fixed_text(Int128 value, int scale, int decimals) {
  std::string text;
  append_fixed(text, value, scale, decimals);
  return text;
}

double nearest_double(Int128 value, int scale) {
  if (-kExactInDouble < value && value < kExactInDouble && scale <= kLargestScale) {
    // Both are exact, so the one division rounds correctly.
    return static_cast<double>(static_cast<std::int64_t>(value)) /
           static_cast<double>(kPowers[static_cast<std::size_t>(scale)]);
  }
  const std::string text = decimal_text(value, scale);
  double nearest = 0;
  std::from_chars(text.data(), text.data() + text.size(), nearest);
  return nearest;
}

}  // namespace tdm::sim
