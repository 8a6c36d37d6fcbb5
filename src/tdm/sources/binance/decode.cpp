#include "tdm/sources/binance/detail/decode.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "tdm/sources/binance/detail/protocol.hpp"  // kExchange, find_facts

namespace tdm::sources::binance {
namespace {

bool is_level(const Json& level) {
  return level.is_array() && level.size() >= 2 && text_of(level[0]) && text_of(level[1]);
}

// [["price","size"],...]; nothing when a level is none.
std::optional<Line> levels_of(const Json& side) {
  if (!side.is_array() || !std::ranges::all_of(side, is_level)) return std::nullopt;
  auto levels = Line::array();
  for (const auto& level : side) levels.push_back({*text_of(level[0]), *text_of(level[1])});
  return levels;
}

const Json& first_of(const Json& parent, std::string_view key, std::string_view otherwise) {
  const auto& value = member(parent, key);
  return value.is_null() ? member(parent, otherwise) : value;
}

}  // namespace

void emit_book(const Events& events, std::string_view symbol, std::string_view type, const Json& book,
               const Json& time_ms) {
  const auto bids = levels_of(first_of(book, "bids", "b"));
  const auto asks = levels_of(first_of(book, "asks", "a"));
  if (!bids || !asks)
    return events.error(ErrorCode::corrupt_data, "an order book needs bids and asks with [price, size] levels");
  if (symbol.empty()) return events.error(ErrorCode::invalid_argument, "the symbol is not stated: give the request");
  auto line = events.begin("book", events.request().market, symbol);
  line["type"] = type;
  line["time_us"] = micros_or_null(time_ms);
  line["update_id"] = text_or_null(first_of(book, "lastUpdateId", "u"));
  if (book.contains("U")) line["first_update_id"] = text_or_null(book["U"]);
  if (book.contains("pu")) line["previous_update_id"] = text_or_null(book["pu"]);
  line["bids"] = *bids;
  line["asks"] = *asks;
  events.emit(line);
}

void emit_trade(const Events& events, std::string_view symbol, const Json& trade, const TradeKeys& keys) {
  const auto time = micros_or_null(member(trade, keys.time));
  const auto price = text_or_null(member(trade, keys.price));
  const auto& maker = member(trade, keys.buyer_is_maker);
  if (time.is_null() || price.is_null() || !maker.is_boolean())
    return events.error(ErrorCode::corrupt_data,
                        fmt::format("a trade needs {}, {} and {}", keys.time, keys.price, keys.buyer_is_maker));
  if (symbol.empty()) return events.error(ErrorCode::invalid_argument, "the symbol is not stated: give the request");
  auto line = events.begin("trade", events.request().market, symbol);
  line["time_us"] = time;
  line["trade_id"] = text_or_null(member(trade, keys.id));
  line["price"] = price;
  line["size"] = text_or_null(member(trade, keys.size));
  line["side"] = maker.get<bool>() ? "sell" : "buy";  // of the taker
  if (const auto kind = text_of(trade, "X")) line["trade_type"] = *kind;
  events.emit(line);
}

void decode(const DecodeRequest& request, std::string_view document, std::int64_t line, const LineSink& sink) {
  const Events events{kExchange, request, line, sink};
  if (find_facts(request.market) == nullptr)
    return events.error(ErrorCode::invalid_argument,
                        fmt::format("binance has no market '{}': spot, usdm or coinm", request.market));
  if (request.channel == "rest") return decode_rest(events, document);
  if (request.channel == "ws") {
    const auto message = parse_json(document);
    return message ? decode_ws(events, *message) : events.error(message.error());
  }
  if (request.channel == "archive") return decode_archive(request, document, sink);
  events.error(ErrorCode::invalid_argument,
               fmt::format("binance documents of channel '{}' are not known: rest, ws or archive", request.channel));
}

}  // namespace tdm::sources::binance
