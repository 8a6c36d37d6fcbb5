#include "tdm/sources/bybit/detail/decode.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "tdm/sources/bybit/detail/protocol.hpp"  // kExchange

namespace tdm::sources::bybit {
namespace {

// Bybit's names on both channels -> ours. Options are spelled differently on REST and on the stream.
constexpr std::array<std::pair<std::string_view, std::string_view>, 24> kTickerFields{
    {{"lastPrice", "last_price"},
     {"markPrice", "mark_price"},
     {"indexPrice", "index_price"},
     {"bid1Price", "bid_price"},
     {"bid1Size", "bid_size"},
     {"ask1Price", "ask_price"},
     {"ask1Size", "ask_size"},
     {"bidPrice", "bid_price"},
     {"bidSize", "bid_size"},
     {"askPrice", "ask_price"},
     {"askSize", "ask_size"},
     {"markIv", "mark_iv"},
     {"markPriceIv", "mark_iv"},
     {"fundingRate", "funding_rate"},
     {"nextFundingTime", "next_funding_time"},
     {"openInterest", "open_interest"},
     {"openInterestValue", "open_interest_value"},
     {"singleOpenInterest", "single_open_interest"},
     {"highPrice24h", "high_24h"},
     {"lowPrice24h", "low_24h"},
     {"prevPrice24h", "previous_price_24h"},
     {"price24hPcnt", "change_24h"},
     {"volume24h", "volume_24h"},
     {"turnover24h", "quote_volume_24h"}}};

std::string_view ticker_name(std::string_view key, bool inverse) {
  // Inverse counts volume in USD and turnover in coins.
  if (inverse && key == "volume24h") return "quote_volume_24h";
  if (inverse && key == "turnover24h") return "volume_24h";
  for (const auto& [theirs, ours] : kTickerFields)
    if (theirs == key) return ours;
  return {};
}

bool is_level(const Json& level) {
  return level.is_array() && level.size() >= 2 && text_of(level[0]) && text_of(level[1]);
}

// [["price","size"],...]; nothing when a level is none.
std::optional<Line> levels_of(const Json& side) {
  if (!side.is_array()) return std::nullopt;
  auto levels = Line::array();
  for (const auto& level : side) {
    if (!is_level(level)) return std::nullopt;
    levels.push_back({*text_of(level[0]), *text_of(level[1])});
  }
  return levels;
}

}  // namespace

Line side_of(const Json& side) {
  if (side == "Buy") return "buy";
  if (side == "Sell") return "sell";
  return nullptr;
}

void emit_book(const Events& events, std::string_view market, std::string_view type, const Json& book,
               const BookTimes& times) {
  const auto symbol = text_of(book, "s");
  const auto bids = levels_of(member(book, "b"));
  const auto asks = levels_of(member(book, "a"));
  if (!symbol || !bids || !asks)
    return events.error(ErrorCode::corrupt_data, "an order book needs s, b and a with [price, size] levels");
  auto line = events.begin("book", market, *symbol);
  line["type"] = type;
  const auto matched = micros_or_null(times.matched);
  line["time_us"] = matched.is_null() ? micros_or_null(times.published) : matched;
  line["published_us"] = micros_or_null(times.published);
  line["update_id"] = member(book, "u");
  line["sequence"] = member(book, "seq");
  line["bids"] = *bids;
  line["asks"] = *asks;
  events.emit(line);
}

void emit_ticker(const Events& events, std::string_view market, std::string_view type, const Json& ticker,
                 const Json& time) {
  const auto symbol = text_of(ticker, "symbol");
  if (!symbol) return events.error(ErrorCode::corrupt_data, "a ticker needs a symbol");
  auto line = events.begin("ticker", market, *symbol);
  line["type"] = type;
  line["time_us"] = micros_or_null(time);
  auto other = Line::object();
  for (const auto& [key, value] : ticker.items()) {
    if (key == "symbol") continue;
    const auto name = ticker_name(key, market == "inverse");
    if (name.empty()) {
      other[key] = value;
    } else {
      line[std::string{name}] = text_or_null(value);
    }
  }
  if (!other.empty()) line["other"] = std::move(other);
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
               fmt::format("bybit documents of channel '{}' are not known: rest or ws", request.channel));
}

}  // namespace tdm::sources::bybit
