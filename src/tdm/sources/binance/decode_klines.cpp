#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>

#include "tdm/core/decimal.hpp"  // Decimal
#include "tdm/sources/binance/detail/decode.hpp"
#include "tdm/sources/binance/detail/kline.hpp"     // KlineDocument
#include "tdm/sources/binance/detail/parse.hpp"     // sent_row
#include "tdm/sources/binance/detail/protocol.hpp"  // kExchange

namespace tdm::sources::binance {
namespace {

using Rows = std::vector<const KlineRow*>;

// The timeframe whose bar opens and ends as most rows do: an outage cuts few of them.
std::optional<Timeframe> timeframe_by_ends(const Rows& rows) {
  std::optional<Timeframe> best;
  std::int64_t most = 0;
  for (const auto timeframe : Timeframe::all()) {
    const auto fits = std::ranges::count_if(rows, [&](const KlineRow* row) {
      const auto end = row->values[column::close_time] ? parse_ms(*row->values[column::close_time]) : std::nullopt;
      return end && timeframe.on_grid(*row->open_time) &&
             timeframe.close_of(*row->open_time) == *end + std::chrono::milliseconds{1};
    });
    if (fits > most) {
      most = fits;
      best = timeframe;
    }
  }
  return best;
}

// Oldest first; a row without a usable open time becomes an error line.
Rows sorted_rows(const Events& events, const KlineDocument& document) {
  Rows rows;
  for (const auto& row : document.rows) {
    if (row.open_time) {
      rows.push_back(&row);
    } else {
      events.error(ErrorCode::corrupt_data, fmt::format("a row has no usable open time: {}", row.raw));
    }
  }
  std::ranges::stable_sort(rows, {}, [](const KlineRow* row) { return *row->open_time; });
  return rows;
}

Line or_null(std::optional<std::string_view> text) { return text ? Line(*text) : Line(nullptr); }

}  // namespace

std::optional<std::string> problem_of(const KlineRow& row) {
  constexpr std::array<std::string_view, 5> kNames{"open", "high", "low", "close", "volume"};
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if (!row.values[i] || !Decimal::parse(*row.values[i]))
      return fmt::format("{} is missing or not a number in {}", kNames[i], row.raw);
  return std::nullopt;
}

void emit_bar(const Events& events, const BarMeaning& meaning, const KlineRow& row, bool closed) {
  constexpr std::array<std::string_view, 9> kNames{"open",
                                                   "high",
                                                   "low",
                                                   "close",
                                                   "volume",
                                                   "quote_volume",
                                                   "trade_count",
                                                   "taker_buy_volume",
                                                   "taker_buy_quote_volume"};
  const auto& series = meaning.series;
  const auto& symbol = series.instrument.symbol.text();
  std::deque<std::string> made;
  const auto sent = sent_row(row, series, usual_contract_size(symbol), made);
  auto line = events.begin("bar", series.instrument.market.text(), symbol);
  line["price_kind"] = to_string(series.price_kind);
  line["timeframe"] = series.timeframe.name();
  line["open_time"] = to_ms(*row.open_time);
  line["close_time"] = to_ms(series.timeframe.close_of(*row.open_time));
  for (std::size_t i = 0; i < kNames.size(); ++i) line[std::string{kNames[i]}] = or_null(sent.values[i]);
  line["closed"] = closed;
  line["channel"] = events.request().channel;
  if (!sent.extra.empty()) line["extra"] = sent.extra;
  if (meaning.timeframe_assumed) line["assumed"] = {"timeframe"};
  events.emit(line);
}

void decode_klines(const Events& events, std::string_view text) {
  const auto document = KlineDocument::parse(text);
  if (!document) return events.error(document.error());
  const auto& request = events.request();
  const auto symbol = target_parameter(request.target, "symbol");
  if (document->rows.empty()) {
    auto line = events.begin("control", request.market, symbol);
    line["event"] = "empty_list";
    return events.emit(line);
  }
  const auto rows = sorted_rows(events, *document);
  if (rows.empty()) return;
  const auto stated = Timeframe::parse(target_parameter(request.target, "interval"));
  const auto timeframe = stated ? std::optional{*stated} : timeframe_by_ends(rows);
  const auto id = InstrumentId::parse(fmt::format("{}.{}.{}", kExchange, request.market, symbol));
  if (!id) return events.error(ErrorCode::invalid_argument, "the symbol is not stated: give the request");
  if (!timeframe)
    return events.error(ErrorCode::invalid_argument,
                        "the timeframe is not stated and no bar shows it: give the request");
  const BarMeaning meaning{Series{*id, PriceKind::last, *timeframe}, !stated};
  for (const auto* row : rows) {
    if (const auto problem = problem_of(*row)) {
      events.error(ErrorCode::corrupt_data, *problem);
      continue;
    }
    // The answer has no clock: a later bar proves it.
    emit_bar(events, meaning, *row, *row->open_time < *rows.back()->open_time);
  }
}

}  // namespace tdm::sources::binance
