#include "tdm/net/governor.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cmath>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

#include "tdm/net/detail/pace.hpp"
#include "tdm/net/detail/quota_memory.hpp"
#include "tdm/telemetry/log.hpp"

namespace tdm::net {

namespace {

using std::chrono::steady_clock;

// What became of a wait: a slot, or why there is none.
struct Outcome {
  std::optional<std::uint64_t> slot{};
  bool cancelled = false;
  bool paused = false;
  std::chrono::nanoseconds wait{};  // till a turn could come
};

// The queue of one process for the turns of one exchange, first come first served. A thread of its own keeps the time,
// so that the pace does not depend on how busy the callers' executors are; it starts with the first caller that has to
// wait.
class Turns {
 public:
  using Done = std::move_only_function<void(Outcome)>;

  Turns(GovernorOptions options, const Clock& clock)
      : options_{std::move(options)}, clock_{clock}, pace_{options_.quota, options_.rate_limit, pace_rate(options_)} {}
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  ~Turns() {
    {
      const std::scoped_lock guard{mutex_};
      stopping_ = true;
    }
    wake_.notify_all();
    if (timer_.joinable()) timer_.join();
  }

  // Units per second; 0: no quota.
  static double unit_rate(const Quota& quota, double share) {
    return share * quota.requests / std::chrono::duration<double>(quota.window).count();
  }

  static double pace_rate(const GovernorOptions& options) {
    return options.even ? unit_rate(options.quota, options.share) : 0;
  }

  double rate(int units) {
    const std::scoped_lock guard{mutex_};
    const double per_second = unit_rate(options_.quota, options_.share);
    return per_second > 0 ? std::min(options_.rate_limit, per_second / units) : options_.rate_limit;
  }
  const std::string& name() const { return options_.name; }

  bool fits(int units) {
    const std::scoped_lock guard{mutex_};
    return pace_.fits(units);
  }

  void set_quota(double units) {
    {
      const std::scoped_lock guard{mutex_};
      options_.quota.requests = units;
      pace_.set_quota(options_.quota, pace_rate(options_));
    }
    wake_.notify_one();
  }

  void report_used(std::uint64_t slot, double units) {
    const std::scoped_lock guard{mutex_};
    pace_.report_used(section(), slot, units, now());
  }

  // Calls `done` once, here or on the timer's thread. Returns the waiter's number for cancel(); 0 when it did not wait.
  std::uint64_t enter(steady_clock::time_point deadline, int units, Done done) {
    std::unique_lock guard{mutex_};
    auto& section = this->section();
    const auto at = now();
    if (waiting_.empty()) {
      const auto turn = pace_.take(section, at, units);
      if (turn.slot) {
        guard.unlock();
        done({.slot = turn.slot});
        return 0;
      }
      again_ = steady_clock::time_point{turn.again};
      paused_ = turn.paused;
    }
    auto mine = again_;
    for (const auto& before : waiting_) mine += pace_.interval(before.units);
    if (mine > deadline) {
      const Outcome outcome{.paused = paused_, .wait = mine - steady_clock::now()};
      guard.unlock();
      done(outcome);
      return 0;
    }
    const auto number = ++last_number_;
    waiting_.push_back({number, deadline, units, std::move(done)});
    if (!timer_.joinable()) timer_ = std::thread{[this] { keep_time(); }};
    guard.unlock();
    wake_.notify_one();
    return number;
  }

  void cancel(std::uint64_t number) {
    std::unique_lock guard{mutex_};
    const auto found = std::ranges::find(waiting_, number, &Waiter::number);
    if (found == waiting_.end()) return;
    Done done = std::move(found->done);
    waiting_.erase(found);
    guard.unlock();
    done({.cancelled = true});
  }

  void give_back(std::uint64_t slot) {
    {
      const std::scoped_lock guard{mutex_};
      pace_.give_back(section(), slot, now());
    }
    wake_.notify_one();
  }

  void pause_until(TimePoint until, std::string_view reason) {
    {
      const std::scoped_lock guard{mutex_};
      auto& held = section().pause_until_us;
      auto before = held.load();
      while (before < to_us(until))
        if (held.compare_exchange_weak(before, to_us(until))) break;
      if (before < to_us(until)) reason_ = reason;
    }
    wake_.notify_one();
  }

