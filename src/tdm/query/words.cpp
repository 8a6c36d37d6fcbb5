#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <utility>

#include "tdm/query/market_data.hpp"

namespace tdm::query {
namespace {

// The written forms of a choice, in the order they are offered.
template <class Choice, std::size_t N>
Result<Choice> parse_choice(const std::array<std::pair<std::string_view, Choice>, N>& choices, std::string_view text,
                            std::string_view parameter) {
  std::vector<std::string> words;
  for (const auto& [word, choice] : choices) {
    if (word == text) return choice;
    words.emplace_back(word);
  }
  return fail(
      ErrorCode::invalid_argument,
      fmt::format("{} '{}' is not known; it is one of: {}", parameter, text.substr(0, 64), fmt::join(words, ", ")),
      std::string{parameter}, nearest(text, words));
}

template <class Choice, std::size_t N>
using Choices = std::array<std::pair<std::string_view, Choice>, N>;

}  // namespace

Result<Fetch> parse_fetch(std::string_view text) {
  static constexpr Choices<Fetch, 2> kChoices{{{"auto", Fetch::automatic}, {"never", Fetch::never}}};
  return parse_choice(kChoices, text, "fetch");
}

Result<OnGap> parse_on_gap(std::string_view text) {
  static constexpr Choices<OnGap, 4> kChoices{
      {{"raise", OnGap::raise}, {"warn", OnGap::warn}, {"ignore", OnGap::ignore}, {"by_cause", OnGap::by_cause}}};
  return parse_choice(kChoices, text, "on_gap");
}

Result<Layer> parse_layer(std::string_view text) {
  static constexpr Choices<Layer, 2> kChoices{{{"validated", Layer::validated}, {"raw", Layer::raw}}};
  return parse_choice(kChoices, text, "layer");
}

Result<Straddle> parse_straddle(std::string_view text) {
  static constexpr Choices<Straddle, 2> kChoices{{{"withhold", Straddle::withhold}, {"keep", Straddle::keep}}};
  return parse_choice(kChoices, text, "straddle");
}

Result<Fill> parse_fill(std::string_view text) {
  static constexpr Choices<Fill, 3> kChoices{{{"none", Fill::none}, {"nan", Fill::nan}, {"ffill", Fill::ffill}}};
  return parse_choice(kChoices, text, "fill");
}

Result<Micros> parse_day_start(std::string_view text) {
  const auto is_digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9'; };
  if (text.size() == 5 && is_digit(0) && is_digit(1) && text[2] == ':' && is_digit(3) && is_digit(4)) {
    const std::chrono::hours hour{(text[0] - '0') * 10 + (text[1] - '0')};
    const std::chrono::minutes minute{(text[3] - '0') * 10 + (text[4] - '0')};
    if (hour < std::chrono::days{1} && minute < std::chrono::hours{1}) return hour + minute;
  }
  return fail(
      ErrorCode::invalid_argument,
      fmt::format("day_start '{}' is no time of day; expected HH:MM in UTC, for example 08:00", text.substr(0, 64)),
      "day_start");
}

Result<PricedSymbol> parse_priced_symbol(std::string_view symbol, const std::optional<std::string>& price_kind) {
  auto asked = price_kind ? parse_price_kind(*price_kind) : Result<PriceKind>{PriceKind::last};
  if (!asked) return std::unexpected{std::move(asked).error()};
  const auto colon = symbol.rfind(':');
  const auto said = colon == std::string_view::npos ? Result<PriceKind>{std::unexpect, Error{}}
                                                    : parse_price_kind(symbol.substr(colon + 1));
  if (!said) return PricedSymbol{std::string{symbol}, *asked};
  if (price_kind && *asked != *said)
    return fail(ErrorCode::invalid_argument,
                fmt::format("symbol {} is of {} prices, but price_kind={} was asked for", symbol.substr(0, 64),
                            to_string(*said), *price_kind),
                "price_kind", {std::string{to_string(*said)}});
  return PricedSymbol{std::string{symbol.substr(0, colon)}, *said};
}

}  // namespace tdm::query
