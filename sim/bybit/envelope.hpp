#pragma once

#include <string>
#include <string_view>

#include "sim/exchange.hpp"   // Answer
#include "tdm/core/time.hpp"  // TimePoint

namespace tdm::sim::bybit {

// {"retCode":0,"retMsg":"OK","result":RESULT,"retExtInfo":{},"time":NOW}: what every answer of Bybit is wrapped in.
Answer success(std::string_view result, TimePoint now);
// The same with an error of Bybit's own: HTTP 200, an empty result.
Answer refusal(int ret_code, std::string_view message, TimePoint now);
// An error below Bybit's envelope.
Answer http_error(int status, std::string_view content_type, std::string body);

// GET /v5/market/time.
Answer server_time(TimePoint now);
// A path that Bybit does not have, or a category that is not served there.
Answer not_found();

// `text` with quotes around it, as JSON demands.
std::string json_string(std::string_view text);

}  // namespace tdm::sim::bybit
