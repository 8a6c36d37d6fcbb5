#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sim/exchange.hpp"  // Answer

namespace tdm::sim::binance {

// A fault of the request or of the exchange, as Binance words it: {"code":-1121,"msg":"Invalid symbol."}.
struct Refusal {
  int code = 0;
  std::string message;
  int status = 400;  // all parameter faults (§4.5)
};

// A right answer: Binance has no envelope, the body is the result (R: nautilus/http_spot_market_time.json).
Answer success(std::string body);
Answer refused(const Refusal& refusal);
// An unknown path. HTML only for who asks for it (§4.4); the text is assumed.
Answer not_found();

// Refusals of several endpoints.
Refusal missing_parameter(std::string_view name);
Refusal invalid_parameter(std::string_view name);
Refusal invalid_symbol();

}  // namespace tdm::sim::binance
