#include "sim/deribit/envelope.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sim/detail/random.hpp"

namespace tdm::sim::deribit {
namespace {

constexpr std::uint64_t kDurationKey = 0x75736469;  // one key per purpose

// 9 to 5,240 µs are recorded (§2.2; R: observed_errors, nautilus_trader/http_get_tradingview_chart_data.json).
std::int64_t duration_us(std::uint64_t draw) {
  return 9 + static_cast<std::int64_t>(random_bits(draw, kDurationKey) % 5'232);
}

// R: of a GET there is no id (cryptofeed/DERIBIT.0), on the history host it is null ([O], §2.1).
Answer enveloped(const Call& call, std::string_view key, std::string value) {
  const std::int64_t in = to_us(call.now);
  const std::int64_t took = duration_us(call.draw);
  Members members{{"jsonrpc", R"("2.0")"},          {key, std::move(value)},
                  {"usIn", std::to_string(in)},     {"usOut", std::to_string(in + took)},
                  {"usDiff", std::to_string(took)}, {"testnet", "false"}};
  if (!call.id.empty()) {
    members.emplace_back("id", call.id);
  } else if (call.host == Host::history) {
    members.emplace_back("id", "null");
  }
  Answer answer;
  answer.reply.headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};  // §1
  answer.reply.body = object_text(std::move(members), call.draw);
  return answer;
}

}  // namespace

std::string object_text(Members members, std::uint64_t draw) {
  for (std::size_t i = members.size(); i > 1; --i) std::swap(members[i - 1], members[random_bits(draw, i) % i]);
  std::string text = "{";
  for (const auto& [name, value] : members) {
    text += '"';
    text += name;
    text += "\":";
    text += value;
    text += ',';
  }
  if (members.empty()) return "{}";
  text.back() = '}';
  return text;
}

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Answer success(const Call& call, std::string result) { return enveloped(call, "result", std::move(result)); }

Answer refused(const Call& call, const Refusal& refusal, int status) {
  Members error{{"code", std::to_string(refusal.code)}, {"message", json_text(refusal.message)}};
  if (!refusal.reason.empty()) {
    error.emplace_back(
        "data",
        object_text({{"reason", json_text(refusal.reason)}, {"param", json_text(refusal.parameter)}}, call.draw + 1));
  }
  Answer answer = enveloped(call, "error", object_text(std::move(error), call.draw + 2));
  answer.reply.status = status;
  answer.code = refusal.code;
  return answer;
}

void close_after(Answer& answer) {
  net::ServerReply& reply = answer.reply;
  std::string text = fmt::format("HTTP/1.1 {} Refused\r\n", reply.status);
  for (const auto& [name, value] : reply.headers) text += fmt::format("{}: {}\r\n", name, value);
  text += fmt::format("Content-Length: {}\r\nConnection: close\r\n\r\n{}", reply.body.size(), reply.body);
  reply.raw_bytes = std::move(text);
}

Answer not_found() {
  Answer answer;
  answer.reply.status = 404;
  answer.reply.headers = {{"Content-Type", "text/html"}};
  answer.reply.body = "<html><body>404 Not Found</body></html>\n";
  return answer;
}

}  // namespace tdm::sim::deribit
