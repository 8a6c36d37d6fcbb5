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

// What an exchange permits, as it counts it: requests, or units where requests differ in price (Binance's weights).
struct Quota {
  double requests = 600;  // units in every sliding window (0: none)
  std::chrono::milliseconds window{5'000};
};

struct GovernorOptions {
  std::string name{};  // exchange; the key in the memory file
  Quota quota{};
  double rate_limit = 10;  // requests per second, an even pace: at most rate x t + 2 in any interval t
  // The part of the quota that is used, as an even pace too: a request of n units is followed by n units' time.
  double share = 1;
  // False: the exchange lets its quota be spent at once, and only rate_limit is an even pace.
  bool even = true;
  // Shared by every process on this store and opened at the first request; without it, or when it cannot be opened (a
  // warning in the log), the memory is this process's.
  std::optional<std::string> memory_file{};
};

// One object per exchange, shared by every task of the process and, through the memory file, by every process of the
// store and by the next start. A request takes a permit before it is sent and gives it back when it ended: until then,
// and for one window after, its units count against the exchange's sliding window. Whatever the exchange says it
// counted beyond that (another program behind the same address) is held against the window as well.
class Governor {
 public:
  static Result<std::shared_ptr<Governor>> open(GovernorOptions options, const Clock& clock);
  virtual ~Governor() = default;

  class Permit;  // released by its destructor
  // Waits for a turn of a request that costs `units`. Fails with rate_limited when the wait would pass `deadline`, and
  // with invalid_argument when the quota never has so many.
  virtual asio::awaitable<Result<Permit>> acquire(std::chrono::steady_clock::time_point deadline, int units = 1) = 0;
  // The exchange refused: nothing is sent before `until` (host time). Shortens nothing that is longer already.
  virtual void pause_until(TimePoint until, std::string_view reason) = 0;
  // The exchange said how many units a window has now.
  virtual void set_quota(double units) = 0;
  // Requests of so many units per second: min(rate_limit, share of the quota).
  virtual double permitted_rate(int units = 1) const = 0;
  virtual std::optional<TimePoint> paused_until() const = 0;

 protected:
  virtual void release(std::uint64_t turn) noexcept = 0;
  virtual void report_used(std::uint64_t turn, double units) = 0;
};

class Governor::Permit {
 public:
  Permit(std::shared_ptr<Governor> governor, std::uint64_t turn) : governor_{std::move(governor)}, turn_{turn} {}
  Permit(Permit&& other) noexcept : governor_{std::move(other.governor_)}, turn_{other.turn_} {
    other.governor_ = nullptr;
  }
  Permit& operator=(Permit&&) = delete;
  ~Permit() {
    if (governor_) governor_->release(turn_);
  }

  // The answer to this request states what the exchange has counted in its window, this request included.
  void report_used(double units) { governor_->report_used(turn_, units); }

 private:
  std::shared_ptr<Governor> governor_;
  std::uint64_t turn_;
};

}  // namespace tdm::net
