#include "sim/deribit/number_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "sim/decimal_text.hpp"
#include "sim/detail/random.hpp"

namespace tdm::sim::deribit {
namespace {

// "1000" -> 1.0e3, "0.0125" -> 1.25e-2. Zero has no exponent.
void append_exponent(std::string& to, std::string_view plain) {
  if (plain.starts_with('-')) {
    to.push_back('-');
    plain.remove_prefix(1);
  }
  const std::size_t point = std::min(plain.find('.'), plain.size());
  std::string digits{plain.substr(0, point)};
  if (point < plain.size()) digits += plain.substr(point + 1);
  const std::size_t first = digits.find_first_not_of('0');
  if (first == std::string::npos) {
    to += "0.0";
    return;
  }
  digits = digits.substr(first, digits.find_last_not_of('0') - first + 1);
  const std::string_view fraction = std::string_view{digits}.substr(1);
  fmt::format_to(std::back_inserter(to), "{}.{}e{}", digits[0], fraction.empty() ? "0" : fraction,
                 static_cast<int>(point) - 1 - static_cast<int>(first));
}

}  // namespace

void append_number(std::string& to, Int128 value, int scale, Spelling spelling) {
  const std::string plain = decimal_text(value, scale);
  if (spelling == Spelling::exponent) {
    append_exponent(to, plain);
    return;
  }
  to += plain;
  if (spelling == Spelling::point && !plain.contains('.')) to += ".0";
}

Spelling Spellings::next() {
  if (!mixed_) return Spelling::point;
  switch (random_bits(key_, drawn_++) % 16) {
    case 0: return Spelling::exponent;
    case 1:
    case 2: return Spelling::plain;
    default: return Spelling::point;
  }
}

}  // namespace tdm::sim::deribit
