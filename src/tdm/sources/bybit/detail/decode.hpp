#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tdm/sources/bybit/detail/json_text.hpp"  // Json
#include "tdm/sources/connector.hpp"               // DecodeRequest, LineSink

// What a recording means, one JSON object per event (`tdm decode`). Documents go through the parsers of the connector,
// so what is printed is what would be stored.
namespace tdm::sources::bybit {

using Line = nlohmann::ordered_json;  // keys in the order they were written: kind and line first

// Where lines of one document go.
class Events {
 public:
  Events(const DecodeRequest& request, std::int64_t line, const LineSink& sink)
      : request_{request}, line_{line}, sink_{sink} {}

  const DecodeRequest& request() const { return request_; }
  // A line that begins with kind and number; `symbol` empty: an event of no instrument.
  Line begin(std::string_view kind, std::string_view market = {}, std::string_view symbol = {}) const;
  void emit(const Line& line) const;
  void error(ErrorCode code, std::string_view message) const;
  void error(const Error& failure) const { error(failure.code, failure.message); }

 private:
  const DecodeRequest& request_;
  std::int64_t line_;
  const LineSink& sink_;
};

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

// A parameter of the request's target, empty when it is not there: "symbol" of "/v5/market/kline?symbol=BTCUSDT".
std::string_view target_parameter(std::string_view target, std::string_view name);

// The value as JSON text or null: "" is Bybit's "no value".
Line text_or_null(const Json& value);
// "Buy" and "Sell" in lower case; null for anything else.
Line side_of(const Json& side);
// Milliseconds -> integer microseconds, or null.
Line micros_or_null(const Json& value);

}  // namespace tdm::sources::bybit
