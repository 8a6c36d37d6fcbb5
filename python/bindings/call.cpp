#include "python/bindings/call.hpp"

#include <chrono>

namespace tdm::python {
namespace {

using namespace std::chrono_literals;

constexpr auto kSignalPoll = 20ms;

// The newest progress of the working thread; older ones that nobody fetched are forgotten.
class Mailbox {
 public:
  void put(const ingest::Progress& progress) {
    const std::lock_guard guard{mutex_};
    progress_ = progress;
  }
  std::optional<ingest::Progress> take() {
    const std::lock_guard guard{mutex_};
    return std::exchange(progress_, std::nullopt);
  }
  void finish() {
    {
      const std::lock_guard guard{mutex_};
      finished_ = true;
    }
    changed_.notify_one();
  }
  bool wait_finished(std::chrono::milliseconds timeout) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, timeout, [this] { return finished_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<ingest::Progress> progress_;
  bool finished_ = false;
};

void report(nb::handle callable, const ingest::Progress& progress) {
  callable(progress.done_bars, progress.total_bars, progress.bars_per_second, progress.eta_seconds);
}

}  // namespace

void run_interruptible(const std::function<void(const CallContext&)>& work, const CallControl& control) {
  Mailbox mailbox;
  std::exception_ptr thrown;
  std::stop_source stop;
  const std::stop_callback stop_from_python{control.stop, [&] { stop.request_stop(); }};
  const CallContext context{[&](const ingest::Progress& step) { mailbox.put(step); }, stop.get_token()};
  std::jthread worker{[&] {
    try {
      work(context);
    } catch (...) {
      thrown = std::current_exception();
    }
    mailbox.finish();
  }};

  const bool wants_progress = !control.progress.is_none();
  for (bool finished = false; !finished;) {
    {
      const nb::gil_scoped_release release;
      finished = mailbox.wait_finished(kSignalPoll);
      if (finished) worker.join();
    }
    const auto step = wants_progress ? mailbox.take() : std::nullopt;
    try {
      if (step) report(control.progress, *step);
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
    } catch (...) {
      // The exception waits until the work has let go of everything it borrowed from this frame.
      const nb::gil_scoped_release release;
      stop.request_stop();
      if (worker.joinable()) worker.join();
      throw;
    }
  }
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace tdm::python
