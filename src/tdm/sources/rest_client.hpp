#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "tdm/core/clock.hpp"       // Clock
#include "tdm/net/governor.hpp"     // Governor
#include "tdm/net/http_client.hpp"  // HttpClient, Url
#include "tdm/net/retry.hpp"        // RetryPolicy

namespace tdm::sources {

namespace asio = boost::asio;

// What to do after a reply.
struct Verdict {
  enum class Next { accept, retry, give_up };
  Next next = Next::accept;
  Error error{};                                    // why not accepted
  std::optional<std::chrono::milliseconds> wait{};  // the exchange's own wait
  bool pause_all = false;                           // nobody may send anything for `wait`
  bool doubtful = false;                            // a 403 that does not say what it means
  std::optional<double> used_units{};               // of the quota, as the exchange counts it in its window
};

Verdict verdict(Verdict::Next next, ErrorCode code, std::string message, std::string parameter = {});
// The same, and nobody sends anything for `wait`.
Verdict wait_for_all(Verdict verdict, std::chrono::milliseconds wait);

// A reply, and when its request was sent: whatever it says was true at that time or later.
struct Answer : net::HttpReply {
  std::chrono::steady_clock::time_point sent_at{};
};

// Reads a reply as the exchange means it. Called from several threads.
using Judge = std::function<Verdict(const net::HttpReply& reply)>;

// The same error with what it was about in front.
Error prefixed(Error error, const std::string& what);

struct RestClientOptions {
  std::string exchange{};  // in log and metrics
  net::HttpClientOptions http{};
  std::shared_ptr<net::Governor> governor{};
  std::shared_ptr<net::Governor> pace{};  // of several clients of one exchange together; none: this one is all
  net::RetryPolicy policy{};
  Judge judge{};
  std::chrono::milliseconds read_timeout = net::HttpRequest{}.read_timeout;
  std::size_t body_limit = net::HttpRequest{}.body_limit;
};

// Sends GET requests under one quota and repeats what may be repeated. An answer that broke the contract is asked for a
// few times more, because a cut body is as often the network's doing as the exchange's. Safe from several threads.
class RestClient {
 public:
  static constexpr int kCorruptAttempts = 3;

  RestClient(asio::any_io_executor executor, RestClientOptions options, const Clock& clock);

  // A reply that the judge accepts. `what` begins every error's message: exchange, symbol and range. `units`: what the
  // request costs of the quota.
  asio::awaitable<Result<Answer>> get(net::Url base, std::string target, std::string what, int units = 1);

  net::Governor& governor() const { return *options_.governor; }
  const std::shared_ptr<net::Governor>& shared_governor() const { return options_.governor; }
  std::int64_t sent() const { return sent_; }

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  asio::awaitable<Verdict> attempt(const net::Url& base, const std::string& target, int units, Deadline deadline,
                                   Answer& reply);
  Verdict judge(const net::HttpReply& reply);
  Error out_of_turns(Error error) const;
  void count(std::string_view outcome) const;

  net::HttpClient http_;
  RestClientOptions options_;
  const Clock& clock_;
  std::atomic<std::int64_t> sent_{0};
};

}  // namespace tdm::sources
