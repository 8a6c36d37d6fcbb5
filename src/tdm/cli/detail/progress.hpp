#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tdm/cli/detail/command.hpp"

namespace tdm::cli::detail {

// How far several fills are together.
struct Totals {
  std::int64_t done = 0;
  std::int64_t total = 0;
  double bars_per_second = 0;
  std::optional<double> seconds_left{};
};

// "[#######-------------]  35 %  368,000/1,051,200 bars  109,876 bars/s  6 s left"
std::string bar_line(const Totals& totals);
// The same for a log: "35 %, 368,000 of 1,051,200 bars, 109,876 bars/s, 6 s left"
std::string plain_line(const Totals& totals);

// Shows how far the fills are while it lives: a bar that moves on a terminal, a line now and then elsewhere.
// Thread-safe.
class ProgressDisplay {
 public:
  // `expected[i]`: bars that fill i lacks, as estimated.
  ProgressDisplay(const Context& context, const std::vector<std::int64_t>& expected);
  ~ProgressDisplay();
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  void update(std::size_t fill, const ingest::Progress& progress);
  void finish(std::size_t fill);
  // A line that stays, above the bar.
  void say(const std::string& line);
  Totals totals() const;

 private:
  struct Part {
    std::int64_t total = 0;
    std::int64_t done = 0;
  };

  void show(const std::stop_token& stop);
  Totals totals_locked() const;
  void draw_bar();
  void clear_bar();

  const Context& context_;
  const std::chrono::steady_clock::time_point started_;
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  std::vector<Part> parts_;
  bool drawn_ = false;
  std::jthread ticker_;
};

}  // namespace tdm::cli::detail
