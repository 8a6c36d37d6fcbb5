#include <fmt/format.h>

#include <array>

#include "tdm/net/http_client.hpp"  // HttpReply
#include "tdm/sources/bybit/detail/decode.hpp"
#include "tdm/sources/bybit/detail/instrument_row.hpp"  // parse_instrument
#include "tdm/sources/bybit/detail/reply.hpp"           // judge_reply
#include "tdm/sources/decode_bars.hpp"                  // emit_empty_list

namespace tdm::sources::bybit {
namespace {

// What every element of a list shares.
struct List {
  const Events& events;
  std::string market, symbol;  // of `result`; rows that name a symbol of their own win
  const Json& document;        // its `time` is the exchange's clock, in ms

  Line begin(std::string_view kind, Fields& from) const {
    const auto own = from.word("symbol", Need::may);
    return events.begin(kind, market, own.empty() ? symbol : own);
  }
};

using EmitRow = void (*)(const List& list, const Json& row);

void emit_instrument_row(const List& list, const Json& row) {
  Fields from{"an instrument", row};
  for (const auto* key : {"launchTime", "deliveryTime"}) from.millis(key, Need::may);
  for (const auto* key : {"status", "baseCoin", "quoteCoin"}) from.word(key);
  if (from.failed()) return from.emit(list.events, {});
  const auto instrument = parse_instrument(row, list.market);
  instrument ? emit_instrument(list.events, *instrument) : list.events.error(instrument.error());
}

void emit_trade(const List& list, const Json& row) {
  Fields from{"a trade", row};
  auto line = list.begin("trade", from);
  line["time_us"] = from.micros("time");
  line["trade_id"] = from.text("execId");
  line["price"] = from.number("price");
  line["size"] = from.number("size");
  line["side"] = side_of(from, "side");
  line["sequence"] = from.text("seq", Need::may);
  line["block_trade"] = from.flag("isBlockTrade", Need::may);
  line["rpi_trade"] = from.flag("isRPITrade", Need::may);
  from.emit(list.events, line);
}

void emit_funding(const List& list, const Json& row) {
  Fields from{"a funding", row};
  auto line = list.begin("funding", from);
  line["time_us"] = from.micros("fundingRateTimestamp");
  line["funding_rate"] = from.number("fundingRate");
  from.emit(list.events, line);
}

void emit_open_interest(const List& list, const Json& row) {
  Fields from{"an open interest", row};
  auto line = list.begin("open_interest", from);
  line["time_us"] = from.micros("timestamp");
  line["open_interest"] = from.number("openInterest");  // of both sides
  line["single_open_interest"] = from.number("singleOpenInterest", Need::may);
  from.emit(list.events, line);
}

void emit_ticker_row(const List& list, const Json& row) {
  emit_ticker(list.events, list.market, "snapshot", row, list.document, "time");
}

struct Endpoint {
  std::string_view path;
  std::string_view telling_field;  // of its rows, for documents whose request is not known
  EmitRow emit;
};

constexpr std::array<Endpoint, 5> kEndpoints{{{"/v5/market/instruments-info", "lotSizeFilter", emit_instrument_row},
                                              {"/v5/market/recent-trade", "execId", emit_trade},
                                              {"/v5/market/funding/history", "fundingRateTimestamp", emit_funding},
                                              {"/v5/market/tickers", "lastPrice", emit_ticker_row},
                                              {"/v5/market/open-interest", "openInterest", emit_open_interest}}};

const Endpoint* find_endpoint(std::string_view target, const Json& list) {
  const auto path = target_path(target);
  for (const auto& endpoint : kEndpoints)
    if (path.ends_with(endpoint.path)) return &endpoint;
  if (!list.empty())
    for (const auto& endpoint : kEndpoints)
      if (list.front().is_object() && list.front().contains(endpoint.telling_field)) return &endpoint;
  return nullptr;
}

bool is_kline(std::string_view target, const Json& list) {
  if (target_path(target).ends_with("kline")) return true;
  return !list.empty() && list.front().is_array();
}

void decode_list(const List& list, const Json& rows) {
  const auto* endpoint = find_endpoint(list.events.request().target, rows);
  if (rows.empty()) return emit_empty_list(list.events, list.market, list.symbol);
  if (endpoint == nullptr)
    return list.events.error(ErrorCode::invalid_argument, "the rows are of no known endpoint: give the request");
  for (const auto& row : rows) endpoint->emit(list, row);
}

void decode_time(const Events& events, const Json& result) {
  const auto nanos = integer_of(member(result, "timeNano"));
  if (!nanos || *nanos <= 0)
    return events.error(ErrorCode::corrupt_data, "a server time needs timeNano, a number of nanoseconds");
  auto line = events.begin("control");
  line["event"] = "server_time";
  line["time_us"] = *nanos / 1'000;
  events.emit(line);
}

// The error that the connector would make of the answer, when it is one.
std::optional<Error> failure_of(const Json& document, std::string_view text) {
  if (!document.contains("retCode")) return std::nullopt;
  net::HttpReply reply;
  reply.status = 200;
  reply.body = text;
  const auto verdict = judge_reply(reply, TimePoint{}, false);
  return verdict.next == Verdict::Next::accept ? std::nullopt : std::optional{verdict.error};
}

}  // namespace

void decode_rest(const Events& events, std::string_view text) {
  const auto document = parse_json(text);
  if (!document) return events.error(document.error());
  if (!document->is_object()) return events.error(ErrorCode::corrupt_data, "a REST answer is a JSON object");
  if (const auto failure = failure_of(*document, text)) return events.error(*failure);

  // Without an envelope the document is the result itself.
  const auto& result = document->contains("result") ? (*document)["result"] : *document;
  const auto& target = events.request().target;
  if (result.contains("timeSecond")) return decode_time(events, result);
  const auto stated = text_of(result, "category").value_or(std::string{target_parameter(target, "category")});
  const auto market = stated.empty() ? events.request().market : stated;
  if (!is_recorded_market(market))
    return events.error(ErrorCode::corrupt_data, fmt::format("category '{}' is not known", market));
  if (result.contains("b") && result.contains("a")) return emit_book(events, market, "snapshot", result, result);
  const auto& rows = member(result, "list");
  if (!rows.is_array()) return events.error(ErrorCode::corrupt_data, "result.list is missing");
  if (is_kline(target, rows)) return decode_klines(events, text);
  const auto symbol = text_of(result, "symbol").value_or(std::string{target_parameter(target, "symbol")});
  decode_list({events, market, symbol, *document}, rows);
}

}  // namespace tdm::sources::bybit
