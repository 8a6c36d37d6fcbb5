#pragma once

#include <nanobind/nanobind.h>

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "tdm/core/error.hpp"         // Result
#include "tdm/query/market_data.hpp"  // OnProgress

namespace tdm::python {

namespace nb = nanobind;

// What a call into the engine is given: where to report progress, and when to stop.
struct CallContext {
  query::OnProgress on_progress;
  std::stop_token stop;
};

// What Python may do with a call that runs: be told of its progress, and stop it from another thread.
struct CallControl {
  nb::object progress = nb::none();  // a callable (done_bars, total_bars, bars_per_second, eta_seconds), or None
  std::stop_token stop{};
};

// Runs `work` on a thread of its own while this one, without the GIL, waits for it, hands progress to Python and looks
// for signals: Ctrl-C stops the work within 200 ms, keeps what it made durable, and then raises.
void run_interruptible(const std::function<void(const CallContext&)>& work, const CallControl& control);

// Raises the exception that trading_data_market._errors makes of it.
[[noreturn]] void raise_error(const Error& error);

// The value of a call, or its error as a Python exception.
template <class T>
T call(const std::function<Result<T>(const CallContext&)>& work, const CallControl& control = {}) {
  std::optional<Result<T>> result;
  run_interruptible([&](const CallContext& context) { result.emplace(work(context)); }, control);
  if (!result->has_value()) raise_error(result->error());
  return std::move(**result);
}

}  // namespace tdm::python
