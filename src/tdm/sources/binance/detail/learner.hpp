#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <mutex>

#include "tdm/core/error.hpp"  // Result

namespace tdm::sources::binance {

namespace asio = boost::asio;

// What many requests must know and one of them asks for. Safe from several threads.
class Learner {
 public:
  using Learn = std::function<asio::awaitable<Result<void>>()>;

  // Runs `learn`, or waits for the end of a run that is under way. The outcome of that run.
  asio::awaitable<Result<void>> run(Learn learn);
  bool running() const;

 private:
  class Run;
  mutable std::mutex mutex_;
  bool running_ = false;
  std::uint64_t finished_ = 0;
  Result<void> outcome_{};
};

}  // namespace tdm::sources::binance
