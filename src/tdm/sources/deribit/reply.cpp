#include "tdm/sources/deribit/detail/reply.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "tdm/net/retry.hpp"                     // parse_retry_after
#include "tdm/sources/deribit/detail/chart.hpp"  // parse_envelope
#include "tdm/sources/json_text.hpp"             // describe_bad_body

namespace tdm::sources::deribit {
namespace {

using std::chrono::milliseconds;
using Next = Verdict::Next;

Verdict after(Verdict result, milliseconds wait) {
  result.wait = wait;
  result.error.retry_after = wait;
  return result;
}

std::optional<milliseconds> stated_wait(const net::HttpReply& reply, TimePoint now) {
  const auto header = net::find_header(reply.headers, "Retry-After");
  return header ? net::parse_retry_after(*header, now) : std::nullopt;
}

Verdict refused(std::string message, std::optional<milliseconds> stated, int refusals) {
  const milliseconds longest = kLongestPause;
  const auto base = std::max<milliseconds>(stated.value_or(kRefusedPause), kRefusedPause);
  const auto wait = std::min(longest, std::min(longest, base) * (1 << std::clamp(refusals, 0, 6)));
  return wait_for_all(verdict(Next::retry, ErrorCode::rate_limited, std::move(message)), wait);
}

Verdict passing(std::string message) { return verdict(Next::retry, ErrorCode::unavailable, std::move(message)); }
Verdict final(ErrorCode code, std::string message, std::string parameter = {}) {
  return verdict(Next::give_up, code, std::move(message), std::move(parameter));
}

std::string said_of(const RpcError& error) {
  auto said = fmt::format("error {}: {}", error.code, error.message);
  if (!error.reason.empty())
    said += fmt::format(" ({}{}{})", error.parameter, error.parameter.empty() ? "" : ": ", error.reason);
  return said;
}

// The code of an unknown instrument and of any other wrong parameter.
Verdict judge_parameters(const RpcError& error, const std::string& said) {
  if (error.parameter.empty() || error.parameter == "instrument_name")
    return final(ErrorCode::unknown_symbol, said, "symbol");
  return final(ErrorCode::invalid_argument, said, error.parameter);
}

Verdict judge_error(const RpcError& error, const net::HttpReply& reply, TimePoint now, int refusals) {
  const auto said = said_of(error);
  switch (error.code) {
    case 10028:  // too_many_requests
      return refused(said, error.wait ? error.wait : stated_wait(reply, now), refusals);
    case 10066:  // too_many_concurrent_requests
    case 10047:  // matching_engine_queue_full
    case 11094:  // internal_server_error
    case 13028:  // temporarily_unavailable
    case 13888:  // timed_out
      return passing(said);
    case 10040:  // retry
      return after(passing(said), milliseconds{500});
    case 10041:  // settlement_in_progress, some seconds around 08:00
      return after(passing(said), milliseconds{2'000});
    case 11051:  // system_maintenance
    case 11056:  // unauthenticated_public_requests_temporarily_disabled
      return wait_for_all(passing(said), kMaintenancePause);
    case -32602: return judge_parameters(error, said);
    case 10020:  // invalid_or_unsupported_instrument
    case 11050:  // bad_request, seen for unknown names
    case 13020:  // not_found
      return final(ErrorCode::unknown_symbol, said, "symbol");
    case 11029:
    case 11043:
    case 11047:
    case 11049: return final(ErrorCode::invalid_argument, said);
    case 10048:   // not_on_this_server
    case -32601:  // Method not found
      return final(ErrorCode::not_found, said, "exchange_clients.deribit.base_url");
    case 13025:  // method_switched_off_by_admin
    case 13503:  // unavailable
    case 10000:  // authorization_required
    case 13004:  // invalid_credentials
    case 13009:  // unauthorized
    case 13021:  // forbidden
      return final(ErrorCode::unavailable, said);
    case -32700:
    case -32600:
    case -32000:
    case 10030:
    case 10033: return final(ErrorCode::internal, said);
    default: return final(ErrorCode::corrupt_data, said + " (a code without a known meaning)");
  }
}

Verdict judge_status(const net::HttpReply& reply, TimePoint now, int refusals) {
  const auto status = fmt::format("HTTP {}", reply.status);
  if (reply.status == 429) return refused(status + ": too many requests", stated_wait(reply, now), refusals);
  if (reply.status >= 500) {
    const auto wait = stated_wait(reply, now);
    return wait ? after(passing(status), *wait) : passing(status);
  }
  if (reply.status == 403 || reply.status == 451)
    return final(ErrorCode::unavailable, status + ": this address is refused", "exchange_clients.deribit.base_url");
  if (reply.status == 404)
    return final(ErrorCode::not_found, status + ": no such path; is base_url right?",
                 "exchange_clients.deribit.base_url");
  return final(ErrorCode::internal, fmt::format("{}: {}", status, describe_bad_body(reply.body, "")));
}

}  // namespace

Verdict judge_reply(const net::HttpReply& reply, TimePoint now, int refusals) {
  const auto envelope = parse_envelope(reply.body);
  if (envelope) return envelope->error ? judge_error(*envelope->error, reply, now, refusals) : Verdict{};
  if (reply.status != 200) return judge_status(reply, now, refusals);
  return verdict(Next::retry, envelope.error().code, envelope.error().message);
}

bool is_refusal(const Verdict& verdict) {
  return verdict.next == Next::retry && verdict.error.code == ErrorCode::rate_limited;
}

}  // namespace tdm::sources::deribit
