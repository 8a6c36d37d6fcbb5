// Decimal text: what parses has one canonical form, one order and one nearest double.
#include <charconv>
#include <string>

#include "tdm/core/decimal.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using tdm::Decimal;
using tdm::fuzz::must;

void check(const Decimal& value) {
  const auto text = value.to_text();
  const auto again = Decimal::parse(text);
  must(again.has_value(), "the canonical form parses");
  must(*again == value, "the canonical form has the same value");
  must(again->to_text() == text, "the canonical form is its own");
  double nearest = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), nearest);
  must(error == std::errc{} && end == text.data() + text.size(), "the canonical form is a number");
  must(value.to_double() == nearest, "the double is the nearest");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = tdm::fuzz::text_of(data, size);
  const auto space = text.find(' ');
  const auto first = Decimal::parse(text.substr(0, space));
  if (!first) return 0;
  check(*first);
  if (space == std::string_view::npos) return 0;
  const auto second = Decimal::parse(text.substr(space + 1));
  if (!second) return 0;
  must((*first <=> *second) == (0 <=> (*second <=> *first)), "order has two sides");
  if (const auto sum = add(*first, *second)) {
    check(*sum);
    must(*sum == add(*second, *first).value(), "addition commutes");
  }
  if (const auto product = multiply(*first, *second)) check(*product);
  for (const int scale : {0, 8, 18})
    if (const auto scaled = first->to_scaled(scale))
      must(Decimal::from_scaled(*scaled, scale) == *first, "a scaled integer loses nothing");
  return 0;
}
