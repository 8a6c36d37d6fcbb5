#include "tdm/sources/binance/detail/reply.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

#include "tdm/net/retry.hpp"                     // parse_retry_after
#include "tdm/sources/binance/detail/kline.hpp"  // read_error
#include "tdm/sources/json_text.hpp"             // parse_ms, describe_bad_body

namespace tdm::sources::binance {
namespace {

using std::chrono::milliseconds;
using Next = Verdict::Next;

// A reply under judgement.
struct Case {
  const net::HttpReply& reply;
  TimePoint now;
  Pool pool;
};

std::optional<milliseconds> stated_wait(const Case& at) {
  const auto header = net::find_header(at.reply.headers, "Retry-After");
  const auto wait = header ? net::parse_retry_after(*header, at.now, kLongestBan) : std::nullopt;
  // A wait of nothing would be a storm of requests.
  return wait ? std::optional{std::max<milliseconds>(*wait, std::chrono::seconds{1})} : std::nullopt;
}

// "Way too much request weight used; IP banned until 1660090423228. Please ...": the end in milliseconds.
std::optional<milliseconds> ban_in(std::string_view message, TimePoint now) {
  constexpr std::string_view kPhrase = "banned until ";
  const auto at = message.find(kPhrase);
  if (at == std::string_view::npos) return std::nullopt;
  const auto digits = message.substr(at + kPhrase.size());
  const auto until = parse_ms(digits.substr(0, digits.find_first_not_of("0123456789")));
  if (!until) return std::nullopt;
  return std::clamp<milliseconds>(std::chrono::ceil<milliseconds>(*until - now), std::chrono::seconds{1}, kLongestBan);
}

Verdict banned(const Case& at, const std::string& said) {
  const auto wait = stated_wait(at).value_or(ban_in(said, at.now).value_or(kShortestBan));
  return wait_for_all(verdict(Next::give_up, ErrorCode::rate_limited,
                              fmt::format("{}; the address is banned until {}", said, to_iso(at.now + wait))),
                      wait);
}

Verdict limited(const Case& at, const std::string& said) {
  if (ban_in(said, at.now)) return banned(at, said);
  return wait_for_all(verdict(Next::retry, ErrorCode::rate_limited, said), stated_wait(at).value_or(kLimitPause));
}

Verdict forbidden_region(const Case& at, const std::string& said) {
  const bool spot = at.pool == Pool::spot;
  return verdict(Next::give_up, ErrorCode::unavailable,
                 said + (spot ? "; no retry helps: https://data-api.binance.vision serves spot market data everywhere"
                              : "; no retry helps: futures have no host that serves this region"),
                 spot ? "exchange_clients.binance.markets.spot.base_url" : "exchange_clients.binance.base_url");
}

bool names_region(std::string_view message) { return lower(message).contains("restricted location"); }

Verdict passing(const Case& at, std::string said) {
  auto result = verdict(Next::retry, ErrorCode::unavailable, std::move(said));
  result.wait = stated_wait(at);
  result.error.retry_after = result.wait;
  return result;
}

Verdict judge_code(const Case& at, const ErrorBody& error) {
  const auto said = fmt::format("code {}: {}", error.code_text, error.message);
  if (names_region(error.message)) return forbidden_region(at, said);
  switch (error.code.value_or(0)) {
    case -1000:  // unknown
    case -1001:  // disconnected
    case -1006:  // unexpected answer of the backend
    case -1007:  // timeout of the backend
    case -1008:  // overloaded
    case -1016:  // shutting down, maintenance
      return passing(at, said);
    case -1003: return limited(at, said);
    case -1120: return verdict(Next::give_up, ErrorCode::invalid_argument, said, "timeframe");
    case -1121: return verdict(Next::give_up, ErrorCode::unknown_symbol, said, "symbol");
    case -1100:
      if (lower(error.message).contains("'symbol'"))
        return verdict(Next::give_up, ErrorCode::unknown_symbol, said, "symbol");
      break;
    default: break;
  }
  // A code as text comes from the gateway that checks parameters.
  const bool of_parameters = error.code ? *error.code <= -1023 && *error.code >= -1299 : !error.code_text.empty();
  return verdict(Next::give_up, of_parameters ? ErrorCode::invalid_argument : ErrorCode::corrupt_data, said);
}

// What an error body says, else the body's first characters.
std::string said_by(const std::string& status, const std::optional<ErrorBody>& error, std::string_view body) {
  if (error) return fmt::format("{}: code {}: {}", status, error->code_text, error->message);
  return fmt::format("{}: {}", status, describe_bad_body(body, ""));
}

Verdict judge_status(const Case& at) {
  const auto parsed = read_error(at.reply.body);
  const auto error = parsed ? *parsed : std::nullopt;
  const auto status = fmt::format("HTTP {}", at.reply.status);
  const auto said = said_by(status, error, at.reply.body);
  switch (at.reply.status) {
    case 400: return error ? judge_code(at, *error) : verdict(Next::give_up, ErrorCode::internal, said);
    case 403:
      return wait_for_all(verdict(Next::give_up, ErrorCode::rate_limited,
                                  status + ": the web firewall refuses this address; nothing is sent for 5 minutes"),
                          kFirewallPause);
    case 404:
      return verdict(Next::give_up, ErrorCode::not_found, status + ": no such path; is base_url right?",
                     "exchange_clients.binance.base_url");
    case 408: return passing(at, said);
    case 418: return banned(at, said);
    case 429: return limited(at, said);
    case 451: return forbidden_region(at, said);
    default: break;
  }
  if (at.reply.status >= 500) return passing(at, said);
  return verdict(Next::give_up, ErrorCode::internal, said);
}

Verdict judge_body(const Case& at) {
  const auto error = read_error(at.reply.body);
  if (!error) return verdict(Next::retry, error.error().code, error.error().message);
  return *error ? judge_code(at, **error) : Verdict{};
}

std::optional<double> used_weight(const net::HttpReply& reply) {
  const auto header = net::find_header(reply.headers, "X-MBX-USED-WEIGHT-1M");
  if (!header) return std::nullopt;
  std::int64_t units = 0;
  const auto [end, failed] = std::from_chars(header->data(), header->data() + header->size(), units);
  if (failed != std::errc{} || end != header->data() + header->size() || units < 0) return std::nullopt;
  return static_cast<double>(units);
}

}  // namespace

Verdict judge_reply(const net::HttpReply& reply, TimePoint now, Pool pool) {
  const Case at{reply, now, pool};
  auto result = reply.status == 200 ? judge_body(at) : judge_status(at);
  result.used_units = used_weight(reply);
  return result;
}

}  // namespace tdm::sources::binance