  std::optional<TimePoint> paused_until() {
    const std::scoped_lock guard{mutex_};
    const TimePoint until = from_us(section().pause_until_us.load());
    return clock_.now() < until ? std::optional{until} : std::nullopt;
  }

  std::string reason() {
    const std::scoped_lock guard{mutex_};
    return reason_;
  }

 private:
  struct Waiter {
    std::uint64_t number;
    steady_clock::time_point deadline;
    int units;
    Done done;
  };
  // A pause is told in wall time, which may be set: it is looked at again this often.
  static constexpr std::chrono::milliseconds kLongestNap{500};

  detail::Pace::Now now() const {
    return {steady_clock::now().time_since_epoch(), clock_.now(), static_cast<std::uint32_t>(::getpid())};
  }

  // Opened when first needed: making a governor touches nothing, and the store's folder may not be there yet.
  detail::QuotaSection& section() {
    if (memory_ == nullptr) memory_ = open_memory();
    return memory_->section();
  }

  std::unique_ptr<detail::QuotaMemory> open_memory() const {
    if (!options_.memory_file) return detail::QuotaMemory::local();
    std::error_code ignored;  // map() says what is wrong
    std::filesystem::create_directories(std::filesystem::path{*options_.memory_file}.parent_path(), ignored);
    auto memory = detail::QuotaMemory::map(*options_.memory_file, options_.name);
    if (memory) return std::move(*memory);
    telemetry::log(
        telemetry::Level::warn, "quota memory is not shared with other processes",
        {{"exchange", std::string_view{options_.name}}, {"error", std::string_view{memory.error().message}}});
    return detail::QuotaMemory::local();
  }

  void keep_time() {
    std::unique_lock guard{mutex_};
    while (!stopping_) {
      if (waiting_.empty()) {
        wake_.wait(guard);
        continue;
      }
      if (expire_one(guard) || serve_one(guard)) continue;
      auto until = std::min(again_, steady_clock::now() + kLongestNap);
      for (const auto& waiter : waiting_) until = std::min(until, waiter.deadline);
      wake_.wait_until(guard, until);
    }
    while (!waiting_.empty()) finish(guard, waiting_.begin(), {.cancelled = true});
  }

  // The head of the queue gets the turn when there is one.
  bool serve_one(std::unique_lock<std::mutex>& guard) {
    const auto turn = pace_.take(section(), now(), waiting_.front().units);
    if (turn.slot) {
      finish(guard, waiting_.begin(), {.slot = turn.slot});
      return true;
    }
    again_ = steady_clock::time_point{turn.again};
    paused_ = turn.paused;
    return false;
  }

  // Waiters whose deadline came, or whose turn has moved behind it.
  bool expire_one(std::unique_lock<std::mutex>& guard) {
    const auto at = steady_clock::now();
    const auto found = std::ranges::find_if(
        waiting_, [&](const Waiter& waiter) { return waiter.deadline <= at || (paused_ && again_ > waiter.deadline); });
    if (found == waiting_.end()) return false;
    finish(guard, found, {.paused = paused_, .wait = std::max(again_ - at, pace_.interval())});
    return true;
  }

  void finish(std::unique_lock<std::mutex>& guard, std::list<Waiter>::iterator waiter, Outcome outcome) {
    Done done = std::move(waiter->done);
    waiting_.erase(waiter);
    guard.unlock();
    done(outcome);
    guard.lock();
  }

