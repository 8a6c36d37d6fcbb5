#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "tdm/sources/binance/detail/decode.hpp"
#include "tdm/sources/binance/detail/kline.hpp"     // KlineDocument
#include "tdm/sources/binance/detail/parse.hpp"     // sent_row
#include "tdm/sources/binance/detail/protocol.hpp"  // find_facts

namespace tdm::sources::binance {
namespace {

// The length whose bars open and end as most rows do: an outage cuts few of them.
std::optional<BarLength> length_by_ends(const std::vector<KlineRow>& rows) {
  std::optional<BarLength> best;
  std::int64_t most = 0;
  for (const auto& length : bar_lengths()) {
    const auto fits = std::ranges::count_if(rows, [&](const KlineRow& row) {
      const auto end = row.values[column::close_time] ? parse_instant(*row.values[column::close_time]) : std::nullopt;
      return end && row.open_time && length.on_grid(*row.open_time) &&
             length.close_of(*row.open_time) == *end + std::chrono::milliseconds{1};
    });
    if (fits > most) {
      most = fits;
      best = length;
    }
  }
  return best;
}

// The symbol as the request names it, empty when it does not; nothing when its bars are of no instrument.
std::optional<std::string> symbol_of(const Events& events) {
  const auto& [market, channel, target] = events.request();
  const auto path = target_path(target);
  if (path.ends_with("/continuousKlines"))
    return perpetual_symbol(market, target_parameter(target, "pair"), target_parameter(target, "contractType"));
  return std::string{target_parameter(target, path.ends_with("/indexPriceKlines") ? "pair" : "symbol")};
}

}  // namespace

void decode_klines(const Events& events, std::string_view text) {
  const auto document = KlineDocument::parse(text);
  if (!document) return events.error(document.error());
  const auto& request = events.request();
  const auto* const market = find_facts(request.market);
  const auto path = target_path(request.target);
  const auto symbol = symbol_of(events);
  if (!symbol || path.ends_with("/uiKlines"))
    return events.error(ErrorCode::invalid_argument,
                        "bars that are made for charts, or of contracts that change, are "
                        "bars of no instrument");
  if (symbol->empty() && market->counts_contracts)
    return events.error(ErrorCode::invalid_argument,
                        "the symbol, which says what a contract is worth, is not stated: give the request");

  BarMeaning meaning{.market = request.market,
                     .symbol = *symbol,
                     .price_kind = price_kind_of(path).value_or(PriceKind::last),
                     .length = bar_length(target_parameter(request.target, "interval")),
                     .channel = "rest"};
  if (!meaning.length) {
    meaning.length = length_by_ends(document->rows);
    meaning.assumed.emplace_back("timeframe");
  }
  if (!meaning.length)
    return events.error(ErrorCode::invalid_argument,
                        "the timeframe is not stated and no bar shows it: give the request");
  std::deque<std::string> made;
  std::vector<SentRow> rows;
  rows.reserve(document->rows.size());
  for (const auto& row : document->rows) {
    const auto end = row.open_time ? std::optional{meaning.length->close_of(*row.open_time)} : std::nullopt;
    rows.push_back(sent_row(row, *market, meaning.price_kind, end, usual_contract_size(*symbol), made));
  }
  emit_bars(events, meaning, rows, std::nullopt);  // the answer has no clock: a later bar proves it
}

}  // namespace tdm::sources::binance
