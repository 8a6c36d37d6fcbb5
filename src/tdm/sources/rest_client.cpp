#include "tdm/sources/rest_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <random>

#include "tdm/telemetry/log.hpp"      // log
#include "tdm/telemetry/metrics.hpp"  // counter

namespace tdm::sources {
namespace {

using std::chrono::steady_clock;
using Next = Verdict::Next;

double random_unit() {
  thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_real_distribution<double>{0.0, 1.0}(generator);
}

// False when the wait was cancelled.
asio::awaitable<bool> rest_for(std::chrono::milliseconds wait) {
  asio::steady_timer timer{co_await asio::this_coro::executor, wait};
  const auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  co_return !error;
}

Verdict transport_failure(Error error) {
  Verdict verdict;
  const bool repeatable = is_retryable(error.code) || error.code == ErrorCode::corrupt_data;
  verdict.next = repeatable ? Next::retry : Next::give_up;
  verdict.wait = error.retry_after;
  verdict.error = std::move(error);
  return verdict;
}

Verdict without_turn(Error error) {
  Verdict verdict;
  verdict.next = Next::give_up;
  verdict.error = std::move(error);
  return verdict;
}

}  // namespace

Verdict verdict(Next next, ErrorCode code, std::string message, std::string parameter) {
  Verdict result;
  result.next = next;
  result.error.code = code;
  result.error.message = std::move(message);
  result.error.parameter = std::move(parameter);
  return result;
}

Verdict wait_for_all(Verdict verdict, std::chrono::milliseconds wait) {
  verdict.wait = wait;
  verdict.error.retry_after = wait;
  verdict.pause_all = true;
  return verdict;
}

Error prefixed(Error error, const std::string& what) {
  error.message = fmt::format("{}: {}", what, error.message);
  return error;
}

RestClient::RestClient(asio::any_io_executor executor, RestClientOptions options, const Clock& clock)
    : http_{std::move(executor), options.http}, options_{std::move(options)}, clock_{clock} {}

void RestClient::count(std::string_view outcome) const {
  telemetry::counter("tdm_exchange_requests_total", "Requests sent to an exchange, by outcome",
                     {{"exchange", options_.exchange}, {"outcome", std::string{outcome}}})
      .add();
}

asio::awaitable<Result<Answer>> RestClient::get(net::Url base, std::string target, std::string what, int units) {
  const auto& policy = options_.policy;
  const auto deadline = steady_clock::now() + policy.deadline;
  int corrupt = 0;
  for (int number = 0;; ++number) {
    Answer reply;
    auto verdict = co_await attempt(base, target, units, deadline, reply);
    if (verdict.next == Next::accept) co_return reply;

    corrupt += verdict.error.code == ErrorCode::corrupt_data ? 1 : 0;
    const auto wait = net::backoff(policy, number, random_unit(), verdict.wait);
    const bool last =
        number + 1 >= policy.attempts || corrupt >= kCorruptAttempts || steady_clock::now() + wait >= deadline;
    if (verdict.next == Next::give_up || last) co_return std::unexpected{prefixed(std::move(verdict.error), what)};

    const bool woke = co_await rest_for(wait);
    if (!woke) co_return fail(ErrorCode::cancelled, fmt::format("{}: cancelled while waiting to ask again", what));
  }
}

asio::awaitable<Verdict> RestClient::attempt(const net::Url& base, const std::string& target, int units,
                                             Deadline deadline, Answer& reply) {
  auto permit = co_await options_.governor->acquire(deadline, units);
  if (!permit) co_return without_turn(out_of_turns(std::move(permit).error()));
  if (options_.pace) {
    // A turn is all that is wanted of it: the quota that it counts is another one.
    auto turn = co_await options_.pace->acquire(deadline);
    if (!turn) co_return without_turn(std::move(turn).error());
  }
  net::HttpRequest request;
  request.base = base;
  request.target = target;
  request.read_timeout = options_.read_timeout;
  request.body_limit = options_.body_limit;
  ++sent_;
  reply.sent_at = steady_clock::now();
  auto answer = co_await http_.send(std::move(request));
  if (!answer) {
    count("transport_error");
    co_return transport_failure(std::move(answer).error());
  }
  static_cast<net::HttpReply&>(reply) = *std::move(answer);
  auto verdict = judge(reply);
  if (verdict.used_units) permit->report_used(*verdict.used_units);
  co_return verdict;
}

Verdict RestClient::judge(const net::HttpReply& reply) {
  auto verdict = options_.judge(reply);
  count(verdict.next == Next::accept ? "ok" : to_string(verdict.error.code));
  if (verdict.pause_all && verdict.wait) {
    options_.governor->pause_until(clock_.now() + *verdict.wait, verdict.error.message);
    telemetry::log(telemetry::Level::warn, "exchange asked for a pause",
                   {{"exchange", std::string_view{options_.exchange}},
                    {"wait_ms", static_cast<std::int64_t>(verdict.wait->count())},
                    {"reason", std::string_view{verdict.error.message}}});
  }
  return verdict;
}

// The quota had no turn before the deadline: says how long the pause lasts, when there is one.
Error RestClient::out_of_turns(Error error) const {
  const auto until = options_.governor->paused_until();
  const auto now = clock_.now();
  if (until && *until > now && !error.retry_after)
    error.retry_after = std::chrono::ceil<std::chrono::milliseconds>(*until - now);
  return error;
}

}  // namespace tdm::sources
