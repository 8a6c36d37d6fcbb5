#pragma once

#include <cstdint>
#include <expected>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "sim/binance/api.hpp"       // Api
#include "sim/binance/envelope.hpp"  // Refusal
#include "sim/script.hpp"            // BinanceSettings
#include "tdm/core/time.hpp"         // TimePoint
#include "tdm/net/http_server.hpp"   // ServerRequest

namespace tdm::sim::binance {

template <class T>
using Parsed = std::expected<T, Refusal>;

// A parameter of the query; nothing when it was not sent.
std::optional<std::string_view> parameter(const net::ServerRequest& request, std::string_view name);

// Refuses a parameter that the endpoint does not know (-1104), one that was sent twice (-1101) and one without a value
// (-1105). The texts are of errors.md; that an unknown one is refused at all is assumed (§4.5 marks it unverified).
std::optional<Refusal> check_names(const net::ServerRequest& request, std::initializer_list<std::string_view> known);

// Digits only; nothing when the parameter was not sent.
Parsed<std::optional<std::int64_t>> number_parameter(const net::ServerRequest& request, std::string_view name);

// `limit` as the weight is counted by it: 500 when it was not sent or is no number.
std::int64_t limit_of(const net::ServerRequest& request);

// A symbol's spelling: spot refuses lower case and punctuation with -1100 (§4.5, unverified there: assumed), futures
// look it up.
std::optional<Refusal> check_symbol(const Api& api, std::string_view symbol);

// Which klines are asked for: those that open in [first, last], at most `limit`, the oldest of them (`forward`) or the
// newest.
struct Window {
  TimePoint first;
  TimePoint last;
  std::size_t limit = 0;
  bool forward = false;
};
// `anchored_at_end`: the rule of the coin-margined interface (§6.6).
Parsed<Window> window_of(const net::ServerRequest& request, const Api& api, bool anchored_at_end,
                         const BinanceSettings& settings, TimePoint now);

// Whether the client wants microseconds (spot only; §4.1): the header X-MBX-TIME-UNIT.
Parsed<bool> wants_microseconds(const net::ServerRequest& request, const Api& api);

}  // namespace tdm::sim::binance
