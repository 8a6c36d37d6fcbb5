#include "tdm/sources/deribit/detail/decode.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "tdm/core/decimal.hpp"                     // Decimal
#include "tdm/sources/deribit/detail/protocol.hpp"  // kExchange

namespace tdm::sources::deribit {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 13> kTickerFields{
    {{"last_price", "last_price"},
     {"mark_price", "mark_price"},
     {"index_price", "index_price"},
     {"best_bid_price", "bid_price"},
     {"best_bid_amount", "bid_size"},
     {"best_ask_price", "ask_price"},
     {"best_ask_amount", "ask_size"},
     {"mark_iv", "mark_iv"},
     {"bid_iv", "bid_iv"},
     {"ask_iv", "ask_iv"},
     {"current_funding", "funding_rate"},
     {"funding_8h", "funding_8h"},
     {"open_interest", "open_interest"}}};

std::string_view ticker_name(std::string_view key) {
  for (const auto& [theirs, ours] : kTickerFields)
    if (theirs == key) return ours;
  return {};
}

// buy and sell; null for anything else.
Line side_of(const Json& direction) {
  return direction == "buy" || direction == "sell" ? Line(direction.get<std::string>()) : Line(nullptr);
}

}  // namespace

void emit_bar(const Events& events, const SentBar& bar) {
  const std::array<std::pair<std::string_view, const Json*>, 4> prices{
      {{"open", &bar.open}, {"high", &bar.high}, {"low", &bar.low}, {"close", &bar.close}}};
  for (const auto& [name, value] : prices) {
    const auto text = text_of(*value);
    if (!text || !Decimal::parse(*text))
      return events.error(ErrorCode::corrupt_data,
                          fmt::format("{} of the bar at {} is missing or not a number", name, to_iso(bar.open_time)));
  }
  auto line = events.begin("bar", events.request().market, bar.symbol);
  line["price_kind"] = "last";
  line["timeframe"] = bar.timeframe.name();
  line["open_time"] = to_ms(bar.open_time);
  line["close_time"] = to_ms(bar.timeframe.close_of(bar.open_time));
  for (const auto& [name, value] : prices) line[std::string{name}] = text_or_null(*value);
  line["volume"] = text_or_null(bar.volume);
  line["quote_volume"] = text_or_null(bar.cost);
  line["trade_count"] = nullptr;
  line["taker_buy_volume"] = nullptr;
  line["taker_buy_quote_volume"] = nullptr;
  line["closed"] = bar.closed;
  line["channel"] = bar.channel;
  if (bar.timeframe_assumed) line["assumed"] = Line::array({"timeframe"});
  events.emit(line);
}

void emit_trade(const Events& events, const Json& trade) {
  const auto symbol = text_of(trade, "instrument_name");
  const auto time = micros_or_null(member(trade, "timestamp"));
  const auto price = text_or_null(member(trade, "price"));
  if (!symbol || time.is_null() || price.is_null())
    return events.error(ErrorCode::corrupt_data, "a trade needs instrument_name, timestamp and price");
  auto line = events.begin("trade", events.request().market, *symbol);
  line["time_us"] = time;
  line["trade_id"] = text_or_null(member(trade, "trade_id"));
  line["price"] = price;
  line["size"] = text_or_null(member(trade, "amount"));  // USD on inverse futures, else base coin
  line["side"] = side_of(member(trade, "direction"));
  line["sequence"] = text_or_null(member(trade, "trade_seq"));
  line["block_trade"] = trade.contains("block_trade_id") && !trade["block_trade_id"].is_null();
  for (const auto* key : {"iv", "liquidation", "combo_id"})
    if (trade.contains(key)) line[key] = text_or_null(trade[key]);
  events.emit(line);
}

void emit_ticker(const Events& events, const Json& ticker, std::string_view type) {
  const auto symbol = text_of(ticker, "instrument_name");
  if (!symbol) return events.error(ErrorCode::corrupt_data, "a ticker needs an instrument_name");
  auto line = events.begin("ticker", events.request().market, *symbol);
  line["type"] = type;
  line["time_us"] = micros_or_null(member(ticker, "timestamp"));
  auto other = Line::object();
  for (const auto& [key, value] : ticker.items()) {
    if (key == "instrument_name" || key == "timestamp" || key == "type") continue;
    const auto name = ticker_name(key);
    if (name.empty()) {
      other[key] = value;
    } else {
      line[std::string{name}] = text_or_null(value);
    }
  }
  if (!other.empty()) line["other"] = std::move(other);
  events.emit(line);
}

// Named, with where it belongs in the sequence; its levels stay as they were sent.
void emit_book(const Events& events, const Json& book, std::string_view type) {
  const auto symbol = text_of(book, "instrument_name");
  if (!symbol || !member(book, "bids").is_array() || !member(book, "asks").is_array())
    return events.error(ErrorCode::corrupt_data, "an order book needs instrument_name, bids and asks");
  auto line = events.begin("book", events.request().market, *symbol);
  line["type"] = type;
  line["time_us"] = micros_or_null(member(book, "timestamp"));
  line["change_id"] = text_or_null(member(book, "change_id"));
  line["previous_change_id"] = text_or_null(member(book, "prev_change_id"));
  line["bids"] = book["bids"];
  line["asks"] = book["asks"];
  events.emit(line);
}

void decode(const DecodeRequest& request, std::string_view document, std::int64_t line, const LineSink& sink) {
  const Events events{kExchange, request, line, sink};
  if (request.channel == "rest") return decode_rest(events, document);
  if (request.channel == "ws") {
    const auto message = parse_json(document);
    return message ? decode_ws(events, *message) : events.error(message.error());
  }
  events.error(ErrorCode::invalid_argument,
               fmt::format("deribit documents of channel '{}' are not known: rest or ws", request.channel));
}

}  // namespace tdm::sources::deribit
