#include "sim/deribit/deribit.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "sim/deribit/chart.hpp"
#include "sim/deribit/envelope.hpp"
#include "sim/deribit/instruments.hpp"
#include "sim/deribit/spoil.hpp"
#include "sim/detail/random.hpp"

namespace tdm::sim::deribit {
namespace {

// Methods that want a WebSocket (§2.4: 10030; §7).
constexpr std::array<std::string_view, 6> kSocketMethods = {"public/subscribe",         "public/unsubscribe",
                                                            "public/unsubscribe_all",   "public/set_heartbeat",
                                                            "public/disable_heartbeat", "public/hello"};

// A client's address without its port: what a limit of an address counts by.
std::string host_of(const std::string& peer) {
  const std::size_t colon = peer.rfind(':');
  return colon == std::string::npos || peer.find(':') != colon ? peer : peer.substr(0, colon);
}

}  // namespace

Deribit::Deribit(const World& world, const ScriptFile& script, std::uint64_t seed, std::function<TimePoint()> quota_now,
                 std::unique_ptr<const Recordings> recordings)
    : world_{world},
      settings_{script.deribit},
      seed_{key_of(seed, "deribit")},
      quota_{script.deribit},
      quota_now_{std::move(quota_now)},
      recordings_{std::move(recordings)} {}

Answer Deribit::answer(const net::ServerRequest& request, std::string_view path, TimePoint now) {
  const auto place = find_place(path);
  if (!place) return not_found();
  Call call{.host = place->first, .now = now, .draw = random_bits(seed_, calls_.fetch_add(1))};
  const auto wrong = read_call(request, place->second, call);
  // Errors cost as much as answers do (§3.1 speaks of requests).
  const Quota::Verdict verdict = quota_.admit(host_of(request.peer), call.host, call.method, quota_now_());
  Answer answer = !verdict.admitted ? out_of_credits(call, verdict, now)
                  : wrong           ? refused(call, *wrong, settings_.error_status)
                                    : route(call);
  answer.weight = verdict.cost;
  return answer;
}

Answer Deribit::route(const Call& call) const {
  const std::string& method = call.method;
  if (method.starts_with("private/")) return refused(call, {10'000, "authorization_required"}, settings_.error_status);
  if (std::ranges::find(kSocketMethods, method) != kSocketMethods.end()) {
    return refused(call, {10'030, "must_be_websocket_request"}, settings_.error_status);
  }
  if (method == "public/get_time") return success(call, std::to_string(to_ms(call.now)));  // §5.1
  if (method == "public/test") {                                                           // §5.1
    if (!parameter(call, "expected_result")) return success(call, object_text({{"version", R"("1.2.26")"}}, call.draw));
    return refused(call, {11'094, "internal_server_error"}, settings_.error_status);  // the code is assumed
  }
  if (method == "public/status") {  // by the schema, which the example contradicts (§5.1)
    return success(call, object_text({{"locked", R"("false")"}, {"locked_indices", "[]"}}, call.draw));
  }
  if (recordings_) return recordings_->answer(call, settings_);
  if (method == "public/get_tradingview_chart_data") return chart(world_, call, settings_);
  if (method == "public/get_instruments") return get_instruments(world_, call, settings_);
  if (method == "public/get_instrument") return get_instrument(world_, call, settings_);
  if (method == "public/get_currencies") return get_currencies(world_, call);
  return refused(call, {-32'601, "Method not found"}, settings_.error_status);
}

// §3.1: the main host answers the error and ends the session, without a hint when to come again ([U]: none is assumed).
// The history host has 429 with Retry-After and x-ratelimit-reset ([O], §3.2); what the latter counts is assumed.
Answer Deribit::out_of_credits(const Call& call, const Quota::Verdict& verdict, TimePoint now) const {
  const bool history = call.host == Host::history;
  Answer answer = refused(call, {10'028, "too_many_requests"}, history ? 429 : settings_.error_status);
  if (history) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(verdict.wait);
    answer.reply.headers.emplace_back("Retry-After", std::to_string(seconds.count()));
    answer.reply.headers.emplace_back("x-ratelimit-reset", std::to_string(to_ms(now + seconds) / 1'000));
  }
  close_after(answer);
  return answer;
}

bool Deribit::spoil(Answer& answer, const Fault& fault, TimePoint now) {
  return deribit::spoil(answer, fault, settings_, now);
}

std::string Deribit::error_body(const StatusFault& fault, TimePoint now) const {
  return deribit::error_body(fault, now);
}

}  // namespace tdm::sim::deribit
