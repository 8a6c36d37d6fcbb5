#include "tdm/sources/ccxt_symbol.hpp"

#include <algorithm>

namespace tdm::sources {
namespace {

// Letters, digits, and UTF-8 beyond ASCII: some coins are named in it.
bool is_name(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
  };
  return !text.empty() && text.size() <= 32 && std::ranges::all_of(text, allowed);
}

bool is_expiry(std::string_view text) {
  if (text.size() != 6 || !std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; })) return false;
  const int month = (text[2] - '0') * 10 + (text[3] - '0');
  return month >= 1 && month <= 12;
}

}  // namespace

std::optional<CcxtSymbol> parse_ccxt_symbol(std::string_view text) {
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
  CcxtSymbol symbol;
  symbol.expiry = take_after('-');
  symbol.settle = take_after(':');
  symbol.quote = take_after('/');
  symbol.base = upper;
  if (!is_name(symbol.base) || !is_name(symbol.quote)) return std::nullopt;
  if (!symbol.settle.empty() && !is_name(symbol.settle)) return std::nullopt;
  if (!symbol.expiry.empty() && !is_expiry(symbol.expiry)) return std::nullopt;
  return symbol;
}

}  // namespace tdm::sources
