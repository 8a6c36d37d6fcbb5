#include <fmt/format.h>

#include <array>

#include "tdm/net/http_client.hpp"  // HttpReply
#include "tdm/sources/bybit/detail/decode.hpp"
#include "tdm/sources/bybit/detail/instrument_row.hpp"  // parse_instrument
#include "tdm/sources/bybit/detail/reply.hpp"           // judge_reply

namespace tdm::sources::bybit {
namespace {

// What every element of a list shares.
struct List {
  const Events& events;
  std::string market, symbol;  // of `result`; rows that name a symbol of their own win
  const Json& time;            // of the envelope, in ms

  std::string symbol_of(const Json& row) const { return text_of(row, "symbol").value_or(symbol); }
};

using EmitRow = void (*)(const List& list, const Json& row);

void emit_instrument_row(const List& list, const Json& row) {
  const auto instrument = parse_instrument(row, list.market);
  instrument ? emit_instrument(list.events, *instrument) : list.events.error(instrument.error());
}

void emit_trade(const List& list, const Json& row) {
  const auto time = micros_or_null(member(row, "time"));
  const auto price = text_or_null(member(row, "price"));
  if (time.is_null() || price.is_null())
    return list.events.error(ErrorCode::corrupt_data, "a trade needs time and price");
  auto line = list.events.begin("trade", list.market, list.symbol_of(row));
  line["time_us"] = time;
  line["trade_id"] = text_or_null(member(row, "execId"));
  line["price"] = price;
  line["size"] = text_or_null(member(row, "size"));
  line["side"] = side_of(member(row, "side"));
  line["sequence"] = text_or_null(member(row, "seq"));
  line["block_trade"] = member(row, "isBlockTrade");
  line["rpi_trade"] = member(row, "isRPITrade");
  list.events.emit(line);
}

void emit_funding(const List& list, const Json& row) {
  const auto time = micros_or_null(member(row, "fundingRateTimestamp"));
  const auto rate = text_or_null(member(row, "fundingRate"));
  if (time.is_null() || rate.is_null())
    return list.events.error(ErrorCode::corrupt_data, "a funding needs fundingRateTimestamp and fundingRate");
  auto line = list.events.begin("funding", list.market, list.symbol_of(row));
  line["time_us"] = time;
  line["funding_rate"] = rate;
  list.events.emit(line);
}

void emit_open_interest(const List& list, const Json& row) {
  const auto time = micros_or_null(member(row, "timestamp"));
  const auto both_sides = text_or_null(member(row, "openInterest"));
  if (time.is_null() || both_sides.is_null())
    return list.events.error(ErrorCode::corrupt_data, "an open interest needs timestamp and openInterest");
  auto line = list.events.begin("open_interest", list.market, list.symbol_of(row));
  line["time_us"] = time;
  line["open_interest"] = both_sides;
  line["single_open_interest"] = text_or_null(member(row, "singleOpenInterest"));
  list.events.emit(line);
}

void emit_ticker_row(const List& list, const Json& row) {
  emit_ticker(list.events, list.market, "snapshot", row, list.time);
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
  if (rows.empty()) {
    auto line = list.events.begin("control", list.market, list.symbol);
    line["event"] = "empty_list";
    return list.events.emit(line);
  }
  if (endpoint == nullptr)
    return list.events.error(ErrorCode::invalid_argument, "the rows are of no known endpoint: give the request");
  for (const auto& row : rows) endpoint->emit(list, row);
}

void decode_time(const Events& events, const Json& result) {
  const auto nanos = integer_of(member(result, "timeNano"));
  const auto seconds = integer_of(member(result, "timeSecond"));
  auto line = events.begin("control");
  line["event"] = "server_time";
  line["time_us"] = nanos ? *nanos / 1'000 : seconds.value_or(0) * 1'000'000;
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
  if (result.contains("b") && result.contains("a"))
    return emit_book(events, market, "snapshot", result, {member(result, "ts"), member(result, "cts")});
  const auto& rows = member(result, "list");
  if (!rows.is_array()) return events.error(ErrorCode::corrupt_data, "result.list is missing");
  if (is_kline(target, rows)) return decode_klines(events, text);
  const auto symbol = text_of(result, "symbol").value_or(std::string{target_parameter(target, "symbol")});
  decode_list({events, market, symbol, member(*document, "time")}, rows);
}

}  // namespace tdm::sources::bybit
