#pragma once

#include <chrono>

#include "tdm/core/time.hpp"  // TimePoint

namespace tdm::sim {

// The simulated exchange's time: begins at `start` and passes `speed` times as fast as the host's steady clock; 0
// stands still. Safe from several threads.
class ExchangeClock {
 public:
  ExchangeClock(TimePoint start, double speed) : start_{start}, speed_{speed} {}

  TimePoint now() const {
    return start_ + Micros{static_cast<std::int64_t>(static_cast<double>(elapsed().count()) * speed_)};
  }
  // The host's time since the start.
  std::chrono::microseconds elapsed() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun_);
  }
  double speed() const { return speed_; }

 private:
  TimePoint start_;
  double speed_;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

}  // namespace tdm::sim
