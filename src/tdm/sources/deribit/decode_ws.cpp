#include <fmt/format.h>

#include "tdm/sources/deribit/detail/decode.hpp"
#include "tdm/sources/deribit/detail/protocol.hpp"  // timeframe_of

namespace tdm::sources::deribit {
namespace {

// chart.trades.BTC-PERPETUAL.1: the channel alone says instrument and resolution. A message never says that its bar is
// closed: a later one with another tick, or the clock, does.
void decode_bar(const Events& events, std::string_view channel, const Json& data) {
  const auto dot = channel.rfind('.');
  const auto resolution = channel.substr(dot + 1);
  const auto timeframe = timeframe_of(resolution);
  if (!timeframe)
    return events.error(ErrorCode::invalid_argument,
                        fmt::format("bars of resolution '{}' are not on our grid", resolution));
  constexpr std::string_view kPrefix = "chart.trades.";
  if (dot < kPrefix.size())
    return events.error(ErrorCode::corrupt_data, fmt::format("channel '{}' names no instrument", channel));
  const auto tick = text_of(data, "tick");
  const auto open_time = tick ? parse_ms(*tick) : std::nullopt;
  if (!open_time || !timeframe->on_grid(*open_time))
    return events.error(ErrorCode::corrupt_data, fmt::format("a bar needs a tick on the {} grid", timeframe->name()));
  const SentBar bar{channel.substr(kPrefix.size(), dot - kPrefix.size()),
                    *timeframe,
                    *open_time,
                    member(data, "open"),
                    member(data, "high"),
                    member(data, "low"),
                    member(data, "close"),
                    member(data, "volume"),
                    member(data, "cost"),
                    false,
                    "ws"};
  emit_bar(events, bar);
}

void decode_trades(const Events& events, const Json& data) {
  if (!data.is_array() || data.empty())
    return events.error(ErrorCode::corrupt_data, "data of a trades channel is not a list with elements");
  for (const auto& trade : data) emit_trade(events, trade);
}

// A book without a usable previous id is a first image, whatever its type says.
std::string_view book_type(const Json& book) {
  if (member(book, "type") == "snapshot") return "snapshot";
  const auto previous = integer_of(member(book, "prev_change_id"));
  return previous && *previous != 0 ? "change" : "snapshot";
}

void decode_channel(const Events& events, std::string_view channel, const Json& data) {
  if (channel.starts_with("chart.trades.")) return decode_bar(events, channel, data);
  if (channel.starts_with("trades.")) return decode_trades(events, data);
  if (channel.starts_with("book.")) return emit_book(events, data, book_type(data));
  if (channel.starts_with("ticker.") || channel.starts_with("quote.")) return emit_ticker(events, data, "snapshot");
  if (channel.starts_with("incremental_ticker."))
    return emit_ticker(events, data, member(data, "type") == "change" ? "change" : "snapshot");
  events.error(ErrorCode::invalid_argument, fmt::format("channel '{}' is not known", channel));
}

void decode_heartbeat(const Events& events, const Json& message) {
  auto line = events.begin("control");
  line["event"] = text_of(member(message, "params"), "type").value_or("heartbeat");
  events.emit(line);
}

// What a client sent, or an answer to it.
void decode_control(const Events& events, const Json& message) {
  const auto method = text_of(message, "method");
  const auto& error = member(message, "error");
  if (!method && !message.contains("result") && !error.is_object())
    return events.error(ErrorCode::corrupt_data, "a message needs a method, a result or an error");
  auto line = events.begin("control");
  line["event"] = method ? *method : "answer";
  if (const auto id = text_of(message, "id")) line["request_id"] = *id;
  if (!method) line["success"] = !error.is_object();
  if (error.is_object())
    line["message"] =
        fmt::format("error {}: {}", text_of(error, "code").value_or("?"), text_of(error, "message").value_or(""));
  for (const auto* key : {"result", "params"})
    if (message.contains(key)) line["data"] = message[key];
  events.emit(line);
}

}  // namespace

void decode_ws(const Events& events, const Json& message) {
  if (!message.is_object()) return events.error(ErrorCode::corrupt_data, "a message is a JSON object");
  const auto& method = member(message, "method");
  if (method == "heartbeat") return decode_heartbeat(events, message);
  if (method != "subscription") return decode_control(events, message);
  const auto& params = member(message, "params");
  const auto channel = text_of(params, "channel");
  if (!channel) return events.error(ErrorCode::corrupt_data, "a subscription needs a channel");
  decode_channel(events, *channel, member(params, "data"));
}

}  // namespace tdm::sources::deribit
