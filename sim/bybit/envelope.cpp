#include "sim/bybit/envelope.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

namespace tdm::sim::bybit {
namespace {

Answer enveloped(int ret_code, std::string_view message, std::string_view result, TimePoint now) {
  Answer answer;
  answer.code = ret_code;
  answer.reply.headers = {{"Content-Type", "application/json"}};
  answer.reply.body = fmt::format(R"({{"retCode":{},"retMsg":{},"result":{},"retExtInfo":{{}},"time":{}}})", ret_code,
                                  json_string(message), result, to_ms(now));
  return answer;
}

}  // namespace

Answer success(std::string_view result, TimePoint now) { return enveloped(0, "OK", result, now); }

Answer refusal(int ret_code, std::string_view message, TimePoint now) {
  return enveloped(ret_code, message, "{}", now);
}

Answer http_error(int status, std::string_view content_type, std::string body) {
  Answer answer;
  answer.reply.status = status;
  answer.reply.headers = {{"Content-Type", std::string{content_type}}};
  answer.reply.body = std::move(body);
  return answer;
}

Answer server_time(TimePoint now) {
  const std::int64_t us = to_us(now);
  return success(fmt::format(R"({{"timeSecond":"{}","timeNano":"{}000"}})", us / 1'000'000, us), now);
}

Answer not_found() { return http_error(404, "text/plain", "404 page not found"); }

std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace tdm::sim::bybit
