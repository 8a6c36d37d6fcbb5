#include "tdm/sources/bybit/detail/alias.hpp"

#include <fmt/format.h>

#include <array>

#include "tdm/sources/ccxt_symbol.hpp"  // parse_ccxt_symbol

namespace tdm::sources::bybit {
namespace {

using Candidates = std::vector<std::pair<std::string, std::string>>;

constexpr std::array<std::string_view, 12> kMonths{"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                   "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
// Delivery months of inverse futures, quarters only.
constexpr std::array<char, 12> kMonthCodes{0, 0, 'H', 0, 0, 'M', 0, 0, 'U', 0, 0, 'Z'};

struct Expiry {
  std::string_view year, day;
  std::size_t month;  // 0 for January
};

Expiry split_expiry(std::string_view yymmdd) {
  const int month = (yymmdd[2] - '0') * 10 + (yymmdd[3] - '0');
  return {yymmdd.substr(0, 2), yymmdd.substr(4), static_cast<std::size_t>(month) - 1};
}

Candidates perpetual(const CcxtSymbol& alias) {
  if (alias.settle == alias.base) return {{"inverse", alias.base + alias.quote}};
  if (alias.settle == "USDC") return {{"linear", alias.base + "PERP"}, {"linear", alias.base + alias.quote}};
  return {{"linear", alias.base + alias.quote}};
}

Candidates future(const CcxtSymbol& alias, const Expiry& expiry) {
  const auto dated = fmt::format("{}{}{}", expiry.day, kMonths[expiry.month], expiry.year);
  if (alias.settle == alias.base) {
    const auto code = kMonthCodes[expiry.month];
    if (code == 0) return {};
    return {{"inverse", fmt::format("{}{}{}{}", alias.base, alias.quote, code, expiry.year)}};
  }
  if (alias.settle == "USDC") return {{"linear", fmt::format("{}-{}", alias.base, dated)}};
  return {{"linear", fmt::format("{}{}-{}", alias.base, alias.quote, dated)}};
}

}  // namespace

Candidates parse_alias(std::string_view text) {
  const auto alias = parse_ccxt_symbol(text);
  if (!alias) return {};
  if (alias->settle.empty())
    return alias->expiry.empty() ? Candidates{{"spot", alias->base + alias->quote}} : Candidates{};
  return alias->expiry.empty() ? perpetual(*alias) : future(*alias, split_expiry(alias->expiry));
}

}  // namespace tdm::sources::bybit
