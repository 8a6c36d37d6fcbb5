#include "tdm/sources/binance/detail/alias.hpp"

#include "tdm/sources/ccxt_symbol.hpp"  // parse_ccxt_symbol

namespace tdm::sources::binance {

std::vector<std::pair<std::string, std::string>> parse_alias(std::string_view text) {
  const auto alias = parse_ccxt_symbol(text);
  if (!alias) return {};
  const auto pair = alias->base + alias->quote;
  if (alias->settle.empty()) {
    if (!alias->expiry.empty()) return {};
    return {{"spot", pair}};
  }
  const auto dated = alias->expiry.empty() ? std::string{} : "_" + alias->expiry;
  if (alias->settle == alias->base) return {{"coinm", pair + (dated.empty() ? "_PERP" : dated)}};
  return {{"usdm", pair + dated}};
}

}  // namespace tdm::sources::binance
