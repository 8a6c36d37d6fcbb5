#include "tdm/query/detail/patterns.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tdm::query::detail {
namespace {

constexpr std::size_t kMaxPattern = 256;

// What stands before `separator`; `text` becomes what stands after it, or nothing.
std::string take_until(std::string_view& text, char separator) {
  const auto at = text.find(separator);
  const std::string part{text.substr(0, at)};
  text = at == std::string_view::npos ? std::string_view{} : text.substr(at + 1);
  return part;
}

}  // namespace

bool matches(std::string_view glob, std::string_view text) {
  // Remembers the last star only: that is enough, and linear for all but hostile patterns.
  std::size_t g = 0, t = 0, star = std::string_view::npos, from_star = 0;
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      from_star = t;
    } else if (g < glob.size() && (glob[g] == '?' || glob[g] == text[t])) {
      ++g;
      ++t;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      t = ++from_star;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', g) == std::string_view::npos;
}

bool is_glob(std::string_view text) { return text.find_first_of("*?") != std::string_view::npos; }

std::string upper(std::string_view text) {
  std::string letters{text};
  for (auto& c : letters)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return letters;
}

Result<Pattern> Pattern::parse(std::string_view text) {
  if (text.empty() || text.size() > kMaxPattern)
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("a series or pattern has 1 to {} characters, for example bybit.linear.*USDT@1m", kMaxPattern),
        "series");
  Pattern pattern;
  const auto at = text.rfind('@');
  pattern.names_timeframe = at != std::string_view::npos;
  pattern.timeframe = pattern.names_timeframe ? std::string{text.substr(at + 1)} : "*";
  auto instrument = text.substr(0, at);
  pattern.price_kind = "last";
  if (const auto colon = instrument.rfind(':'); colon != std::string_view::npos) {
    pattern.price_kind = instrument.substr(colon + 1);
    instrument = instrument.substr(0, colon);
  }
  pattern.exchange = take_until(instrument, '.');
  pattern.market = take_until(instrument, '.');
  pattern.symbol = instrument;
  // '*' and 'bybit.*' say enough.
  if (pattern.market.empty() && is_glob(pattern.exchange)) pattern.market = "*";
  if (pattern.symbol.empty() && is_glob(pattern.market)) pattern.symbol = "*";
  for (const auto* part :
       {&pattern.exchange, &pattern.market, &pattern.symbol, &pattern.price_kind, &pattern.timeframe})
    if (part->empty())
      return fail(
          ErrorCode::invalid_argument,
          fmt::format("'{}' is not a series; expected EXCHANGE.MARKET.SYMBOL[:KIND]@TIMEFRAME, any part of which "
                      "may hold *, for example bybit.linear.*USDT@1m",
                      text),
          "series");
  return pattern;
}

bool Pattern::matches(const Series& series) const {
  return detail::matches(exchange, series.instrument.exchange.text()) &&
         detail::matches(market, series.instrument.market.text()) &&
         detail::matches(upper(symbol), upper(series.instrument.symbol.text())) &&
         detail::matches(price_kind, to_string(series.price_kind)) &&
         detail::matches(timeframe, series.timeframe.name());
}

}  // namespace tdm::query::detail