  GovernorOptions options_;
  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable wake_;
  detail::Pace pace_;
  std::unique_ptr<detail::QuotaMemory> memory_;
  std::list<Waiter> waiting_;
  std::uint64_t last_number_ = 0;
  steady_clock::time_point again_{};  // when the head should ask again
  bool paused_ = false;               // because the exchange asked
  std::string reason_;
  bool stopping_ = false;
  std::thread timer_;
};

// Lets a coroutine wait in the queue; it resumes on its own executor.
asio::awaitable<Outcome> wait_for_turn(Turns& turns, steady_clock::time_point deadline, int units) {
  auto initiate = [&turns, deadline, units](auto handler) {
    auto executor = asio::get_associated_executor(handler);
    auto cancellation = asio::get_associated_cancellation_slot(handler);
    auto done = [work = asio::make_work_guard(executor), handler = std::move(handler)](Outcome outcome) mutable {
      asio::post(work.get_executor(), [handler = std::move(handler), outcome]() mutable {
        asio::get_associated_cancellation_slot(handler).clear();
        std::move(handler)(outcome);
      });
      work.reset();
    };
    // The number is known only after the turn may have come: cancel() of an old one does nothing.
    auto number = std::make_shared<std::atomic<std::uint64_t>>(0);
    if (cancellation.is_connected())
      cancellation.assign([&turns, number](asio::cancellation_type) { turns.cancel(number->load()); });
    number->store(turns.enter(deadline, units, std::move(done)));
  };
  co_return co_await asio::async_initiate<decltype(asio::use_awaitable), void(Outcome)>(std::move(initiate),
                                                                                        asio::use_awaitable);
}

class QueueingGovernor final : public Governor, public std::enable_shared_from_this<QueueingGovernor> {
 public:
  QueueingGovernor(GovernorOptions options, const Clock& clock)
      : clock_{clock}, turns_{std::make_unique<Turns>(std::move(options), clock)} {}

  asio::awaitable<Result<Permit>> acquire(steady_clock::time_point deadline, int units) override {
    const auto self = shared_from_this();
    if (units < 1 || !turns_->fits(units))
      co_return fail(ErrorCode::invalid_argument,
                     fmt::format("{}: the quota never has {} units for one request", turns_->name(), units));
    const Outcome outcome = co_await wait_for_turn(*turns_, deadline, units);
    if (outcome.slot) co_return Permit{self, *outcome.slot};
    if (outcome.cancelled) co_return fail(ErrorCode::cancelled, turns_->name() + ": the wait for a turn was stopped");
    co_return std::unexpected{too_long(outcome, units)};
  }

  void pause_until(TimePoint until, std::string_view reason) override { turns_->pause_until(until, reason); }
  void set_quota(double units) override {
    if (std::isfinite(units) && units >= 1) turns_->set_quota(units);
  }
  double permitted_rate(int units) const override { return turns_->rate(std::max(units, 1)); }
  std::optional<TimePoint> paused_until() const override { return turns_->paused_until(); }

 private:
  void release(std::uint64_t turn) noexcept override { turns_->give_back(turn); }
  void report_used(std::uint64_t turn, double units) override { turns_->report_used(turn, units); }

  Error too_long(const Outcome& outcome, int units) const {
    const auto wait =
        std::max(std::chrono::ceil<std::chrono::milliseconds>(outcome.wait), std::chrono::milliseconds{1});
    Error error{.code = ErrorCode::rate_limited, .message = turns_->name() + ": ", .retry_after = wait};
    if (outcome.paused) {
      const auto reason = turns_->reason();
      error.message += fmt::format("no request may be sent before {}{}", to_iso(clock_.now() + wait),
                                   reason.empty() ? " (the exchange asked for a pause)" : " (" + reason + ")");
    } else {
      error.message +=
          fmt::format("{:g} requests per second are permitted, and the next turn comes in {} ms, after the deadline",
                      turns_->rate(units), wait.count());
    }
    return error;
  }

  const Clock& clock_;
  std::unique_ptr<Turns> turns_;
};

}  // namespace

Result<std::shared_ptr<Governor>> Governor::open(GovernorOptions options, const Clock& clock) {
  if (options.name.empty())
    return fail(ErrorCode::invalid_argument, "a quota governor needs the exchange's name", "name");
  if (!std::isfinite(options.rate_limit) || options.rate_limit < 1e-3 || options.rate_limit > 1e6)
    return fail(ErrorCode::invalid_argument,
                fmt::format("rate_limit: {} requests per second for {}: must lie between 0.001 and 1,000,000",
                            options.rate_limit, options.name),
                "rate_limit");
  if (!(options.share > 0) || options.share > 1)
    return fail(ErrorCode::invalid_argument, "the share of the quota of " + options.name + " is not within (0, 1]",
                "share");
  if (options.quota.requests < 0 || options.quota.window <= std::chrono::milliseconds{0})
    return fail(ErrorCode::invalid_argument, "the quota of " + options.name + " is not one", "quota");
  return std::make_shared<QueueingGovernor>(std::move(options), clock);
}

}  // namespace tdm::net
