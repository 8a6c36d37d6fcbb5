#pragma once

#include <algorithm>
#include <chrono>

#include "tdm/ingest/ingest.hpp"  // Progress, OnProgress

namespace tdm::ingest::detail {

// Counts what a fill has done and tells its caller, on the caller's own thread, at least each kEvery while tick() is
// called.
class Reporter {
 public:
  static constexpr std::chrono::milliseconds kEvery{200};

  explicit Reporter(OnProgress on_progress) : on_progress_{std::move(on_progress)} {}

  // `missing` bars are not durable yet.
  void planned(std::int64_t missing, double permitted_seconds) {
    if (!progress_.planned) {
      progress_.total_bars = missing;
      permitted_seconds_ = permitted_seconds;
    }
    progress_.planned = true;
    progress_.total_bars = std::max(progress_.total_bars, progress_.done_bars + missing);
    progress_.done_bars = std::max(progress_.done_bars, progress_.total_bars - missing);
  }
  void durable(std::int64_t bars) { progress_.done_bars = std::min(progress_.total_bars, progress_.done_bars + bars); }
  void requests(std::int64_t requests) { progress_.requests = requests; }

  void tick() {
    if (std::chrono::steady_clock::now() - told_ >= kEvery) tell();
  }
  void finish() {
    progress_.done_bars = progress_.total_bars;
    tell();
  }
  std::chrono::steady_clock::time_point next_tick() const { return told_ + kEvery; }

 private:
  void tell() {
    const auto now = std::chrono::steady_clock::now();
    told_ = now;
    if (!on_progress_) return;
    const auto seconds = std::chrono::duration<double>(now - started_).count();
    progress_.bars_per_second = seconds > 0 ? static_cast<double>(progress_.done_bars) / seconds : 0;
    const auto left = static_cast<double>(progress_.total_bars - progress_.done_bars);
    progress_.eta_seconds = progress_.bars_per_second > 0 ? left / progress_.bars_per_second : permitted_seconds_;
    on_progress_(progress_);
  }

  OnProgress on_progress_;
  Progress progress_;
  double permitted_seconds_ = 0;  // what the quota alone takes: the estimate before anything is done
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point told_ = started_;
};

}  // namespace tdm::ingest::detail
