#include "sim/bybit/bybit.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "sim/bybit/envelope.hpp"
#include "sim/bybit/instruments_info.hpp"
#include "sim/bybit/kline.hpp"
#include "sim/bybit/spoil.hpp"

namespace tdm::sim::bybit {
namespace {

// A client's address without its port: what an IP limit counts by.
std::string host_of(const std::string& peer) {
  const std::size_t colon = peer.rfind(':');
  return colon == std::string::npos || peer.find(':') != colon ? peer : peer.substr(0, colon);
}

}  // namespace

Bybit::Bybit(const World& world, const ScriptFile& script, double speed, std::function<Quota::Time()> elapsed,
             std::unique_ptr<const Recordings> recordings)
    : world_{world},
      quota_{script.quota, speed},
      quota_requests_{script.quota.requests},
      limit_headers_{script.limit_headers},
      elapsed_{std::move(elapsed)},
      recordings_{std::move(recordings)} {}

Answer Bybit::answer(const net::ServerRequest& request, std::string_view path, TimePoint now) {
  const Quota::Verdict verdict = quota_.admit(host_of(request.peer), elapsed_());
  if (!verdict.allowed) return http_error(403, "text/plain", "403, access too frequent");
  Answer answer = route(request, path, now);
  if (limit_headers_) {
    answer.reply.headers.emplace_back("X-Bapi-Limit", std::to_string(quota_requests_));
    answer.reply.headers.emplace_back("X-Bapi-Limit-Status", std::to_string(verdict.remaining));
    answer.reply.headers.emplace_back("X-Bapi-Limit-Reset-Timestamp", std::to_string(to_ms(now)));
  }
  return answer;
}

Answer Bybit::route(const net::ServerRequest& request, std::string_view path, TimePoint now) const {
  if (request.method == "get") return http_error(400, "text/plain", "400 bad request");
  if (request.method != "GET") return not_found();
  if (!request.body.empty()) return http_error(403, "text/plain", "403 forbidden");
  if (recordings_) return recordings_->answer(request, path, now);
  if (path == "/v5/market/time") return server_time(now);
  if (path == "/v5/market/instruments-info") return instruments_info(world_, request, now);
  if (path == "/v5/market/kline") return kline(world_, PriceKind::last, request, now);
  if (path == "/v5/market/mark-price-kline") return kline(world_, PriceKind::mark, request, now);
  if (path == "/v5/market/index-price-kline") return kline(world_, PriceKind::index, request, now);
  if (path == "/v5/market/premium-index-price-kline") return kline(world_, PriceKind::premium, request, now);
  return not_found();
}

std::string Bybit::error_body(const StatusFault& fault, TimePoint) const {
  return fmt::format(R"({{"retCode":{0},"retMsg":"{0}","result":{{}},"retExtInfo":{{}},"time":0}})", fault.status);
}

bool Bybit::spoil(Answer& answer, const Fault& fault, TimePoint now) { return bybit::spoil(answer, fault, now); }

}  // namespace tdm::sim::bybit
