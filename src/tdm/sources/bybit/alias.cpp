#include "tdm/sources/bybit/detail/alias.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace tdm::sources::bybit {
namespace {

using Candidates = std::vector<std::pair<std::string, std::string>>;

constexpr std::array<std::string_view, 12> kMonths{"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                   "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
// Delivery months of inverse futures, quarters only.
constexpr std::array<char, 12> kMonthCodes{0, 0, 'H', 0, 0, 'M', 0, 0, 'U', 0, 0, 'Z'};

// BASE/QUOTE[:SETTLE[-YYMMDD]], upper case.
struct Alias {
  std::string base, quote, settle, expiry;
};

bool is_name(std::string_view text) {
  const auto allowed = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  return !text.empty() && text.size() <= 32 && std::ranges::all_of(text, allowed);
}

std::optional<Alias> split(std::string_view text) {
  std::string upper{text};
  std::ranges::transform(upper, upper.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  const auto take_after = [&](char separator) {
    const auto at = upper.find(separator);
    if (at == std::string::npos) return std::string{};
    auto tail = upper.substr(at + 1);
    upper.resize(at);
    return tail;
  };
  Alias alias;
  alias.expiry = take_after('-');
  alias.settle = take_after(':');
  alias.quote = take_after('/');
  alias.base = upper;
  if (!is_name(alias.base) || !is_name(alias.quote)) return std::nullopt;
  if (!alias.settle.empty() && !is_name(alias.settle)) return std::nullopt;
  return alias;
}

struct Expiry {
  std::string_view year, day;
  std::size_t month;  // 0 for January
};

std::optional<Expiry> parse_expiry(std::string_view text) {
  if (text.size() != 6 || !std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  const int month = (text[2] - '0') * 10 + (text[3] - '0');
  if (month < 1 || month > 12) return std::nullopt;
  return Expiry{text.substr(0, 2), text.substr(4), static_cast<std::size_t>(month) - 1};
}

Candidates perpetual(const Alias& alias) {
  if (alias.settle == alias.base) return {{"inverse", alias.base + alias.quote}};
  if (alias.settle == "USDC") return {{"linear", alias.base + "PERP"}, {"linear", alias.base + alias.quote}};
  return {{"linear", alias.base + alias.quote}};
}

Candidates future(const Alias& alias, const Expiry& expiry) {
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
  const auto alias = split(text);
  if (!alias) return {};
  if (alias->settle.empty())
    return alias->expiry.empty() ? Candidates{{"spot", alias->base + alias->quote}} : Candidates{};
  if (alias->expiry.empty()) return perpetual(*alias);
  const auto expiry = parse_expiry(alias->expiry);
  return expiry ? future(*alias, *expiry) : Candidates{};
}

}  // namespace tdm::sources::bybit
