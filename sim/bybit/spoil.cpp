#include "sim/bybit/spoil.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <string>

#include "sim/bybit/envelope.hpp"
#include "sim/spoil_page.hpp"

namespace tdm::sim::bybit {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::milliseconds;

constexpr std::array<std::string_view, 7> kColumns = {"open_time", "open",   "high",    "low",
                                                      "close",     "volume", "turnover"};

// The rows of a page, or nothing.
Json* rows_of(Json& body) {
  const auto result = body.find("result");
  if (result == body.end() || !result->is_object()) return nullptr;
  const auto list = result->find("list");
  return list != result->end() && list->is_array() ? &*list : nullptr;
}

std::string_view usual_message(int code) {
  switch (code) {
    case 10'000: return "Server Timeout";
    case 10'006: return "Too many visits. Exceeded the API Rate Limit.";
    case 10'016: return "Server error.";
    default: return "error";
  }
}

void refuse(Answer& answer, const CodeFault& fault, TimePoint now) {
  answer = refusal(fault.code, fault.message.empty() ? usual_message(fault.code) : fault.message, now);
  if (fault.reset == CodeFault::Reset::absent) return;
  const milliseconds wait = fault.reset == CodeFault::Reset::soon ? milliseconds{300} : milliseconds{-10'000};
  answer.reply.headers.emplace_back("X-Bapi-Limit", "10");
  answer.reply.headers.emplace_back("X-Bapi-Limit-Status", "0");
  answer.reply.headers.emplace_back("X-Bapi-Limit-Reset-Timestamp", std::to_string(to_ms(now + wait)));
}

}  // namespace

bool spoil(Answer& answer, const Fault& fault, TimePoint now) {
  if (const auto* code = std::get_if<CodeFault>(&fault)) {
    refuse(answer, *code, now);
    return true;
  }
  return spoil_page(answer, fault, {.rows = rows_of, .columns = kColumns});
}

}  // namespace tdm::sim::bybit
