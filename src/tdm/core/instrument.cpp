#include "tdm/core/instrument.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tdm/core/detail/words.hpp"

namespace tdm {
namespace {

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }

// Well-formed UTF-8 by the table of the Unicode standard (3-7): no overlong forms, no surrogates, nothing above
// U+10FFFF.
bool is_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) -> unsigned { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = byte(i);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xC2 ? 0
                               : lead < 0xE0 ? 2
                               : lead < 0xF0 ? 3
                               : lead < 0xF5 ? 4
                                             : 0;
    if (length == 0 || text.size() - i < length) return false;
    for (std::size_t k = 1; k < length; ++k)
      if ((byte(i + k) & 0xC0U) != 0x80U) return false;
    if (length > 2) {
      const auto second = byte(i + 1);
      if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) || (lead == 0xF0 && second < 0x90) ||
          (lead == 0xF4 && second > 0x8F))
        return false;
    }
    i += length;
  }
  return true;
}

bool is_identifier(std::string_view text) {
  return !text.empty() && text.size() <= 16 && is_lower(text.front()) &&
         std::ranges::all_of(text, [](char c) { return is_lower(c) || is_digit(c); });
}

bool is_symbol(std::string_view text) {
  const auto allowed = [](char c) {
    return is_lower(c) || is_upper(c) || is_digit(c) || !is_ascii(c) ||
           std::string_view{"_.+-"}.find(c) != std::string_view::npos;
  };
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, allowed) && is_utf8(text);
}

constexpr std::string_view kIdentifierForm = "1 to 16 lower-case letters and digits, a letter first";

template <class Tag>
struct NameRule;
template <>
struct NameRule<ExchangeTag> {
  static constexpr std::string_view kKind = "exchange", kForm = kIdentifierForm;
  static bool holds(std::string_view text) { return is_identifier(text); }
};
template <>
struct NameRule<MarketTag> {
  static constexpr std::string_view kKind = "market", kForm = kIdentifierForm;
  static bool holds(std::string_view text) { return is_identifier(text); }
};
template <>
struct NameRule<SymbolTag> {
  static constexpr std::string_view kKind = "symbol";
  static constexpr std::string_view kForm = "1 to 64 bytes of letters, digits, '_', '.', '+', '-'";
  static bool holds(std::string_view text) { return is_symbol(text); }
};

constexpr detail::Words<4> kPriceKinds{"last", "mark", "index", "premium"};

}  // namespace

template <class Tag>
Result<Name<Tag>> Name<Tag>::parse(std::string_view text) {
  using Rule = NameRule<Tag>;
  if (Rule::holds(text)) return Name{std::string{text}};
  return fail(ErrorCode::invalid_argument,
              fmt::format("{} {} cannot be right: it is {}", Rule::kKind, detail::quoted(text), Rule::kForm),
              std::string{Rule::kKind});
}

template class Name<ExchangeTag>;
template class Name<MarketTag>;
template class Name<SymbolTag>;

Result<InstrumentId> InstrumentId::parse(std::string_view canonical) {
  const auto first = canonical.find('.');
  const auto second = first == std::string_view::npos ? first : canonical.find('.', first + 1);
  if (second == std::string_view::npos)
    return fail(ErrorCode::invalid_argument,
                fmt::format("instrument {} is not written exchange.market.SYMBOL, as in bybit.linear.BTCUSDT",
                            detail::quoted(canonical)),
                "instrument");
  auto exchange = Exchange::parse(canonical.substr(0, first));
  if (!exchange) return std::unexpected{std::move(exchange).error()};
  auto market = Market::parse(canonical.substr(first + 1, second - first - 1));
  if (!market) return std::unexpected{std::move(market).error()};
  auto symbol = Symbol::parse(canonical.substr(second + 1));
  if (!symbol) return std::unexpected{std::move(symbol).error()};
  return InstrumentId{*std::move(exchange), *std::move(market), *std::move(symbol)};
}

std::string InstrumentId::text() const {
  return fmt::format("{}.{}.{}", exchange.text(), market.text(), symbol.text());
}

std::string_view to_string(PriceKind kind) { return detail::word_of(kPriceKinds, kind); }
Result<PriceKind> parse_price_kind(std::string_view text) {
  return detail::parse_word<PriceKind>(kPriceKinds, text, "price kind", "price_kind");
}

Result<Series> Series::parse(std::string_view text) {
  const auto at = text.rfind('@');
  if (at == std::string_view::npos)
    return fail(ErrorCode::invalid_argument,
                fmt::format("series {} is not written exchange.market.SYMBOL@timeframe, as in bybit.linear.BTCUSDT@1h",
                            detail::quoted(text)),
                "series");
  auto timeframe = Timeframe::parse(text.substr(at + 1));
  if (!timeframe) return std::unexpected{std::move(timeframe).error()};

  const auto name = text.substr(0, at);
  const auto colon = name.rfind(':');
  auto kind =
      colon == std::string_view::npos ? Result<PriceKind>{PriceKind::last} : parse_price_kind(name.substr(colon + 1));
  if (!kind) return std::unexpected{std::move(kind).error()};
  auto instrument = InstrumentId::parse(name.substr(0, colon));
  if (!instrument) return std::unexpected{std::move(instrument).error()};
  return Series{*std::move(instrument), *kind, *timeframe};
}

std::string Series::text() const {
  const auto kind = price_kind == PriceKind::last ? std::string{} : fmt::format(":{}", to_string(price_kind));
  return fmt::format("{}{}@{}", instrument.text(), kind, timeframe.name());
}

}  // namespace tdm
