#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tdm/core/decimal.hpp"  // Decimal
#include "tdm/sources/binance/detail/decode.hpp"
#include "tdm/sources/binance/detail/parse.hpp"     // usual_contract_size
#include "tdm/sources/binance/detail/protocol.hpp"  // find_facts

namespace tdm::sources::binance {
namespace {

constexpr TradeKeys kTradeKeys{"t", "p", "q", "T", "m"};
constexpr TradeKeys kAggregateKeys{"a", "p", "q", "T", "m"};

constexpr std::array kTickerFields = std::to_array<TickerField>({{"c", "last_price"},
                                                                 {"b", "bid_price"},
                                                                 {"B", "bid_size"},
                                                                 {"a", "ask_price"},
                                                                 {"A", "ask_size"},
                                                                 {"o", "open_24h"},
                                                                 {"h", "high_24h"},
                                                                 {"l", "low_24h"},
                                                                 {"v", "volume_24h"},
                                                                 {"q", "quote_volume_24h"},
                                                                 {"P", "change_percent_24h"},
                                                                 {"w", "average_24h"}});
// coinm counts contracts, and its second volume is coins.
constexpr auto kCoinmTickerFields = [] {
  auto fields = kTickerFields;
  for (auto& field : fields) {
    if (field.theirs == "v") field.ours = "contracts_24h";
    if (field.theirs == "q") field.ours = "volume_24h";
  }
  return fields;
}();

bool counts_contracts(const Events& events) { return find_facts(events.request().market)->counts_contracts; }

// Contracts in USD as text, or what was sent when that is no number.
Line usd_of(const Line& contracts, std::string_view symbol) {
  if (!contracts.is_string()) return contracts;
  const auto count = Decimal::parse(contracts.get<std::string>());
  const auto size = Decimal::parse(usual_contract_size(symbol));
  if (!count || !size) return contracts;
  const auto usd = multiply(*count, *size);
  return usd ? Line(usd->to_text()) : contracts;
}

void put_volumes(Line& line, Fields& bar, bool contracts, std::string_view symbol) {
  const auto volume = bar.number("v");
  const auto quote_volume = bar.number("q");
  const auto taker = bar.number("V", Need::may);
  const auto taker_quote = bar.number("Q", Need::may);
  line["volume"] = contracts ? quote_volume : volume;
  line["quote_volume"] = contracts ? usd_of(volume, symbol) : quote_volume;
  line["trade_count"] = bar.number("n", Need::may);
  line["taker_buy_volume"] = contracts ? taker_quote : taker;
  line["taker_buy_quote_volume"] = contracts ? usd_of(taker, symbol) : taker_quote;
}

// The events that carry a bar: of which price, and where the instrument is named.
struct BarEvent {
  std::string_view name;
  PriceKind price_kind;
};
constexpr std::array<BarEvent, 4> kBarEvents{{{"kline", PriceKind::last},
                                              {"continuous_kline", PriceKind::last},
                                              {"markPrice_kline", PriceKind::mark},
                                              {"indexPrice_kline", PriceKind::index}}};

// The events of a mark price name the symbol in the bar alone, those of an index its pair.
std::string symbol_of(const BarEvent& event, Fields& message, Fields& bar, std::string_view market) {
  if (event.name == "kline" || event.name == "markPrice_kline") return bar.word("s");
  const auto pair = message.word("ps");
  if (event.name == "indexPrice_kline") return pair;
  const auto symbol = perpetual_symbol(market, pair, message.word("ct"));
  bar.require(symbol.has_value(), "of a contract that changes is of no instrument");
  return symbol.value_or("");
}

void decode_bar(const Events& events, const Json& message, const BarEvent& event) {
  Fields outer{"a bar", message};
  Fields bar{outer, member(message, "k")};
  const auto& market = events.request().market;
  BarMeaning meaning{.market = market,
                     .symbol = symbol_of(event, outer, bar, market),
                     .price_kind = event.price_kind,
                     .length = bar_length(bar.word("i")),
                     .channel = "ws"};
  const auto open_time = bar.time("t");
  bar.require(meaning.length.has_value(), "has an interval i that is not known");
  bar.require(bar.failed() || meaning.length->on_grid(*open_time), "has a start t that is not on its grid");
  if (bar.failed()) return bar.emit(events, {});

  auto line = begin_bar(events, meaning, *open_time);
  line["open"] = bar.number("o");
  line["high"] = bar.number("h");
  line["low"] = bar.number("l");
  line["close"] = bar.number("c");
  if (event.price_kind == PriceKind::last) {
    put_volumes(line, bar, counts_contracts(events), meaning.symbol);
  } else {
    for (const auto* column : {"volume", "quote_volume", "trade_count", "taker_buy_volume", "taker_buy_quote_volume"})
      line[column] = nullptr;
  }
  line["closed"] = bar.flag("x");
  line["channel"] = meaning.channel;
  bar.emit(events, line);
}

// bookTicker: the best level of each side. Spot's has neither an event name nor a time.
void decode_best(const Events& events, const Json& message) {
  Fields from{"a best level", message};
  auto line = events.begin("ticker", events.request().market, from.word("s"));
  line["type"] = "best";
  line["time_us"] = from.micros("T", Need::may);
  line["update_id"] = from.text("u");
  line["bid_price"] = from.number("b");
  line["bid_size"] = from.number("B");
  line["ask_price"] = from.number("a");
  line["ask_size"] = from.number("A");
  from.emit(events, line);
}

void decode_mark(const Events& events, const Json& message) {
  Fields from{"a mark price", message};
  auto line = events.begin("ticker", events.request().market, from.word("s"));
  line["type"] = "mark";
  line["time_us"] = from.micros("E");
  line["mark_price"] = from.number("p");
  line["index_price"] = from.number("i", Need::may);
  line["settle_price"] = from.number("P", Need::may);  // estimated
  line["funding_rate"] = from.number("r", Need::may);  // "" for delivery contracts
  line["next_funding_time"] = from.millis("T", Need::may);
  from.emit(events, line);
}

void decode_ticker(const Events& events, const Json& message) {
  Fields from{"a ticker", message};
  auto line = events.begin("ticker", events.request().market, from.word("s"));
  line["type"] = "day";
  line["time_us"] = from.micros("E");
  from.number("c");
  from.put_ticker(line, counts_contracts(events) ? kCoinmTickerFields : kTickerFields, {"e", "E", "s", "ps", "st"});
  from.emit(events, line);
}

void decode_liquidation(const Events& events, const Json& message) {
  Fields from{"a liquidation", member(message, "o")};
  auto line = events.begin("control", events.request().market, from.word("s"));
  const auto side = from.word("S");
  from.require(side == "BUY" || side == "SELL", "needs S, BUY or SELL");
  line["event"] = "liquidation";
  line["time_us"] = from.micros("T");
  line["side"] = lower(side);  // of the order, which closes the opposite position
  line["price"] = from.number("p");
  line["average_price"] = from.number("ap", Need::may);
  line["size"] = from.number("q");
  from.emit(events, line);
}

void decode_shutdown(const Events& events, const Json& message) {
  Fields from{"a shutdown notice", message};
  auto line = events.begin("control");
  line["event"] = "server_shutdown";
  line["time_us"] = from.micros("E");
  from.emit(events, line);
}

// btcusdt@depth20@100ms shows the whole top of the book, btcusdt@depth its changes.
bool is_partial_depth(std::string_view stream) {
  constexpr std::string_view kMark = "@depth";
  const auto at = stream.find(kMark);
  if (at == std::string_view::npos || at + kMark.size() >= stream.size()) return false;
  const char next = stream[at + kMark.size()];
  return next >= '0' && next <= '9';
}

void decode_depth(const Events& events, const Json& message, std::string_view stream) {
  const auto symbol = text_of(message, "s");
  if (!symbol) return events.error(ErrorCode::corrupt_data, "an order book needs s, a text");
  emit_book(events, *symbol, is_partial_depth(stream) ? "snapshot" : "delta", message);
}

void decode_trade(const Events& events, const Json& message, const TradeKeys& keys) {
  const auto symbol = text_of(message, "s");
  if (!symbol) return events.error(ErrorCode::corrupt_data, "a trade needs s, a text");
  emit_trade(events, *symbol, message, keys);
}

void decode_event(const Events& events, const Json& message, std::string_view stream) {
  const auto kind = text_of(message, "e").value_or("");
  const auto bar = std::ranges::find(kBarEvents, kind, &BarEvent::name);
  if (bar != kBarEvents.end()) return decode_bar(events, message, *bar);
  if (kind == "trade") return decode_trade(events, message, kTradeKeys);
  if (kind == "aggTrade") return decode_trade(events, message, kAggregateKeys);
  if (kind == "depthUpdate") return decode_depth(events, message, stream);
  if (kind == "markPriceUpdate") return decode_mark(events, message);
  if (kind == "24hrTicker" || kind == "24hrMiniTicker") return decode_ticker(events, message);
  if (kind == "forceOrder") return decode_liquidation(events, message);
  if (kind == "serverShutdown") return decode_shutdown(events, message);
  if (kind == "bookTicker" || (!message.contains("e") && message.contains("B") && message.contains("A")))
    return decode_best(events, message);
  events.error(ErrorCode::invalid_argument, fmt::format("event '{}' is not known", kind));
}

// A partial book of spot names its symbol in the stream alone; a snapshot among a recording's messages nowhere.
void decode_snapshot(const Events& events, const Json& message, std::string_view stream) {
  auto symbol = std::string{stream.substr(0, stream.find('@'))};
  std::ranges::transform(symbol, symbol.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  if (symbol.empty()) symbol = text_of(message, "symbol").value_or("");
  if (symbol.empty()) symbol = target_parameter(events.request().target, "symbol");
  emit_book(events, symbol, "snapshot", message);
}

// Answers to requests: {"result":null,"id":1}; errors with and without a wrapper.
void decode_control(const Events& events, const Json& message) {
  const auto& wrapped = member(message, "error");
  const auto& error = wrapped.is_object() ? wrapped : message;
  Fields from{"an answer to a request", message};
  Fields in_error{from, error};
  const bool failed = !message.contains("result");
  auto line = events.begin("control");
  line["event"] = "reply";
  line["success"] = !failed;
  if (failed) line["message"] = fmt::format("code {}: {}", in_error.word("code"), in_error.word("msg"));
  if (const auto id = from.word("id", Need::may); !id.empty()) line["request_id"] = id;
  from.emit(events, line);
}

void decode_message(const Events& events, const Json& message, std::string_view stream) {
  if (message.is_array()) {
    if (message.empty()) return events.error(ErrorCode::corrupt_data, "the message is an empty list");
    for (const auto& each : message) decode_message(events, each, stream);
    return;
  }
  if (!message.is_object()) return events.error(ErrorCode::corrupt_data, "a message is a JSON object");
  // A combined stream wraps its events.
  if (message.contains("stream") && message.contains("data")) {
    const auto name = text_of(message, "stream");
    if (!name) return events.error(ErrorCode::corrupt_data, "a message needs stream, a text");
    return decode_message(events, message["data"], *name);
  }
  if (message.contains("lastUpdateId")) return decode_snapshot(events, message, stream);
  if (message.contains("e") || message.contains("u")) return decode_event(events, message, stream);
  if (message.contains("result") || message.contains("error") || message.contains("code"))
    return decode_control(events, message);
  events.error(ErrorCode::corrupt_data, "a message needs an event or a result");
}

}  // namespace

void decode_ws(const Events& events, const Json& message) { decode_message(events, message, {}); }

}  // namespace tdm::sources::binance
