#include <fmt/format.h>

#include <array>

#include "tdm/core/decimal.hpp"  // Decimal
#include "tdm/sources/binance/detail/decode.hpp"
#include "tdm/sources/binance/detail/parse.hpp"     // usual_contract_size
#include "tdm/sources/binance/detail/protocol.hpp"  // find_facts

namespace tdm::sources::binance {
namespace {

constexpr TradeKeys kTradeKeys{"t", "p", "q", "T", "m"};
constexpr TradeKeys kAggregateKeys{"a", "p", "q", "T", "m"};

// Contracts in USD as text, or what was sent when that is no number.
Line usd_of(const Json& contracts, std::string_view symbol) {
  const auto text = text_of(contracts);
  if (!text) return nullptr;
  const auto count = Decimal::parse(*text);
  const auto size = Decimal::parse(usual_contract_size(symbol));
  if (!count || !size) return *text;
  const auto usd = multiply(*count, *size);
  return usd ? usd->to_text() : *text;
}

void put_volumes(Line& line, const Json& bar, bool counts_contracts, std::string_view symbol) {
  if (!counts_contracts) {
    line["volume"] = text_or_null(member(bar, "v"));
    line["quote_volume"] = text_or_null(member(bar, "q"));
    line["trade_count"] = text_or_null(member(bar, "n"));
    line["taker_buy_volume"] = text_or_null(member(bar, "V"));
    line["taker_buy_quote_volume"] = text_or_null(member(bar, "Q"));
    return;
  }
  line["volume"] = text_or_null(member(bar, "q"));
  line["quote_volume"] = usd_of(member(bar, "v"), symbol);
  line["trade_count"] = text_or_null(member(bar, "n"));
  line["taker_buy_volume"] = text_or_null(member(bar, "Q"));
  line["taker_buy_quote_volume"] = usd_of(member(bar, "V"), symbol);
}

void decode_bar(const Events& events, const Json& message) {
  const auto& bar = member(message, "k");
  const auto symbol = text_of(bar, "s").value_or(text_of(message, "s").value_or(""));
  const auto timeframe = Timeframe::parse(text_of(bar, "i").value_or(""));
  const auto start = text_of(bar, "t");
  const auto open_time = start ? parse_ms(*start) : std::nullopt;
  const auto& closed = member(bar, "x");
  if (symbol.empty() || !timeframe || !open_time || !closed.is_boolean())
    return events.error(ErrorCode::corrupt_data, "a bar needs s, a known i, t and x");
  constexpr std::array<std::pair<const char*, const char*>, 4> kPrices{
      {{"open", "o"}, {"high", "h"}, {"low", "l"}, {"close", "c"}}};
  for (const auto& [name, key] : kPrices)
    if (const auto text = text_of(bar, key); !text || !Decimal::parse(*text))
      return events.error(ErrorCode::corrupt_data, fmt::format("{} is missing or not a number", name));
  const auto& market = events.request().market;
  auto line = events.begin("bar", market, symbol);
  line["price_kind"] = "last";
  line["timeframe"] = timeframe->name();
  line["open_time"] = to_ms(*open_time);
  line["close_time"] = to_ms(timeframe->close_of(*open_time));
  for (const auto& [name, key] : kPrices) line[name] = text_or_null(member(bar, key));
  put_volumes(line, bar, find_facts(market)->counts_contracts, symbol);
  line["closed"] = closed.get<bool>();
  line["channel"] = "ws";
  events.emit(line);
}

// bookTicker: the best level of each side. Spot's has neither an event name nor a time.
void decode_best(const Events& events, std::string_view symbol, const Json& message) {
  auto line = events.begin("ticker", events.request().market, symbol);
  line["type"] = "best";
  line["time_us"] = micros_or_null(member(message, "T"));
  line["bid_price"] = text_or_null(member(message, "b"));
  line["bid_size"] = text_or_null(member(message, "B"));
  line["ask_price"] = text_or_null(member(message, "a"));
  line["ask_size"] = text_or_null(member(message, "A"));
  events.emit(line);
}

void decode_mark(const Events& events, std::string_view symbol, const Json& message) {
  auto line = events.begin("ticker", events.request().market, symbol);
  line["type"] = "mark";
  line["time_us"] = micros_or_null(member(message, "E"));
  line["mark_price"] = text_or_null(member(message, "p"));
  line["index_price"] = text_or_null(member(message, "i"));
  line["funding_rate"] = text_or_null(member(message, "r"));  // "" for delivery contracts
  line["next_funding_time"] = text_or_null(member(message, "T"));
  events.emit(line);
}

void decode_event(const Events& events, const Json& message) {
  const auto kind = text_of(message, "e").value_or("");
  const auto symbol = text_of(message, "s").value_or("");
  if (kind == "kline") return decode_bar(events, message);
  if (kind == "trade") return emit_trade(events, symbol, message, kTradeKeys);
  if (kind == "aggTrade") return emit_trade(events, symbol, message, kAggregateKeys);
  if (kind == "depthUpdate")
    return emit_book(events, symbol, "delta", message, member(message, message.contains("T") ? "T" : "E"));
  if (symbol.empty()) return events.error(ErrorCode::invalid_argument, fmt::format("event '{}' is not known", kind));
  if (kind == "markPriceUpdate") return decode_mark(events, symbol, message);
  if (kind == "bookTicker" || (kind.empty() && message.contains("B") && message.contains("A")))
    return decode_best(events, symbol, message);
  events.error(ErrorCode::invalid_argument, fmt::format("event '{}' is not known", kind));
}

// Answers to requests: {"result":null,"id":1}; errors with and without a wrapper.
void decode_control(const Events& events, const Json& message) {
  const auto& wrapped = member(message, "error");
  const auto& error = wrapped.is_object() ? wrapped : message;
  auto line = events.begin("control");
  line["event"] = "reply";
  line["success"] = !error.contains("code");
  if (error.contains("code"))
    line["message"] =
        fmt::format("code {}: {}", text_of(error, "code").value_or(""), text_of(error, "msg").value_or(""));
  if (const auto id = text_of(message, "id")) line["request_id"] = *id;
  events.emit(line);
}

}  // namespace

void decode_ws(const Events& events, const Json& message) {
  if (message.is_array()) {
    if (message.empty()) return events.error(ErrorCode::corrupt_data, "the message is an empty list");
    for (const auto& each : message) decode_ws(events, each);
    return;
  }
  if (!message.is_object()) return events.error(ErrorCode::corrupt_data, "a message is a JSON object");
  // A combined stream wraps its events.
  if (message.contains("stream") && message.contains("data")) {
    const auto stream = text_of(message, "stream").value_or("");
    const auto& data = message["data"];
    if (data.is_object() && data.contains("lastUpdateId")) {
      auto symbol = stream.substr(0, stream.find('@'));
      for (auto& c : symbol) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
      return emit_book(events, symbol, "snapshot", data, member(data, "E"));
    }
    return decode_ws(events, data);
  }
  if (message.contains("lastUpdateId"))
    return emit_book(events, target_parameter(events.request().target, "symbol"), "snapshot", message,
                     member(message, "T"));
  if (message.contains("e") || message.contains("u")) return decode_event(events, message);
  if (message.contains("result") || message.contains("error") || message.contains("code"))
    return decode_control(events, message);
  events.error(ErrorCode::corrupt_data, "a message needs an event or a result");
}

}  // namespace tdm::sources::binance
