#pragma once

#include <memory>

#include "tdm/core/time.hpp"  // TimePoint

namespace tdm {

// Where time comes from. Passed in, so that tests and replays choose it. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;  // this host's wall clock, UTC
};

// The host's clock: the only place in the product that reads it.
const Clock& system_clock();

// A clock that stands where it was put.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(TimePoint now) : now_{now} {}
  TimePoint now() const override { return now_; }
  void set(TimePoint now) { now_ = now; }
  void advance(Micros by) { now_ += by; }

 private:
  TimePoint now_;
};

}  // namespace tdm
