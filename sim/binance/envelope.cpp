#include "sim/binance/envelope.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

namespace tdm::sim::binance {

Answer success(std::string body) {
  Answer answer;
  answer.reply.headers = {{"Content-Type", "application/json;charset=UTF-8"}};
  answer.reply.body = std::move(body);
  return answer;
}

Answer refused(const Refusal& refusal) {
  Answer answer = success(nlohmann::ordered_json{{"code", refusal.code}, {"msg", refusal.message}}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace));
  answer.reply.status = refusal.status;
  answer.code = refusal.code;
  return answer;
}

Answer not_found() {
  Answer answer;
  answer.reply.status = 404;
  answer.reply.headers = {{"Content-Type", "text/plain"}};
  answer.reply.body = "404 Not Found";
  return answer;
}

Refusal missing_parameter(std::string_view name) {
  return {-1102, fmt::format("Mandatory parameter '{}' was not sent, was empty/null, or malformed.", name)};
}

Refusal invalid_parameter(std::string_view name) {
  return {-1130, fmt::format("Data sent for parameter '{}' is not valid.", name)};
}

Refusal invalid_symbol() { return {-1121, "Invalid symbol."}; }

}  // namespace tdm::sim::binance
