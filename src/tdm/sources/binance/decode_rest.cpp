#include <fmt/format.h>

#include <array>

#include "tdm/sources/binance/detail/decode.hpp"
#include "tdm/sources/binance/detail/kline.hpp"     // read_error
#include "tdm/sources/binance/detail/parse.hpp"     // parse_instrument
#include "tdm/sources/binance/detail/protocol.hpp"  // find_facts
#include "tdm/sources/binance/detail/reply.hpp"     // judge_reply

namespace tdm::sources::binance {
namespace {

constexpr TradeKeys kTradeKeys{"id", "price", "qty", "time", "isBuyerMaker"};
constexpr TradeKeys kAggregateKeys{"a", "p", "q", "T", "m"};

constexpr std::array kTickerFields =
    std::to_array<TickerField>({{"lastPrice", "last_price"},
                                {"price", "last_price"},
                                {"bidPrice", "bid_price"},
                                {"bidQty", "bid_size"},
                                {"askPrice", "ask_price"},
                                {"askQty", "ask_size"},
                                {"markPrice", "mark_price"},
                                {"indexPrice", "index_price"},
                                {"estimatedSettlePrice", "settle_price"},
                                {"lastFundingRate", "funding_rate"},
                                {"interestRate", "interest_rate"},
                                {"nextFundingTime", "next_funding_time", TickerField::Is::time},
                                {"openPrice", "open_24h"},
                                {"highPrice", "high_24h"},
                                {"lowPrice", "low_24h"},
                                {"prevClosePrice", "previous_price_24h"},
                                {"priceChangePercent", "change_percent_24h"},
                                {"weightedAvgPrice", "average_24h"},
                                {"volume", "volume_24h"},
                                {"quoteVolume", "quote_volume_24h"}});
// coinm counts contracts; its coins have a name of their own.
constexpr auto kCoinmTickerFields = [] {
  auto fields = kTickerFields;
  for (auto& field : fields) {
    if (field.theirs == "volume") field.ours = "contracts_24h";
    if (field.theirs == "quoteVolume") field = {"baseVolume", "volume_24h"};
  }
  return fields;
}();

bool counts_contracts(const Events& events) { return find_facts(events.request().market)->counts_contracts; }

// The row names its instrument, or the request does.
std::string symbol_of(const Events& events, Fields& from) {
  auto symbol = from.word("symbol", Need::may);
  return symbol.empty() ? std::string{target_parameter(events.request().target, "symbol")} : symbol;
}

void emit_trade_row(const Events& events, const Json& row) {
  emit_trade(events, target_parameter(events.request().target, "symbol"), row, kTradeKeys);
}

void emit_aggregate_row(const Events& events, const Json& row) {
  emit_trade(events, target_parameter(events.request().target, "symbol"), row, kAggregateKeys);
}

void emit_funding(const Events& events, const Json& row) {
  Fields from{"a funding", row};
  auto line = events.begin("funding", events.request().market, symbol_of(events, from));
  line["time_us"] = from.micros("fundingTime");
  line["funding_rate"] = from.number("fundingRate");
  line["mark_price"] = from.number("markPrice", Need::may);  // old rows have none
  if (row.contains("rateType")) line["rate_type"] = from.text("rateType", Need::may);
  from.emit(events, line);
}

void emit_funding_interval(const Events& events, const Json& row) {
  Fields from{"a funding interval", row};
  auto line = events.begin("control", events.request().market, symbol_of(events, from));
  line["event"] = "funding_interval";
  line["funding_interval_hours"] = from.number("fundingIntervalHours");
  line["funding_rate_cap"] = from.number("adjustedFundingRateCap", Need::may);
  line["funding_rate_floor"] = from.number("adjustedFundingRateFloor", Need::may);
  from.emit(events, line);
}

void put_unit(const Events& events, Line& line) {
  if (counts_contracts(events)) line["unit"] = "contracts";
}

void emit_open_interest(const Events& events, const Json& row) {
  Fields from{"an open interest", row};
  auto line = events.begin("open_interest", events.request().market, symbol_of(events, from));
  line["time_us"] = from.micros("time");
  line["open_interest"] = from.number("openInterest");
  put_unit(events, line);
  from.emit(events, line);
}

// coinm sums the contracts of a pair: without the perpetual's own type they are of no instrument.
std::string symbol_of_sum(const Events& events, Fields& from, const Json& row) {
  if (!row.contains("pair")) return symbol_of(events, from);
  const auto symbol = perpetual_symbol(events.request().market, from.word("pair"), from.word("contractType"));
  return symbol.value_or("");
}

void emit_open_interest_sum(const Events& events, const Json& row) {
  Fields from{"an open interest", row};
  auto line = events.begin("open_interest", events.request().market, symbol_of_sum(events, from, row));
  line["time_us"] = from.micros("timestamp");
  line["open_interest"] = from.number("sumOpenInterest");
  line["open_interest_value"] = from.number("sumOpenInterestValue", Need::may);
  put_unit(events, line);
  from.emit(events, line);
}

void emit_ticker(const Events& events, const Json& row, std::string_view type, std::string_view needed) {
  Fields from{"a ticker", row};
  auto line = events.begin("ticker", events.request().market, symbol_of(events, from));
  line["type"] = type;
  const auto time = from.micros("time", Need::may);
  line["time_us"] = time.is_null() ? from.micros("closeTime", Need::may) : time;
  from.number(needed);
  from.put_ticker(line, counts_contracts(events) ? kCoinmTickerFields : kTickerFields, {"symbol", "time", "closeTime"});
  from.emit(events, line);
}

void emit_mark(const Events& events, const Json& row) { emit_ticker(events, row, "mark", "markPrice"); }
void emit_day(const Events& events, const Json& row) { emit_ticker(events, row, "day", "lastPrice"); }
void emit_best(const Events& events, const Json& row) { emit_ticker(events, row, "best", "bidPrice"); }
void emit_price(const Events& events, const Json& row) { emit_ticker(events, row, "price", "price"); }

void emit_instrument_row(const Events& events, const Json& row) {
  Fields from{"an instrument", row};
  for (const auto* key : {"onboardDate", "deliveryDate"}) from.millis(key, Need::may);
  for (const auto* key : {"baseAsset", "quoteAsset"}) from.word(key);
  from.word(row.contains("contractStatus") ? "contractStatus" : "status");
  if (from.failed()) return from.emit(events, {});
  const auto instrument = parse_instrument(row, events.request().market);
  instrument ? emit_instrument(events, *instrument) : events.error(instrument.error());
}

using EmitRow = void (*)(const Events& events, const Json& row);

// Answers have no name: the path says what they are, or a field that no other answer has.
struct Endpoint {
  std::string_view path;           // its end
  std::string_view telling_field;  // of its rows
  EmitRow emit;
};
constexpr std::array<Endpoint, 11> kEndpoints{{{"/trades", "isBuyerMaker", emit_trade_row},
                                               {"/historicalTrades", "isBuyerMaker", emit_trade_row},
                                               {"/aggTrades", "l", emit_aggregate_row},
                                               {"/fundingRate", "fundingTime", emit_funding},
                                               {"/fundingInfo", "fundingIntervalHours", emit_funding_interval},
                                               {"/openInterest", "openInterest", emit_open_interest},
                                               {"/openInterestHist", "sumOpenInterest", emit_open_interest_sum},
                                               {"/premiumIndex", "lastFundingRate", emit_mark},
                                               {"/ticker/24hr", "lastPrice", emit_day},
                                               {"/ticker/bookTicker", "bidPrice", emit_best},
                                               {"/ticker/price", "price", emit_price}}};

const Endpoint* find_endpoint(const Events& events, const Json& row) {
  const auto path = target_path(events.request().target);
  for (const auto& endpoint : kEndpoints)
    if (path.ends_with(endpoint.path)) return &endpoint;
  for (const auto& endpoint : kEndpoints)
    if (row.is_object() && row.contains(endpoint.telling_field)) return &endpoint;
  return nullptr;
}

void decode_row(const Events& events, const Json& row) {
  if (const auto* endpoint = find_endpoint(events, row)) return endpoint->emit(events, row);
  events.error(ErrorCode::invalid_argument,
               "the answer is of no known endpoint: give the request; it begins " + to_line(row).substr(0, 80));
}

void decode_info(const Events& events, const Json& symbols) {
  if (!symbols.is_array()) return events.error(ErrorCode::corrupt_data, "symbols is not a list");
  if (symbols.empty()) return emit_empty_list(events, events.request().market, {});
  for (const auto& row : symbols) emit_instrument_row(events, row);
}

void decode_time(const Events& events, const Json& document) {
  Fields from{"a server time", document};
  auto line = events.begin("control");
  line["event"] = "server_time";
  line["time_us"] = from.micros("serverTime");
  from.emit(events, line);
}

bool is_depth(const Events& events, const Json& document) {
  return target_path(events.request().target).ends_with("/depth") || document.contains("bids") ||
         document.contains("asks");
}

void decode_object(const Events& events, const Json& document) {
  if (document.contains("symbols")) return decode_info(events, document["symbols"]);
  if (is_depth(events, document)) {
    const auto stated = text_of(document, "symbol");
    return emit_book(events, stated.value_or(std::string{target_parameter(events.request().target, "symbol")}),
                     "snapshot", document);
  }
  if (document.contains("serverTime")) return decode_time(events, document);
  decode_row(events, document);
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

// Bars are arrays in an array, and their paths end in klines, whatever goes before it.
bool is_bars(const Events& events, const Json& rows) {
  return target_path(events.request().target).ends_with("lines") || rows.front().is_array();
}

}  // namespace

void decode_rest(const Events& events, std::string_view text) {
  const auto document = parse_json(text);
  if (!document) return events.error(document.error());
  if (const auto failure = failure_of(events, text)) return events.error(*failure);
  if (document->is_object()) return decode_object(events, *document);
  if (!document->is_array()) return events.error(ErrorCode::corrupt_data, "a REST answer is an array or an object");
  if (document->empty())
    return emit_empty_list(events, events.request().market, target_parameter(events.request().target, "symbol"));
  if (is_bars(events, *document)) return decode_klines(events, text);
  for (const auto& row : *document) decode_row(events, row);
}

}  // namespace tdm::sources::binance
