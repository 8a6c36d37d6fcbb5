#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "tdm/net/http_client.hpp"    // HttpClient, Url
#include "tdm/sources/connector.hpp"  // kArchivePatience

namespace tdm::sources {

namespace asio = boost::asio;

struct ArchiveClientOptions {
  std::string exchange{};  // in log and metrics
  net::Url base{};
  net::HttpClientOptions http{};
  std::chrono::milliseconds patience = kArchivePatience;
  // A host that fails is not asked again for so long: the fills of one run give it up together.
  std::chrono::seconds rest{300};
  std::size_t file_limit = std::size_t{64} << 20;  // bytes as they are sent
};

// Fetches files of a public archive. Nothing is asked twice: REST has the same bars. Safe from several threads.
class ArchiveClient {
 public:
  ArchiveClient(asio::any_io_executor executor, ArchiveClientOptions options);

  // False while a host that failed is left alone.
  bool is_open() const;

  using Deadline = std::chrono::steady_clock::time_point;
  Deadline deadline() const { return std::chrono::steady_clock::now() + options_.patience; }

  // The body of a file, whose first byte comes by `deadline` and whose others come fast enough. not_found when the host
  // lacks it, corrupt_data when it was cut or is too large; everything else is the host's fault, which then is given
  // up.
  asio::awaitable<Result<std::string>> get(std::string target, Deadline deadline);

  std::int64_t sent() const { return sent_; }

 private:
  Error give_up(Error error);
  void count(std::string_view outcome) const;

  net::HttpClient http_;
  ArchiveClientOptions options_;
  std::atomic<std::int64_t> sent_{0};
  mutable std::mutex mutex_;
  std::optional<std::chrono::steady_clock::time_point> closed_until_;
};

}  // namespace tdm::sources
