#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "tdm/net/http_client.hpp"  // BlockingHttpClient, Url
#include "tdm/net/retry.hpp"        // RetryPolicy
#include "tdm/remote/remote.hpp"    // RemoteOptions

namespace tdm::remote {

// Sends requests to one server and repeats what may be repeated, as many at once as there are callers. A reply that is
// no success comes back as the Error that its problem document names. `stop` ends every wait at once.
class Session {
 public:
  Session(net::Url base, const RemoteOptions& options);

  struct Call {
    std::string target;
    std::string method = "GET";
    std::string body{};
    std::optional<std::chrono::milliseconds> timeout{};  // of one attempt, instead of the options'
    std::optional<int> attempts{};
    std::size_t body_limit = 32UL * 1024 * 1024;
  };
  Result<net::HttpReply> send(const Call& call, const std::stop_token& stop);
  Result<net::HttpReply> get(std::string target, const std::stop_token& stop);

 private:
  Result<net::HttpReply> attempt(const Call& call, const std::stop_token& stop);
  std::unique_ptr<net::BlockingHttpClient> borrow();
  void give_back(std::unique_ptr<net::BlockingHttpClient> client);

  net::Url base_;
  net::HttpClientOptions http_;
  std::string api_key_;
  std::chrono::milliseconds timeout_;
  net::RetryPolicy policy_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<net::BlockingHttpClient>> idle_;
};

// False when `stop` came first.
bool rest_for(std::chrono::milliseconds wait, const std::stop_token& stop);

// Adds "name=value", percent-encoded, to a target.
void add_parameter(std::string& target, std::string_view name, std::string_view value);

}  // namespace tdm::remote
