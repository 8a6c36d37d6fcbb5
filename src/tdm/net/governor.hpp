#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "tdm/core/clock.hpp"  // Clock
#include "tdm/core/error.hpp"  // Result

namespace tdm::net {

namespace asio = boost::asio;

// What an exchange permits, as it counts it.
struct Quota {
  double requests = 600;  // in every sliding window (0: none)
  std::chrono::milliseconds window{5'000};
};

struct GovernorOptions {
  std::string name{};  // exchange; the key in the memory file
  Quota quota{};
  double rate_limit = 10;  // requests per second, an even pace: at most rate x t + 2 in any interval t
  // Shared by every process on this store and opened at the first request; without it, or when it cannot be opened (a
  // warning in the log), the memory is this process's.
  std::optional<std::string> memory_file{};
};

// One object per exchange, shared by every task of the process and, through the memory file, by every process of the
// store and by the next start. A request takes a permit before it is sent and gives it back when it ended: until then,
// and for one window after, it counts against the exchange's sliding window.
class Governor {
 public:
  static Result<std::shared_ptr<Governor>> open(GovernorOptions options, const Clock& clock);
  virtual ~Governor() = default;

  class Permit;  // released by its destructor
  // Waits for a turn. Fails with rate_limited when the wait would pass `deadline`.
  virtual asio::awaitable<Result<Permit>> acquire(std::chrono::steady_clock::time_point deadline) = 0;
  // The exchange refused: nothing is sent before `until` (host time). Shortens nothing that is longer already.
  virtual void pause_until(TimePoint until, std::string_view reason) = 0;
  virtual double permitted_rate() const = 0;  // requests per second, min(rate_limit, quota)
  virtual std::optional<TimePoint> paused_until() const = 0;

 protected:
  virtual void release(std::uint64_t slot) noexcept = 0;
};

class Governor::Permit {
 public:
  Permit(std::shared_ptr<Governor> governor, std::uint64_t slot) : governor_{std::move(governor)}, slot_{slot} {}
  Permit(Permit&& other) noexcept : governor_{std::move(other.governor_)}, slot_{other.slot_} {
    other.governor_ = nullptr;
  }
  Permit& operator=(Permit&&) = delete;
  ~Permit() {
    if (governor_) governor_->release(slot_);
  }

 private:
  std::shared_ptr<Governor> governor_;
  std::uint64_t slot_;
};

}  // namespace tdm::net
