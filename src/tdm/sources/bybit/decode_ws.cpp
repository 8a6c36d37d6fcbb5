#include <fmt/format.h>

#include "tdm/sources/bybit/detail/decode.hpp"
#include "tdm/sources/bybit/detail/protocol.hpp"  // timeframe_of
#include "tdm/sources/decode_bars.hpp"            // begin_bar

namespace tdm::sources::bybit {
namespace {

// A message of one topic: "kline.1.BTCUSDT" is kind kline, argument 1, subject BTCUSDT.
struct Message {
  const Events& events;
  const Json& json;
  std::string topic, kind, argument, subject;

  const std::string& market() const { return events.request().market; }
  const Json& data() const { return member(json, "data"); }
  std::string type() const { return text_of(json, "type").value_or(""); }
};

void decode_bar(const Message& message, const Json& row) {
  Fields from{"a bar", row};
  const auto timeframe = timeframe_of(message.argument);
  const auto open_time = from.time("start");
  from.require(timeframe.has_value(), fmt::format("has interval '{}', which is not known", message.argument));
  from.require(!timeframe || !open_time || timeframe->on_grid(*open_time), "has a start that is not on its grid");
  from.require(!message.subject.empty(), "needs a symbol in its topic");
  if (from.failed()) return from.emit(message.events, {});

  const bool inverse = message.market() == "inverse";
  BarMeaning meaning{.market = message.market(), .symbol = message.subject, .channel = "ws"};
  meaning.length.emplace(*timeframe);
  auto line = begin_bar(message.events, meaning, *open_time);
  for (const auto* name : {"open", "high", "low", "close"}) line[name] = from.number(name);
  line["volume"] = from.number(inverse ? "turnover" : "volume");
  line["quote_volume"] = from.number(inverse ? "volume" : "turnover");
  line["trade_count"] = nullptr;
  line["taker_buy_volume"] = nullptr;
  line["taker_buy_quote_volume"] = nullptr;
  line["closed"] = from.flag("confirm");
  line["channel"] = meaning.channel;
  from.emit(message.events, line);
}

void decode_trade(const Message& message, const Json& row) {
  Fields from{"a trade", row};
  // Options of one coin share a topic: the row names the instrument.
  auto line = message.events.begin("trade", message.market(), from.word("s"));
  line["time_us"] = from.micros("T");
  line["trade_id"] = from.text("i");
  line["price"] = from.number("p");
  line["size"] = from.number("v");
  line["side"] = side_of(from, "S");
  line["sequence"] = from.text("seq", Need::may);
  line["block_trade"] = from.flag("BT", Need::may);
  line["rpi_trade"] = from.flag("RPI", Need::may);
  from.emit(message.events, line);
}

void decode_liquidation(const Message& message, const Json& row) {
  Fields from{"a liquidation", row};
  auto line = message.events.begin("control", message.market(), from.word("s"));
  line["event"] = "liquidation";
  line["time_us"] = from.micros("T");
  line["position_side"] = side_of(from, "S");  // of the position that was closed, not of the order
  line["bankruptcy_price"] = from.number("p");
  line["size"] = from.number("v");
  from.emit(message.events, line);
}

using DecodeRow = void (*)(const Message& message, const Json& row);

// A frame may hold several elements: the closing and the new bar, many trades.
void decode_rows(const Message& message, DecodeRow decode_row) {
  if (!message.data().is_array() || message.data().empty())
    return message.events.error(ErrorCode::corrupt_data,
                                fmt::format("{}: data is not a list with elements", message.topic));
  for (const auto& row : message.data()) decode_row(message, row);
}

void decode_topic(const Message& message) {
  if (message.kind == "kline") return decode_rows(message, decode_bar);
  if (message.kind == "publicTrade") return decode_rows(message, decode_trade);
  if (message.kind == "allLiquidation") return decode_rows(message, decode_liquidation);
  if (message.kind == "orderbook")
    return emit_book(message.events, message.market(), message.type(), message.data(), message.json);
  if (message.kind == "tickers")
    return emit_ticker(message.events, message.market(), message.type(), message.data(), message.json, "ts");
  message.events.error(ErrorCode::invalid_argument, fmt::format("topic '{}' is not known", message.topic));
}

// The symbol may hold points of its own, the argument never does.
Message split_topic(const Events& events, const Json& json, std::string topic) {
  Message message{events, json, std::move(topic), {}, {}, {}};
  const std::string_view text = message.topic;
  const auto dot = text.find('.');
  message.kind = text.substr(0, dot);
  if (dot == std::string_view::npos) return message;
  auto rest = text.substr(dot + 1);
  if (message.kind == "kline" || message.kind == "orderbook") {
    const auto second = rest.find('.');
    message.argument = rest.substr(0, second);
    rest = second == std::string_view::npos ? std::string_view{} : rest.substr(second + 1);
  }
  message.subject = rest;
  return message;
}

// Acknowledgements and pongs: the shapes differ by category, and a pong of linear says op "ping".
void decode_control(const Events& events, const Json& json) {
  Fields from{"an answer to a request", json};
  const auto op = from.word("op", Need::may);
  const auto said = from.word("ret_msg", Need::may);
  const auto success = from.flag("success", Need::may);
  const bool pong = op == "pong" || said == "pong";
  if (!pong && !json.contains("success"))
    return events.error(ErrorCode::corrupt_data, "a message needs a topic, or an op and its success");
  auto line = events.begin("control");
  line["event"] = pong ? "pong" : op.empty() ? "subscribe" : op;
  line["success"] = pong && success.is_null() ? Line(true) : success;
  if (!said.empty() && !pong) line["message"] = said;
  if (const auto id = from.word("req_id", Need::may); !id.empty()) line["request_id"] = id;
  if (const auto& data = member(json, "data"); data.is_object()) line["data"] = data;
  from.emit(events, line);
}

}  // namespace

void decode_ws(const Events& events, const Json& json) {
  if (!json.is_object()) return events.error(ErrorCode::corrupt_data, "a message is a JSON object");
  const auto topic = text_of(json, "topic");
  topic ? decode_topic(split_topic(events, json, *topic)) : decode_control(events, json);
}

}  // namespace tdm::sources::bybit
