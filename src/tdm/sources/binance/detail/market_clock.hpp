#pragma once

#include <chrono>
#include <mutex>
#include <optional>

#include "tdm/core/time.hpp"  // TimePoint

namespace tdm::sources::binance {

// The clock of one host. Its bars come without a time, so a reading of it is carried on by our own steady clock. It is
// never ahead: a reading is dated to when it was heard, which is after it was taken. Safe from several threads.
class MarketClock {
 public:
  using Steady = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kTrusted{60};  // then it is read again

  void set(TimePoint reading, Steady heard) {
    const std::scoped_lock guard{mutex_};
    reading_ = reading;
    heard_ = heard;
  }
  // The exchange's time at `moment`; nothing before the first reading. A moment before the reading gets the reading.
  std::optional<TimePoint> at(Steady moment) const {
    const std::scoped_lock guard{mutex_};
    if (!reading_) return std::nullopt;
    return *reading_ + std::max(std::chrono::floor<Micros>(moment - heard_), Micros{0});
  }
  bool is_old(Steady now) const {
    const std::scoped_lock guard{mutex_};
    return !reading_ || now - heard_ > kTrusted;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<TimePoint> reading_;
  Steady heard_{};
};

}  // namespace tdm::sources::binance
