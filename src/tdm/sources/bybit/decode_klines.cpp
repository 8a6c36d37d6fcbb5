#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tdm/core/decimal.hpp"  // Decimal
#include "tdm/sources/bybit/detail/decode.hpp"
#include "tdm/sources/bybit/detail/kline.hpp"     // KlineDocument
#include "tdm/sources/bybit/detail/parse.hpp"     // volumes_of
#include "tdm/sources/bybit/detail/protocol.hpp"  // timeframe_of, price_kind_of

namespace tdm::sources::bybit {
namespace {

// What the bars of a document belong to. The document and the request's target say it; what neither says is assumed and
// named.
struct Meaning {
  std::string market, symbol;
  PriceKind price_kind = PriceKind::last;
  std::optional<Timeframe> timeframe;
  std::vector<std::string> assumed;
};

using Rows = std::vector<const KlineRow*>;

// From the shortest distance between neighbours: a hole only makes distances longer.
std::optional<Timeframe> timeframe_by_spacing(const Rows& rows) {
  std::optional<Micros> shortest;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto distance = *rows[i]->open_time - *rows[i - 1]->open_time;
    if (distance > Micros{0} && (!shortest || distance < *shortest)) shortest = distance;
  }
  if (!shortest) return std::nullopt;
  for (const auto timeframe : Timeframe::all()) {
    const auto open = *rows.front()->open_time;
    if (timeframe.is_month() ? *shortest >= std::chrono::days{28} : timeframe.advance(open, 1) - open == *shortest)
      return timeframe;
  }
  return std::nullopt;
}

std::string first_of(std::string_view stated, std::string_view otherwise) {
  return std::string{stated.empty() ? otherwise : stated};
}

Meaning meaning_of(const Events& events, const KlineDocument& document, const Rows& rows) {
  const auto& target = events.request().target;
  Meaning meaning;
  meaning.market = first_of(document.category, first_of(target_parameter(target, "category"), events.request().market));
  meaning.symbol = first_of(document.symbol, target_parameter(target, "symbol"));
  if (const auto kind = price_kind_of(target_path(target))) {
    meaning.price_kind = *kind;
  } else if (!rows.empty() && !rows.front()->values[4]) {
    meaning.price_kind = PriceKind::mark;  // five columns: mark, index or premium
    meaning.assumed.emplace_back("price_kind");
  }
  meaning.timeframe = timeframe_of(target_parameter(target, "interval"));
  if (!meaning.timeframe) {
    meaning.timeframe = timeframe_by_spacing(rows);
    meaning.assumed.emplace_back("timeframe");
  }
  return meaning;
}

Line or_null(std::optional<std::string_view> text) { return text ? Line(*text) : Line(nullptr); }

Line bar_line(const Events& events, const Meaning& meaning, const KlineRow& row, bool closed) {
  auto line = events.begin("bar", meaning.market, meaning.symbol);
  const auto volumes = volumes_of(row, meaning.market);
  line["price_kind"] = to_string(meaning.price_kind);
  line["timeframe"] = meaning.timeframe->name();
  line["open_time"] = to_ms(*row.open_time);
  line["close_time"] = to_ms(meaning.timeframe->close_of(*row.open_time));
  line["open"] = or_null(row.values[0]);
  line["high"] = or_null(row.values[1]);
  line["low"] = or_null(row.values[2]);
  line["close"] = or_null(row.values[3]);
  line["volume"] = or_null(volumes.base);
  line["quote_volume"] = or_null(volumes.quote);
  line["trade_count"] = nullptr;
  line["taker_buy_volume"] = nullptr;
  line["taker_buy_quote_volume"] = nullptr;
  line["closed"] = closed;
  line["channel"] = "rest";
  if (!row.extra.empty()) line["extra"] = row.extra;
  if (!meaning.assumed.empty()) line["assumed"] = meaning.assumed;
  return line;
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

// A field that a bar cannot do without and that is not a number.
std::optional<std::string> problem_of(const KlineRow& row) {
  constexpr std::array<std::string_view, 4> kNames{"open", "high", "low", "close"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    const auto number = row.values[i] ? Decimal::parse(*row.values[i]) : Result<Decimal>{std::unexpect, Error{}};
    if (!number) return fmt::format("{} is missing or not a number in {}", kNames[i], row.raw);
  }
  return std::nullopt;
}

}  // namespace

void decode_klines(const Events& events, std::string_view text) {
  const auto document = KlineDocument::parse(text);
  if (!document) return events.error(document.error());
  const auto rows = sorted_rows(events, *document);
  const auto meaning = meaning_of(events, *document, rows);
  if (document->rows.empty()) {
    auto line = events.begin("control", meaning.market, meaning.symbol);
    line["event"] = "empty_list";
    return events.emit(line);
  }
  if (rows.empty()) return;
  if (meaning.symbol.empty())
    return events.error(ErrorCode::invalid_argument, "the symbol is not stated: give the request");
  if (!meaning.timeframe)
    return events.error(ErrorCode::invalid_argument,
                        "the timeframe is not stated and one bar does not show it: give the request");
  const auto now = document->envelope ? document->envelope->time : std::nullopt;
  for (const auto* row : rows) {
    if (const auto problem = problem_of(*row)) {
      events.error(ErrorCode::corrupt_data, *problem);
      continue;
    }
    // The exchange's clock proves it; without one, that a later bar exists.
    const bool followed = *row->open_time < *rows.back()->open_time;
    const bool ended = now && meaning.timeframe->close_of(*row->open_time) <= *now;
    events.emit(bar_line(events, meaning, *row, followed || ended));
  }
}

}  // namespace tdm::sources::bybit
