#include "tdm/app/detail/signals.hpp"

#include <unistd.h>

#include <ctime>

namespace tdm::app::detail {

Signals::Signals() {
  ::signal(SIGPIPE, SIG_IGN);
  sigemptyset(&watched_);
  sigaddset(&watched_, SIGINT);
  sigaddset(&watched_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &watched_, nullptr);
  watcher_ = std::jthread{[this](const std::stop_token& over) { watch(over); }};
}

Signals::~Signals() { watcher_.request_stop(); }

void Signals::watch(const std::stop_token& over) {
  // The destructor wakes the watcher with a signal of its own, so nothing polls and nothing waits.
  const std::stop_callback wake{over, [this] {
                                  // It is blocked in every thread, so it ends nothing.
                                  // NOLINTNEXTLINE(bugprone-bad-signal-to-kill-thread)
                                  pthread_kill(watcher_.native_handle(), SIGTERM);
                                }};
  int arrived = 0;
  for (;;) {
    int number = 0;
    if (sigwait(&watched_, &number) != 0) continue;
    if (over.stop_requested()) return;
    if (++arrived > 1) ::_exit(1);
    stop_.request_stop();
  }
}

}  // namespace tdm::app::detail
