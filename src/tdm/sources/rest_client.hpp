#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "tdm/core/clock.hpp"                  // Clock
#include "tdm/net/governor.hpp"                // Governor
#include "tdm/net/http_client.hpp"             // HttpClient, Url
#include "tdm/net/retry.hpp"                   // RetryPolicy
#include "tdm/sources/bybit/detail/reply.hpp"  // Verdict

namespace tdm::sources::bybit {

namespace asio = boost::asio;

// The same error with what it was about in front.
Error prefixed(Error error, const std::string& what);

// Sends GET requests under the exchange's quota and repeats what may be repeated. An answer that broke the contract is
// asked for a few times more, because a cut body is as often the network's doing as the exchange's. Safe from several
// threads.
class RestClient {
 public:
  static constexpr int kCorruptAttempts = 3;

  RestClient(asio::any_io_executor executor, net::HttpClientOptions http, std::shared_ptr<net::Governor> governor,
             const Clock& clock, net::RetryPolicy policy);

  // A reply with status 200 and retCode 0. `what` begins every error's message: exchange, symbol and range.
  asio::awaitable<Result<net::HttpReply>> get(net::Url base, std::string target, std::string what);

  double permitted_rate() const { return governor_->permitted_rate(); }
  std::int64_t sent() const { return sent_; }

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  asio::awaitable<Verdict> attempt(const net::Url& base, const std::string& target, Deadline deadline,
                                   net::HttpReply& reply);
  Verdict judge(const net::HttpReply& reply);
  Error out_of_turns(Error error) const;

  net::HttpClient http_;
  std::shared_ptr<net::Governor> governor_;
  const Clock& clock_;
  net::RetryPolicy policy_;
  std::atomic<std::int64_t> sent_{0};
  std::atomic<bool> doubted_{false};
};

}  // namespace tdm::sources::bybit
