#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "tdm/core/instrument.hpp"    // Instrument
#include "tdm/sources/connector.hpp"  // DecodeRequest, LineSink
#include "tdm/sources/json_text.hpp"  // Json

// What the decoders of all exchanges write alike (`tdm decode`): one JSON object per event.
namespace tdm::sources {

using Line = nlohmann::ordered_json;  // keys in the order they were written: kind and line first

// Where lines of one document go.
class Events {
 public:
  Events(std::string_view exchange, const DecodeRequest& request, std::int64_t line, const LineSink& sink)
      : exchange_{exchange}, request_{request}, line_{line}, sink_{sink} {}

  const DecodeRequest& request() const { return request_; }
  // A line that begins with kind and number, of no instrument.
  Line begin(std::string_view kind) const;
  // The same of an instrument; a market or symbol that nobody says is null.
  Line begin(std::string_view kind, std::string_view market, std::string_view symbol) const;
  void emit(const Line& line) const;
  void error(ErrorCode code, std::string_view message) const;
  void error(const Error& failure) const { error(failure.code, failure.message); }

 private:
  std::string_view exchange_;
  const DecodeRequest& request_;
  std::int64_t line_;
  const LineSink& sink_;
};

void emit_instrument(const Events& events, const Instrument& instrument);

// Of the request's target: "/v5/market/kline" and, when it is there, "symbol" of "/v5/market/kline?symbol=BTCUSDT".
std::string_view target_path(std::string_view target);
std::string_view target_parameter(std::string_view target, std::string_view name);

// The value as JSON text or null: "" is how exchanges say "no value".
Line text_or_null(const Json& value);
// Milliseconds -> integer microseconds, or null.
Line micros_or_null(const Json& value);

}  // namespace tdm::sources
