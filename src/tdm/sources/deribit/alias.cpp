#include "tdm/sources/deribit/detail/alias.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "tdm/core/decimal.hpp"         // Decimal
#include "tdm/sources/ccxt_symbol.hpp"  // parse_ccxt_symbol

namespace tdm::sources::deribit {
namespace {

using Candidates = std::vector<std::pair<std::string, std::string>>;

constexpr std::array<std::string_view, 12> kMonths{"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                   "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};

// The day of month has no leading zero: 8FEB26.
std::string expiry_text(std::string_view yymmdd) {
  const auto number = [&](std::size_t at) { return (yymmdd[at] - '0') * 10 + (yymmdd[at + 1] - '0'); };
  return fmt::format("{}{}{}", number(4), kMonths[static_cast<std::size_t>(number(2) - 1)], yymmdd.substr(0, 2));
}

// "-70000-C" with a lower-case d for a decimal point; nothing when the text is no strike and side.
std::optional<std::string> option_tail(std::string_view strike, std::string_view side) {
  if (side != "C" && side != "P" && side != "c" && side != "p") return std::nullopt;
  const auto number = Decimal::parse(strike);
  if (!number || number->is_negative()) return std::nullopt;
  auto text = number->to_text();
  std::ranges::replace(text, '.', 'd');
  return fmt::format("-{}-{}", text, side == "C" || side == "c" ? 'C' : 'P');
}

}  // namespace

Candidates parse_alias(std::string_view text) {
  std::string tail;
  if (const auto last = text.rfind('-'); last != std::string_view::npos && last > 0) {
    const auto before = text.rfind('-', last - 1);
    if (before != std::string_view::npos) {
      const auto option = option_tail(text.substr(before + 1, last - before - 1), text.substr(last + 1));
      if (!option) return {};
      tail = *option;
      text = text.substr(0, before);
    }
  }
  const auto alias = parse_ccxt_symbol(text);
  if (!alias) return {};
  if (alias->settle.empty()) {
    if (!alias->expiry.empty() || !tail.empty()) return {};
    return {{"spot", fmt::format("{}_{}", alias->base, alias->quote)}};
  }
  if (!tail.empty() && alias->expiry.empty()) return {};
  // Inverse contracts are named by the coin, linear ones by both.
  const auto pair = alias->settle == alias->base ? alias->base : fmt::format("{}_{}", alias->base, alias->quote);
  const auto expiry = alias->expiry.empty() ? "PERPETUAL" : expiry_text(alias->expiry);
  return {{tail.empty() ? "future" : "option", fmt::format("{}-{}{}", pair, expiry, tail)}};
}

}  // namespace tdm::sources::deribit
