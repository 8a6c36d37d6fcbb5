#pragma once

#include <cstdint>
#include <string_view>

#include "tdm/sources/connector.hpp"      // DecodeRequest, LineSink
#include "tdm/sources/decode_fields.hpp"  // Events, Fields, Line

// What a recording means, one JSON object per event (`tdm decode`). Documents go through the parsers of the connector,
// so what is printed is what would be stored.
namespace tdm::sources::bybit {

void decode(const DecodeRequest& request, std::string_view document, std::int64_t line, const LineSink& sink);

void decode_rest(const Events& events, std::string_view document);
// A kline answer, with its envelope or without.
void decode_klines(const Events& events, std::string_view document);
void decode_ws(const Events& events, const Json& message);

// One of Bybit's categories, or empty: then the document or the request's target may say it.
bool is_recorded_market(std::string_view market);

// Shared by both channels; each writes one line. `times` holds ts and cts of the book, `time` is when a ticker was read
// and stands under `key`.
void emit_book(const Events& events, std::string_view market, std::string_view type, const Json& book,
               const Json& times);
void emit_ticker(const Events& events, std::string_view market, std::string_view type, const Json& ticker,
                 const Json& message, std::string_view time_key);

// "Buy" and "Sell" in lower case; anything else is a problem.
Line side_of(Fields& from, std::string_view key);

}  // namespace tdm::sources::bybit
