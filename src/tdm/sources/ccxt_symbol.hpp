#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tdm::sources {

// BASE/QUOTE[:SETTLE[-YYMMDD]] as ccxt writes it, in upper case; parts that are not there are empty.
struct CcxtSymbol {
  std::string base, quote, settle;
  std::string expiry;  // YYMMDD, a month that exists
};

// Nothing when the text is no such spelling.
std::optional<CcxtSymbol> parse_ccxt_symbol(std::string_view text);

}  // namespace tdm::sources
