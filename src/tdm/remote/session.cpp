#include "tdm/remote/detail/session.hpp"

#include <fmt/format.h>

#include <condition_variable>
#include <random>
#include <utility>

#include "tdm/remote/detail/documents.hpp"  // error_of

namespace tdm::remote {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kIdleConnections = 16;

double random_unit() {
  thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_real_distribution<double>{0.0, 1.0}(generator);
}

}  // namespace

bool rest_for(std::chrono::milliseconds wait, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock{mutex};
  changed.wait_for(lock, stop, wait, [] { return false; });
  return !stop.stop_requested();
}

void add_parameter(std::string& target, std::string_view name, std::string_view value) {
  target += fmt::format("{}{}={}", target.find('?') == std::string::npos ? '?' : '&', name, net::percent_encode(value));
}

Session::Session(net::Url base, const RemoteOptions& options)
    : base_{std::move(base)}, api_key_{options.api_key}, timeout_{options.timeout} {
  http_.proxy = options.proxy;
  policy_.attempts = std::max(1, options.attempts);
  policy_.deadline = timeout_ * policy_.attempts;
}

Result<net::HttpReply> Session::get(std::string target, const std::stop_token& stop) {
  Call call;
  call.target = std::move(target);
  return send(call, stop);
}

Result<net::HttpReply> Session::send(const Call& call, const std::stop_token& stop) {
  const auto deadline = steady_clock::now() + policy_.deadline;
  const int attempts = call.attempts.value_or(policy_.attempts);
  for (int number = 0;; ++number) {
    if (stop.stop_requested()) return fail(ErrorCode::cancelled, "the call was cancelled");
    auto reply = attempt(call, stop);
    if (reply || !is_retryable(reply.error().code)) return reply;
    const auto wait = net::backoff(policy_, number, random_unit(), reply.error().retry_after);
    if (number + 1 >= attempts || steady_clock::now() + wait >= deadline) return reply;
    if (!rest_for(wait, stop)) return fail(ErrorCode::cancelled, "the call was cancelled");
  }
}

Result<net::HttpReply> Session::attempt(const Call& call, const std::stop_token& stop) {
  net::HttpRequest request;
  request.base = base_;
  request.target = call.target;
  request.method = call.method;
  request.body = call.body;
  request.read_timeout = call.timeout.value_or(timeout_);
  request.body_limit = call.body_limit;
  if (!call.body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  if (!api_key_.empty()) request.headers.emplace_back("Authorization", "Bearer " + api_key_);
  auto client = borrow();
  auto reply = client->send(std::move(request), stop);
  if (!reply) {
    auto error = std::move(reply).error();
    error.message = fmt::format("{}: {}", base_.origin(), error.message);
    return std::unexpected{std::move(error)};
  }
  give_back(std::move(client));
  if (reply->status / 100 != 2) return std::unexpected{error_of(*reply, base_.origin() + call.target)};
  return reply;
}

std::unique_ptr<net::BlockingHttpClient> Session::borrow() {
  const std::lock_guard guard{mutex_};
  if (idle_.empty()) return std::make_unique<net::BlockingHttpClient>(base_, http_);
  auto client = std::move(idle_.back());
  idle_.pop_back();
  return client;
}

void Session::give_back(std::unique_ptr<net::BlockingHttpClient> client) {
  const std::lock_guard guard{mutex_};
  if (idle_.size() < kIdleConnections) idle_.push_back(std::move(client));
}

}  // namespace tdm::remote
