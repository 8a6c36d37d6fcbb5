#include <fmt/format.h>

#include "tdm/core/decimal.hpp"  // Decimal
#include "tdm/sources/bybit/detail/decode.hpp"
#include "tdm/sources/bybit/detail/protocol.hpp"  // timeframe_of

namespace tdm::sources::bybit {
namespace {

// A message of one topic: "kline.1.BTCUSDT" is kind kline, argument 1, subject BTCUSDT.
struct Message {
  const Events& events;
  const Json& json;
  std::string topic, kind, argument, subject;

  const std::string& market() const { return events.request().market; }
  const Json& data() const { return member(json, "data"); }
  std::string type() const { return text_of(json, "type").value_or("snapshot"); }
};

void decode_bar(const Message& message, const Json& row) {
  const auto timeframe = timeframe_of(message.argument);
  if (!timeframe)
    return message.events.error(ErrorCode::corrupt_data, fmt::format("interval '{}' is not known", message.argument));
  const auto start = text_of(row, "start");
  const auto open_time = start ? parse_ms(*start) : std::nullopt;
  const auto& confirm = member(row, "confirm");
  if (!open_time || !confirm.is_boolean())
    return message.events.error(ErrorCode::corrupt_data, "a bar needs start and confirm");
  for (const auto* name : {"open", "high", "low", "close"}) {
    const auto text = text_of(row, name);
    if (!text || !Decimal::parse(*text))
      return message.events.error(ErrorCode::corrupt_data, fmt::format("{} is missing or not a number", name));
  }
  const bool inverse = message.market() == "inverse";
  auto line = message.events.begin("bar", message.market(), message.subject);
  line["price_kind"] = "last";
  line["timeframe"] = timeframe->name();
  line["open_time"] = to_ms(*open_time);
  line["close_time"] = to_ms(timeframe->close_of(*open_time));
  for (const auto* name : {"open", "high", "low", "close"}) line[name] = text_or_null(member(row, name));
  line["volume"] = text_or_null(member(row, inverse ? "turnover" : "volume"));
  line["quote_volume"] = text_or_null(member(row, inverse ? "volume" : "turnover"));
  line["trade_count"] = nullptr;
  line["taker_buy_volume"] = nullptr;
  line["taker_buy_quote_volume"] = nullptr;
  line["closed"] = confirm.get<bool>();
  line["channel"] = "ws";
  message.events.emit(line);
}

void decode_trade(const Message& message, const Json& row) {
  const auto time = micros_or_null(member(row, "T"));
  const auto price = text_or_null(member(row, "p"));
  if (time.is_null() || price.is_null()) return message.events.error(ErrorCode::corrupt_data, "a trade needs T and p");
  // Options of one coin share a topic: the row names the instrument.
  auto line = message.events.begin("trade", message.market(), text_of(row, "s").value_or(message.subject));
  line["time_us"] = time;
  line["trade_id"] = text_or_null(member(row, "i"));
  line["price"] = price;
  line["size"] = text_or_null(member(row, "v"));
  line["side"] = side_of(member(row, "S"));
  line["sequence"] = text_or_null(member(row, "seq"));
  line["block_trade"] = member(row, "BT");
  line["rpi_trade"] = member(row, "RPI");
  message.events.emit(line);
}

void decode_liquidation(const Message& message, const Json& row) {
  auto line = message.events.begin("control", message.market(), text_of(row, "s").value_or(message.subject));
  line["event"] = "liquidation";
  line["time_us"] = micros_or_null(member(row, "T"));
  line["position_side"] = side_of(member(row, "S"));  // of the position that was closed, not of the order
  line["bankruptcy_price"] = text_or_null(member(row, "p"));
  line["size"] = text_or_null(member(row, "v"));
  message.events.emit(line);
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
    return emit_book(message.events, message.market(), message.type(), message.data(),
                     {member(message.json, "ts"), member(message.json, "cts")});
  if (message.kind == "tickers")
    return emit_ticker(message.events, message.market(), message.type(), message.data(), member(message.json, "ts"));
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
  const auto op = text_of(json, "op").value_or("");
  const auto said = text_of(json, "ret_msg").value_or("");
  const bool pong = op == "pong" || said == "pong";
  if (!pong && !json.contains("success"))
    return events.error(ErrorCode::corrupt_data, "a message needs a topic or an op");
  auto line = events.begin("control");
  line["event"] = pong ? "pong" : op.empty() ? "subscribe" : op;
  line["success"] = pong && !json.contains("success") ? Json(true) : member(json, "success");
  if (!said.empty() && !pong) line["message"] = said;
  if (const auto id = text_of(json, "req_id")) line["request_id"] = *id;
  if (const auto& data = member(json, "data"); data.is_object()) line["data"] = data;
  events.emit(line);
}

}  // namespace

void decode_ws(const Events& events, const Json& json) {
  if (!json.is_object()) return events.error(ErrorCode::corrupt_data, "a message is a JSON object");
  const auto topic = text_of(json, "topic");
  topic ? decode_topic(split_topic(events, json, *topic)) : decode_control(events, json);
}

}  // namespace tdm::sources::bybit
