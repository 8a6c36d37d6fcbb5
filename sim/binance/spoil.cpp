#include "sim/binance/spoil.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string_view>

#include "sim/binance/envelope.hpp"
#include "sim/spoil_page.hpp"

namespace tdm::sim::binance {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 12> kColumns = {
    "open_time",        "open",  "high", "low", "close", "volume", "close_time", "turnover", "trades", "buy_volume",
    "buy_quote_volume", "ignore"};
constexpr std::int64_t kUsualBan = 120;  // seconds

// A page of klines is an array of rows and nothing around it; of instruments there is a list.
Json* rows_of(Json& body) {
  if (body.is_array()) return &body;
  if (!body.is_object()) return nullptr;
  const auto symbols = body.find("symbols");
  return symbols != body.end() && symbols->is_array() ? &*symbols : nullptr;
}

// §4.4, §4.5: who is to blame for a code. All faults of parameters are 400.
int status_of(int code) {
  switch (code) {
    case -1003: return 429;
    case -1000:
    case -1001: return 500;
    case -1006:
    case -1007: return 504;
    case -1008:
    case -1016: return 503;
    default: return 400;
  }
}

std::string_view usual_message(int code) {
  switch (code) {
    case -1000: return "An unknown error occurred while processing the request.";
    case -1001: return "Internal error; unable to process your request. Please try again.";
    case -1003: return "Too many requests queued.";
    case -1007:
      return "Timeout waiting for response from backend server. Send status unknown; execution status unknown.";
    case -1008: return "Server is currently overloaded with other requests. Please try again in a few minutes.";
    case -1016: return "This service is no longer available.";
    case -1120: return "Invalid interval.";
    case -1121: return "Invalid symbol.";
    default: return "error";
  }
}

void refuse(Answer& answer, const CodeFault& fault) {
  answer = refused({.code = fault.code,
                    .message = fault.message.empty() ? std::string{usual_message(fault.code)} : fault.message,
                    .status = status_of(fault.code)});
  if (fault.reset == CodeFault::Reset::absent) return;
  answer.reply.headers.emplace_back("Retry-After", fault.reset == CodeFault::Reset::soon ? "1" : "0");
}

std::int64_t ban_seconds(const StatusFault& fault) {
  std::int64_t seconds = 0;
  const std::string text = fault.retry_after.value_or("");
  const auto read = std::from_chars(text.data(), text.data() + text.size(), seconds);
  return read.ec == std::errc{} ? seconds : kUsualBan;
}

Refusal refusal_of(const StatusFault& fault, TimePoint now) {
  switch (fault.status) {
    case 418:
      return {-1003,
              fmt::format("Way too much request weight used; IP banned until {}. Please use WebSocket Streams for "
                          "live updates to avoid bans.",
                          to_ms(now + std::chrono::seconds{ban_seconds(fault)}))};
    case 429: return {-1003, "Too many requests queued."};
    case 451:
      return {0,
              "Service unavailable from a restricted location according to 'b. Eligibility' in "
              "https://www.binance.com/en/terms. Please contact customer service if you believe you received this "
              "message in error."};
    case 503: return {-1008, std::string{usual_message(-1008)}};
    default: return {-1000, std::string{usual_message(-1000)}};
  }
}

}  // namespace

bool spoil(Answer& answer, const Fault& fault, TimePoint) {
  if (const auto* code = std::get_if<CodeFault>(&fault)) {
    refuse(answer, *code);
    return true;
  }
  return spoil_page(answer, fault, {.rows = rows_of, .columns = kColumns, .newest_first = false});
}

std::string error_body(const StatusFault& fault, TimePoint now) { return refused(refusal_of(fault, now)).reply.body; }

}  // namespace tdm::sim::binance
