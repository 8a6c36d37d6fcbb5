#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tdm/validate/detail/rule.hpp"

// Rules on the numbers of one row. They say what must hold and compare exact decimals. Only rows whose numbers could
// all be read (S9, S1) are asked the rest.
namespace tdm::validate::detail {
namespace {

constexpr std::uint32_t kInvertedBit = 0x1U;
constexpr std::uint32_t kIdleMoveBit = 0x2U;
constexpr std::uint32_t kZerosApartBit = 0x4U;

constexpr std::array kRequired{Field::open, Field::high, Field::low, Field::close, Field::volume, Field::quote_volume};

bool is_required(const Context& context, Field field) {
  if (field <= Field::close) return true;
  if (!has_volume(context.series)) return false;
  return field == Field::volume || (field == Field::quote_volume && context.has_quote_volume);
}

bool is_readable(const Number& number) { return number.is_exact() || number.state() == Number::State::not_finite; }

void required_are_numbers(const Sheet& sheet, const Parameters&, std::span<std::uint8_t> broken) {
  for (const auto field : kRequired) {
    if (!is_required(sheet.context(), field)) continue;
    const auto& numbers = sheet.numbers(field);
    for (std::size_t row = 0; row < sheet.size(); ++row) broken[row] |= !is_readable(numbers[row]);
  }
}

std::string explain_required(const Sheet& sheet, std::size_t row) {
  for (const auto field : kRequired) {
    const auto& number = sheet.number(field, row);
    if (!is_required(sheet.context(), field) || is_readable(number)) continue;
    return number.is_absent() ? fmt::format("{} is missing", name_of(field))
                              : fmt::format("{} {} is not a number of up to 38 digits", name_of(field), quoted(number));
  }
  return "a required field is not a number";
}

bool is_price(const Number& number, bool positive) { return number.is_exact() && (!positive || number.sign() > 0); }

bool is_amount(const Number& number, Field field) {
  if (number.is_absent()) return true;
  if (!number.is_exact() || number.sign() < 0) return false;
  return field != Field::trade_count || number.as_count().has_value();
}

bool is_premium(const Sheet& sheet) { return sheet.context().series.price_kind == PriceKind::premium; }

bool prices_are_positive(const Sheet& sheet) { return !is_premium(sheet) && !sheet.context().has_signed_prices; }

void finite_and_signed(const Sheet& sheet, const Parameters&, std::span<std::uint8_t> broken) {
  const bool positive = prices_are_positive(sheet);
  for (const auto field : kPrices)
    for (std::size_t row = 0; row < sheet.size(); ++row) broken[row] |= !is_price(sheet.number(field, row), positive);
  for (const auto field : kAmounts)
    for (std::size_t row = 0; row < sheet.size(); ++row) broken[row] |= !is_amount(sheet.number(field, row), field);
}

std::string explain_finite(const Sheet& sheet, std::size_t row) {
  const bool positive = prices_are_positive(sheet);
  for (const auto field : kPrices)
    if (const auto& number = sheet.number(field, row); !is_price(number, positive))
      return fmt::format("{} {} is not a finite number{}", name_of(field), quoted(number), positive ? " above 0" : "");
  for (const auto field : kAmounts)
    if (const auto& number = sheet.number(field, row); !is_amount(number, field))
      return fmt::format("{} {} is not a finite {} of 0 or more", name_of(field), quoted(number),
                         field == Field::trade_count ? "whole number" : "number");
  return "a number is not finite";
}

bool encloses(const Sheet& sheet, std::size_t row) {
  const auto& open = sheet.number(Field::open, row);
  const auto& high = sheet.number(Field::high, row);
  const auto& low = sheet.number(Field::low, row);
  const auto& close = sheet.number(Field::close, row);
  return low <= open && low <= close && open <= high && close <= high && low <= high;
}

void high_and_low_enclose(const Sheet& sheet, const Parameters&, std::span<std::uint8_t> broken) {
  if (is_premium(sheet)) return;
  for (std::size_t row = 0; row < sheet.size(); ++row) broken[row] = !encloses(sheet, row);
}

std::string explain_enclosed(const Sheet& sheet, std::size_t row) {
  const auto& high = sheet.number(Field::high, row);
  const auto& low = sheet.number(Field::low, row);
  if (high < low) return fmt::format("high {} is below low {}", high.text(), low.text());
  for (const auto field : {Field::open, Field::close}) {
    const auto& price = sheet.number(field, row);
    if (high < price) return fmt::format("high {} is below {} {}", high.text(), name_of(field), price.text());
    if (price < low) return fmt::format("low {} is above {} {}", low.text(), name_of(field), price.text());
  }
  return "high and low do not enclose open and close";
}

void still_without_volume(const Sheet& sheet, const Parameters&, std::span<std::uint8_t> broken) {
  if (!has_volume(sheet.context().series)) return;
  for (std::size_t row = 0; row < sheet.size(); ++row) {
    const bool traded = sheet.number(Field::volume, row).sign() != 0;
    const auto& open = sheet.number(Field::open, row);
    const auto same = [&](Field field) { return sheet.number(field, row) == open; };
    broken[row] = !(traded || (same(Field::high) && same(Field::low) && same(Field::close)));
  }
}

std::string explain_still(const Sheet&, std::size_t) { return "volume is 0, yet the price moved"; }

void zero_together(const Sheet& sheet, const Parameters&, std::span<std::uint8_t> broken) {
  if (!has_volume(sheet.context().series)) return;
  for (std::size_t row = 0; row < sheet.size(); ++row) {
    bool any_zero = false;
    bool any_more = false;
    for (const auto field : {Field::volume, Field::quote_volume, Field::trade_count}) {
      const auto& number = sheet.number(field, row);
      if (number.is_absent()) continue;
      (number.sign() == 0 ? any_zero : any_more) = true;
    }
    broken[row] = any_zero && any_more;
  }
}

std::string explain_zero(const Sheet&, std::size_t) {
  return "volume, quote_volume and trade_count are not zero together";
}

}  // namespace

std::span<const Rule> shape_rules() {
  static const Rule rules[] = {
      {{"S9", 1, Severity::reject, 0, "every required field is there and is a number, plain or with an exponent", {}},
       Freedom::none,
       required_are_numbers,
       explain_required},
      {{"S1",
        1,
        Severity::reject,
        0,
        "prices are finite and above 0 (a premium and a combination may be negative); volumes and counts are finite "
        "and 0 or more",
        {}},
       Freedom::none,
       finite_and_signed,
       explain_finite},
      {{"S2",
        1,
        Severity::reject,
        kInvertedBit,
        "high >= open, close, low and low <= open, close (not for a premium)",
        {}},
       Freedom::row,
       high_and_low_enclose,
       explain_enclosed},
      {{"S3", 1, Severity::flag, kIdleMoveBit, "volume = 0 means open = high = low = close", {}},
       Freedom::row,
       still_without_volume,
       explain_still},
      {{"S4", 1, Severity::flag, kZerosApartBit, "volume, quote_volume and trade_count are zero together", {}},
       Freedom::row,
       zero_together,
       explain_zero},
  };
  return rules;
}

}  // namespace tdm::validate::detail
