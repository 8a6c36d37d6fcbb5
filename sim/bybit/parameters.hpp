#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "tdm/core/error.hpp"       // Result
#include "tdm/core/time.hpp"        // TimePoint
#include "tdm/net/http_server.hpp"  // ServerRequest

namespace tdm::sim::bybit {

// A parameter of the query; empty when it was not sent. Names that Bybit does not know are ignored, as it does.
std::string_view parameter(const net::ServerRequest& request, std::string_view name);

// A whole number; `otherwise` when the parameter was not sent, nothing when it is no number.
std::optional<std::int64_t> number_parameter(const net::ServerRequest& request, std::string_view name,
                                             std::int64_t otherwise);

// `limit`: above the most it is clamped, below 1 or no number it is refused (nothing).
std::optional<std::size_t> limit_parameter(const net::ServerRequest& request, std::int64_t otherwise,
                                           std::int64_t most);

// Which candles a request of the kline family asks for: from the one that contains `start` to the last that opens by
// `last`, at most `limit`, the oldest of them when only `start` was sent (`forward`), else the newest.
struct KlineWindow {
  TimePoint start;
  TimePoint last;
  std::size_t limit = 0;
  bool forward = false;
};
// The message of an error is Bybit's retMsg.
Result<KlineWindow> kline_window(const net::ServerRequest& request, TimePoint now);

}  // namespace tdm::sim::bybit
