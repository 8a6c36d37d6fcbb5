#include "sim/binance/binance.hpp"

#include <fmt/format.h>

#include <utility>

#include "sim/binance/envelope.hpp"
#include "sim/binance/exchange_info.hpp"
#include "sim/binance/kline.hpp"
#include "sim/binance/parameters.hpp"
#include "sim/binance/spoil.hpp"

namespace tdm::sim::binance {
namespace {

constexpr std::int64_t kSpotInfoWeight = 20;  // §5

// A client's address without its port: what a limit of an address counts by.
std::string host_of(const std::string& peer) {
  const std::size_t colon = peer.rfind(':');
  return colon == std::string::npos || peer.find(':') != colon ? peer : peer.substr(0, colon);
}

// §4.1, §5, §6.1. What an unknown endpoint costs is assumed.
std::int64_t weight_of(const net::ServerRequest& request, const Place& place) {
  if (place.endpoint == "exchangeInfo") return place.api->spot() ? kSpotInfoWeight : 1;
  return is_kline_endpoint(*place.api, place.endpoint) ? kline_weight(*place.api, request) : 1;
}

// R: nautilus/http_spot_market_time.json.
Answer server_time(const net::ServerRequest& request, const Api& api, TimePoint now) {
  if (const auto wrong = check_names(request, {})) return refused(*wrong);
  const auto microseconds = wants_microseconds(request, api);
  if (!microseconds) return refused(microseconds.error());
  return success(fmt::format(R"({{"serverTime":{}}})", *microseconds ? to_us(now) : to_ms(now)));
}

Answer ping(const net::ServerRequest& request) {
  if (const auto wrong = check_names(request, {})) return refused(*wrong);
  return success("{}");
}

}  // namespace

Binance::Binance(const World& world, const ScriptFile& script, std::function<TimePoint()> quota_now,
                 std::unique_ptr<const Recordings> recordings)
    : world_{world},
      settings_{script.binance},
      quota_{script.binance},
      archive_{world, script.binance.archive},
      quota_now_{std::move(quota_now)},
      recordings_{std::move(recordings)} {}

Answer Binance::answer(const net::ServerRequest& request, std::string_view path, TimePoint now) {
  // A host of its own, which counts no weight.
  if (const auto below = Archive::path_within(path)) return archive_.answer(request, *below, now);
  const auto place = find_place(path);
  if (!place) return not_found();
  const Api& api = *place->api;
  const std::int64_t weight = weight_of(request, *place);
  const std::string address = host_of(request.peer);
  const Quota::Verdict verdict = quota_.admit(address, api.pool, weight, quota_now_());
  Answer answer = verdict.status == 200 ? route(request, *place, now) : over_budget(verdict, api, address, now);
  answer.weight = weight;
  answer.reply.headers.emplace_back("X-MBX-USED-WEIGHT-1M", std::to_string(verdict.used));  // §4.3: on every reply
  if (api.spot()) answer.reply.headers.emplace_back("X-MBX-USED-WEIGHT", std::to_string(verdict.used));
  return answer;
}

Answer Binance::route(const net::ServerRequest& request, const Place& place, TimePoint now) const {
  const Api& api = *place.api;
  if (request.method != "GET") return not_found();  // assumed
  if (place.endpoint == "ping") return ping(request);
  if (place.endpoint == "time") return server_time(request, api, now);
  const bool klines = is_kline_endpoint(api, place.endpoint);
  if (!klines && place.endpoint != "exchangeInfo") return not_found();
  if (recordings_) {
    return klines ? recordings_->kline(api, place.endpoint, request, settings_, now)
                  : recordings_->exchange_info(api, request, now);
  }
  return klines ? kline(world_, api, place.endpoint, request, settings_, now)
                : exchange_info(world_, api, request, settings_, now);
}

// Texts: §4.5. Whether futures say Retry-After is unverified (§17), so a script decides.
Answer Binance::over_budget(const Quota::Verdict& verdict, const Api& api, const std::string& address,
                            TimePoint now) const {
  Refusal refusal{.code = -1003, .message = {}, .status = verdict.status};
  if (verdict.status == 418) {
    refusal.message = fmt::format(
        "Way too much request weight used; IP banned until {}. Please use WebSocket Streams for live updates "
        "to avoid bans.",
        to_ms(now + verdict.wait));
  } else if (api.spot()) {
    refusal.message = fmt::format(
        "Too much request weight used; current limit is {} request weight per 1 MINUTE. Please use WebSocket "
        "Streams for live updates to avoid polling the API.",
        verdict.limit);
  } else {
    refusal.message = fmt::format(
        "Too many requests; current limit of IP({}) is {} requests per minute. Please use the websocket for live "
        "updates "
        "to avoid polling the API.",
        address, verdict.limit);
  }
  Answer answer = refused(refusal);
  if (api.spot() || settings_.futures_retry_after) {
    answer.reply.headers.emplace_back("Retry-After", std::to_string(verdict.wait.count()));
  }
  return answer;
}

bool Binance::spoil(Answer& answer, const Fault& fault, TimePoint now) { return binance::spoil(answer, fault, now); }

std::string Binance::error_body(const StatusFault& fault, TimePoint now) const {
  return binance::error_body(fault, now);
}

}  // namespace tdm::sim::binance
