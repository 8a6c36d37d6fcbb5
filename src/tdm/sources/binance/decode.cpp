#include "tdm/sources/binance/detail/decode.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tdm/core/decimal.hpp"                     // Decimal
#include "tdm/sources/binance/detail/protocol.hpp"  // kExchange, find_facts

namespace tdm::sources::binance {
namespace {

bool is_zero(const Line& number) {
  if (!number.is_string()) return false;
  const auto decimal = Decimal::parse(number.get<std::string>());
  return decimal && decimal->is_zero();
}

}  // namespace

const std::vector<BarLength>& bar_lengths() {
  static const auto lengths = [] {
    std::vector<BarLength> all;
    for (const auto timeframe : Timeframe::all()) all.emplace_back(timeframe);
    all.emplace_back("1s", std::chrono::seconds{1}, std::chrono::seconds{1});
    all.emplace_back("3d", std::chrono::days{3}, std::chrono::days{1});  // counted from the symbol's first day
    return all;
  }();
  return lengths;
}

std::optional<BarLength> bar_length(std::string_view interval) {
  const auto found = std::ranges::find(bar_lengths(), interval, &BarLength::name);
  return found == bar_lengths().end() ? std::nullopt : std::optional{*found};
}

std::optional<std::string> perpetual_symbol(std::string_view market, std::string_view pair,
                                            std::string_view contract_type) {
  if (lower(contract_type) != "perpetual" && lower(contract_type) != "tradifi_perpetual") return std::nullopt;
  return fmt::format("{}{}", pair, market == "coinm" ? "_PERP" : "");
}

void emit_book(const Events& events, std::string_view symbol, std::string_view type, const Json& book) {
  const bool update = book.contains("u");  // of a stream; a snapshot has lastUpdateId
  const bool long_names = book.contains("bids") || book.contains("asks");
  Fields from{"an order book", book};
  auto line = events.begin("book", events.request().market, symbol);
  line["type"] = type;
  // Matched where that is said, else when it was sent; a snapshot of spot says neither.
  const auto matched = from.micros("T", Need::may);
  const auto sent = from.micros("E", update ? Need::must : Need::may);
  line["time_us"] = matched.is_null() ? sent : matched;
  line["update_id"] = from.text(update ? "u" : "lastUpdateId");
  if (book.contains("U")) line["first_update_id"] = from.text("U");
  if (book.contains("pu")) line["previous_update_id"] = from.text("pu");
  line["bids"] = from.levels(long_names ? "bids" : "b");
  line["asks"] = from.levels(long_names ? "asks" : "a");
  from.emit(events, line);
}

void emit_trade(const Events& events, std::string_view symbol, const Json& trade, const TradeKeys& keys) {
  Fields from{"a trade", trade};
  auto line = events.begin("trade", events.request().market, symbol);
  line["time_us"] = from.micros(keys.time);
  line["trade_id"] = from.text(keys.id);
  line["price"] = from.number(keys.price);
  line["size"] = from.number(keys.size);
  line["side"] = from.flag(keys.buyer_is_maker) == true ? "sell" : "buy";  // of the taker
  if (trade.contains("X")) line["trade_type"] = from.text("X", Need::may);
  // So Binance marks what was taken back.
  if (is_zero(line["price"]) && is_zero(line["size"])) {
    line["kind"] = "control";
    line["event"] = "void_trade";
  }
  from.emit(events, line);
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
  if (request.channel == "archive") return decode_archive(request, document, line, sink);
  events.error(ErrorCode::invalid_argument,
               fmt::format("binance documents of channel '{}' are not known: rest, ws or archive", request.channel));
}

}  // namespace tdm::sources::binance
