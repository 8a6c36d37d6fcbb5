#include "tdm/sources/bybit/detail/reply.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

#include "tdm/net/retry.hpp"                   // parse_retry_after
#include "tdm/sources/bybit/detail/kline.hpp"  // parse_envelope
#include "tdm/sources/json_text.hpp"           // parse_ms, describe_bad_body

namespace tdm::sources::bybit {
namespace {

using std::chrono::milliseconds;
using Next = Verdict::Next;

bool mentions(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(words, [&](std::string_view word) { return text.contains(word); });
}

Verdict banned(std::string message) {
  return wait_for_all(verdict(Next::give_up, ErrorCode::rate_limited, std::move(message)), kBanPause);
}

Verdict forbidden_region(const std::string& message) {
  return verdict(Next::give_up, ErrorCode::unavailable,
                 message + "; no retry helps: use a host that serves this country", "exchange_clients.bybit.base_url");
}

// 403 means too many requests of this address, a forbidden country, or a malformed GET; only the body tells.
Verdict judge_forbidden(std::string_view body, bool doubted) {
  const auto text = lower(body.substr(0, 4'096));
  if (mentions(text, {"too frequent", "rate limit", "too many"}))
    return banned("HTTP 403: too many requests from this address; nothing is sent for 10 minutes");
  if (mentions(text, {"cloudfront", "country", "region", "<html", "<!doctype"}))
    return forbidden_region("HTTP 403: access from this country is refused");
  if (doubted) return forbidden_region("HTTP 403 again after a pause, without a reason");
  auto result = banned("HTTP 403 without a reason, taken as too many requests; nothing is sent for 10 minutes");
  result.doubtful = true;
  return result;
}

Verdict with_retry_after(Verdict result, const net::HttpReply& reply, TimePoint now, bool pause_all) {
  const auto header = net::find_header(reply.headers, "Retry-After");
  const auto wait = header ? net::parse_retry_after(*header, now) : std::nullopt;
  if (!wait) return result;
  if (pause_all) return wait_for_all(std::move(result), *wait);
  result.wait = wait;
  result.error.retry_after = wait;
  return result;
}

Verdict judge_status(const net::HttpReply& reply, TimePoint now, bool doubted) {
  const auto status = fmt::format("HTTP {}", reply.status);
  if (reply.status == 403) return judge_forbidden(reply.body, doubted);
  if (reply.status == 429)
    return with_retry_after(verdict(Next::retry, ErrorCode::rate_limited, status + ": too many requests"), reply, now,
                            true);
  if (reply.status >= 500)
    return with_retry_after(verdict(Next::retry, ErrorCode::unavailable, status), reply, now, false);
  if (reply.status == 404)
    return verdict(Next::give_up, ErrorCode::not_found, status + ": no such path; is base_url right?",
                   "exchange_clients.bybit.base_url");
  return verdict(Next::give_up, ErrorCode::internal, fmt::format("{}: {}", status, describe_bad_body(reply.body, "")));
}

// Until the limit's reset as the exchange states it, on the exchange's clock; one second when it states none that makes
// sense.
milliseconds limit_wait(const net::HttpReply& reply, TimePoint exchange_now) {
  constexpr milliseconds kUnstated{1'000};
  const auto header = net::find_header(reply.headers, "X-Bapi-Limit-Reset-Timestamp");
  const auto reset = header ? parse_ms(*header) : std::nullopt;
  if (!reset) return kUnstated;
  const auto wait = std::chrono::ceil<milliseconds>(*reset - exchange_now);
  return std::clamp<milliseconds>(wait, milliseconds{0}, kMaxLimitWait);
}

Verdict judge_parameter_error(const std::string& said) {
  if (lower(said).contains("symbol")) return verdict(Next::give_up, ErrorCode::unknown_symbol, said, "symbol");
  return verdict(Next::give_up, ErrorCode::invalid_argument, said);
}

Verdict judge_code(const net::HttpReply& reply, const Envelope& envelope, TimePoint now) {
  const auto said = fmt::format("retCode {}: {}", envelope.code, envelope.message);
  switch (envelope.code) {
    case 0: return {};
    case 10000:  // server timeout
    case 10002:  // request time outside the window
    case 10016:  // server error, also while restarting
      return verdict(Next::retry, ErrorCode::unavailable, said);
    case 429: return with_retry_after(verdict(Next::retry, ErrorCode::rate_limited, said), reply, now, true);
    case 10001: return judge_parameter_error(said);
    case 10029: return verdict(Next::give_up, ErrorCode::unknown_symbol, said, "symbol");
    case 10006:
      return wait_for_all(verdict(Next::retry, ErrorCode::rate_limited, said),
                          limit_wait(reply, envelope.time.value_or(now)));
    case 10018: return banned(said);
    case 10009:
    case 10024: return forbidden_region(said);
    case 10017: return verdict(Next::give_up, ErrorCode::not_found, said);
    default: return verdict(Next::give_up, ErrorCode::corrupt_data, said + " (a code without a known meaning)");
  }
}

}  // namespace

Verdict judge_reply(const net::HttpReply& reply, TimePoint now, bool doubted) {
  if (reply.status != 200) return judge_status(reply, now, doubted);
  const auto envelope = parse_envelope(reply.body);
  if (!envelope) return verdict(Next::retry, envelope.error().code, envelope.error().message);
  return judge_code(reply, *envelope, now);
}

}  // namespace tdm::sources::bybit
