#pragma once

#include <string_view>

#include "tdm/sources/connector.hpp"     // DecodeRequest, LineSink
#include "tdm/sources/decode_lines.hpp"  // Events
#include "tdm/sources/json_text.hpp"     // Json

// What a recording means, one JSON object per event (`tdm decode`). Documents go through the parsers of the connector,
// so what is printed is what would be stored.
namespace tdm::sources::deribit {

void decode(const DecodeRequest& request, std::string_view document, std::int64_t line, const LineSink& sink);

void decode_rest(const Events& events, std::string_view document);
// An answer of get_tradingview_chart_data, with its envelope or without.
void decode_chart(const Events& events, std::string_view document);
void decode_ws(const Events& events, const Json& message);

// One bar; `text` of a field that a bar cannot do without gives an error line when it is no number.
struct SentBar {
  std::string_view symbol;
  Timeframe timeframe;
  TimePoint open_time;
  Json open, high, low, close, volume, cost;
  bool closed;
  std::string_view channel;
  bool timeframe_assumed = false;
};
void emit_bar(const Events& events, const SentBar& bar);

// Shared by both channels.
void emit_trade(const Events& events, const Json& trade);
void emit_ticker(const Events& events, const Json& ticker, std::string_view type);
void emit_book(const Events& events, const Json& book, std::string_view type);

}  // namespace tdm::sources::deribit
