#pragma once

#include <csignal>
#include <stop_token>
#include <thread>

namespace tdm::app::detail {

// Turns SIGINT and SIGTERM into a stop request; a second one ends the process at once. To be made before any other
// thread, which inherit that the signals are blocked. A closed pipe is an error of the write and no signal.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  std::stop_token token() const { return stop_.get_token(); }

 private:
  void watch(const std::stop_token& over);

  sigset_t watched_{};
  std::stop_source stop_;
  std::jthread watcher_;
};

}  // namespace tdm::app::detail
