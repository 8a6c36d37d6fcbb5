#include <fmt/format.h>

#include "tdm/sources/binance/detail/decode.hpp"
#include "tdm/sources/binance/detail/kline.hpp"  // read_error
#include "tdm/sources/binance/detail/parse.hpp"  // parse_instrument
#include "tdm/sources/binance/detail/reply.hpp"  // judge_reply

namespace tdm::sources::binance {
namespace {

constexpr TradeKeys kTradeKeys{"id", "price", "qty", "time", "isBuyerMaker"};
constexpr TradeKeys kAggregateKeys{"a", "p", "q", "T", "m"};

void decode_info(const Events& events, const Json& symbols) {
  if (!symbols.is_array()) return events.error(ErrorCode::corrupt_data, "symbols is not a list");
  if (symbols.empty()) {
    auto line = events.begin("control");
    line["event"] = "empty_list";
    return events.emit(line);
  }
  for (const auto& row : symbols) {
    const auto instrument = parse_instrument(row, events.request().market);
    instrument ? emit_instrument(events, *instrument) : events.error(instrument.error());
  }
}

void decode_time(const Events& events, const Json& time) {
  const auto micros = micros_or_null(time);
  if (micros.is_null()) return events.error(ErrorCode::corrupt_data, "serverTime is no time");
  auto line = events.begin("control");
  line["event"] = "server_time";
  line["time_us"] = micros;
  events.emit(line);
}

void decode_object(const Events& events, const Json& document) {
  const auto symbol = target_parameter(events.request().target, "symbol");
  if (document.contains("symbols")) return decode_info(events, document["symbols"]);
  if (document.contains("lastUpdateId")) return emit_book(events, symbol, "snapshot", document, member(document, "T"));
  if (document.contains("serverTime")) return decode_time(events, document["serverTime"]);
  events.error(ErrorCode::invalid_argument, "the answer is of no known endpoint");
}

void decode_rows(const Events& events, const Json& rows) {
  const auto symbol = target_parameter(events.request().target, "symbol");
  for (const auto& row : rows) {
    if (row.is_object() && row.contains("isBuyerMaker")) {
      emit_trade(events, symbol, row, kTradeKeys);
    } else if (row.is_object() && row.contains("a") && row.contains("m")) {
      emit_trade(events, symbol, row, kAggregateKeys);
    } else {
      events.error(ErrorCode::invalid_argument, "a row is of no known endpoint: " + to_line(row).substr(0, 80));
    }
  }
}

// The error that the connector would make of the answer, when it is one.
std::optional<Error> failure_of(const Events& events, std::string_view text) {
  net::HttpReply reply;
  reply.status = 200;
  reply.body = text;
  const auto* const market = find_facts(events.request().market);
  const auto verdict = judge_reply(reply, TimePoint{}, market->pool);
  return verdict.next == Verdict::Next::accept ? std::nullopt : std::optional{verdict.error};
}

// Bars are arrays in an array.
bool is_bars(const Json& rows) { return rows.empty() || rows.front().is_array(); }

}  // namespace

void decode_rest(const Events& events, std::string_view text) {
  if (const auto failure = failure_of(events, text)) return events.error(*failure);
  const auto document = parse_json(text);
  if (!document) return events.error(document.error());
  if (document->is_object()) return decode_object(events, *document);
  if (!document->is_array()) return events.error(ErrorCode::corrupt_data, "a REST answer is an array or an object");
  if (is_bars(*document)) return decode_klines(events, text);
  decode_rows(events, *document);
}

}  // namespace tdm::sources::binance
