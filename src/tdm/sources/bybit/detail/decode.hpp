#pragma once

#include <cstdint>
#include <string_view>

#include "tdm/sources/connector.hpp"     // DecodeRequest, LineSink
#include "tdm/sources/decode_lines.hpp"  // Events, Line
#include "tdm/sources/json_text.hpp"     // Json

// What a recording means, one JSON object per event (`tdm decode`). Documents go through the parsers of the connector,
// so what is printed is what would be stored.
namespace tdm::sources::bybit {

void decode(const DecodeRequest& request, std::string_view document, std::int64_t line, const LineSink& sink);

void decode_rest(const Events& events, std::string_view document);
// A kline answer, with its envelope or without.
void decode_klines(const Events& events, std::string_view document);
void decode_ws(const Events& events, const Json& message);

// Shared by both channels. Each writes one line; a field that the event needs and does not have gives an error line.
struct BookTimes {
  Json published, matched;  // ts and cts, as they stood
};
void emit_book(const Events& events, std::string_view market, std::string_view type, const Json& book,
               const BookTimes& times);
void emit_ticker(const Events& events, std::string_view market, std::string_view type, const Json& ticker,
                 const Json& time);

// "Buy" and "Sell" in lower case; null for anything else.
Line side_of(const Json& side);

}  // namespace tdm::sources::bybit
