#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tdm/sources/binance/detail/kline.hpp"  // KlineRow
#include "tdm/sources/connector.hpp"             // DecodeRequest, LineSink
#include "tdm/sources/decode_lines.hpp"          // Events, Line
#include "tdm/sources/json_text.hpp"             // Json

// What a recording means, one JSON object per event (`tdm decode`). Documents go through the parsers of the connector,
// so what is printed is what would be stored.
namespace tdm::sources::binance {

void decode(const DecodeRequest& request, std::string_view document, std::int64_t line, const LineSink& sink);

void decode_rest(const Events& events, std::string_view document);
// An array of bars.
void decode_klines(const Events& events, std::string_view document);
void decode_ws(const Events& events, const Json& message);
// A file of the public archives: the zip file, or the CSV file in it, whose name then is the request's target.
void decode_archive(const DecodeRequest& request, std::string_view file, const LineSink& sink);

// A field that a bar cannot do without and that is not a number.
std::optional<std::string> problem_of(const KlineRow& row);
struct BarMeaning {
  Series series;
  bool timeframe_assumed = false;
};
void emit_bar(const Events& events, const BarMeaning& meaning, const KlineRow& row, bool closed);

// Shared by both channels. Each writes one line; a field that the event needs and does not have gives an error line.
void emit_book(const Events& events, std::string_view symbol, std::string_view type, const Json& book,
               const Json& time_ms);
// The keys of a trade differ between REST, its aggregates and the streams.
struct TradeKeys {
  std::string_view id, price, size, time, buyer_is_maker;
};
void emit_trade(const Events& events, std::string_view symbol, const Json& trade, const TradeKeys& keys);

}  // namespace tdm::sources::binance
