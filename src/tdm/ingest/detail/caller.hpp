#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include "tdm/ingest/detail/page_stream.hpp"  // Bell
#include "tdm/ingest/detail/reporter.hpp"
#include "tdm/ingest/detail/shop.hpp"
#include "tdm/ingest/detail/spawn.hpp"

namespace tdm::ingest::detail {

// The blocked thread of one call: waits for coroutines, for the lock and for slow writes, tells its caller how far it
// is while it waits, and leaves when it is stopped.
class Caller {
 public:
  static constexpr std::chrono::minutes kAnswerLimit{30};  // beyond every pause an exchange asks for

  Caller(Shop& shop, OnProgress on_progress, std::stop_token stop)
      : reporter{std::move(on_progress)}, shop_{shop}, stop_{std::move(stop)} {}

  Reporter reporter;
  const std::shared_ptr<Bell>& bell() const { return bell_; }
  const std::stop_token& stop() const { return stop_; }
  bool stopped() const { return stop_.stop_requested(); }

  // Waits for something to happen, not longer than until `until`, and reports.
  void rest(std::chrono::steady_clock::time_point until) {
    reporter.tick();
    bell_->wait(stop_, std::min(until, reporter.next_tick()));
  }

  // Runs a connector's coroutine to its end.
  template <class T>
  Result<T> ask(const std::shared_ptr<sources::Connector>& connector, asio::awaitable<Result<T>> work) {
    struct Slot {
      std::mutex mutex;
      std::optional<Result<T>> answer;
    };
    const auto slot = std::make_shared<Slot>();
    spawn(shop_.executor, connector, std::move(work), [slot, bell = bell_](Result<T> answer) {
      {
        const std::lock_guard guard{slot->mutex};
        slot->answer.emplace(std::move(answer));
      }
      bell->ring();
    });
    const auto deadline = std::chrono::steady_clock::now() + kAnswerLimit;
    for (;;) {
      {
        const std::lock_guard guard{slot->mutex};
        if (slot->answer) return *std::move(slot->answer);
      }
      if (stopped()) return cancelled();
      if (std::chrono::steady_clock::now() >= deadline)
        return fail(ErrorCode::unavailable, "no answer from the exchange");
      rest(deadline);
    }
  }

  // Work on a thread of its own. Its end joins it.
  template <class T>
  struct Task {
    std::future<T> result;
    std::jthread thread;

    bool ready() const { return result.wait_for(std::chrono::seconds{0}) == std::future_status::ready; }
  };
  // Starts something slow elsewhere; the bell rings when its result is there.
  template <class F>
  auto start(F work) {
    using T = std::invoke_result_t<F&>;
    std::promise<T> promise;
    auto result = promise.get_future();
    std::jthread thread{[work = std::move(work), promise = std::move(promise), bell = bell_]() mutable {
      try {
        promise.set_value(work());
      } catch (...) {
        promise.set_exception(std::current_exception());
      }
      bell->ring();
    }};
    return Task<T>{std::move(result), std::move(thread)};
  }
  // The same, waited for. It is not left before it has ended.
  template <class F>
  auto aside(F work) {
    auto task = start(std::move(work));
    while (task.result.wait_for(Reporter::kEvery) != std::future_status::ready) reporter.tick();
    return task.result.get();
  }

  // The right to write, waited for in short turns so that progress is told.
  Result<WriterHub::Lease> lease() {
    const auto deadline = std::chrono::steady_clock::now() + shop_.options.lock_wait;
    for (;;) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      auto lease = shop_.hub->acquire(std::clamp(left, std::chrono::milliseconds{0}, Reporter::kEvery), stop_);
      if (lease || lease.error().code != ErrorCode::unavailable || left <= Reporter::kEvery) return lease;
      reporter.tick();
    }
  }

  static std::unexpected<Error> cancelled() {
    return fail(ErrorCode::cancelled, "cancelled by the caller; what was finished is kept");
  }

 private:
  Shop& shop_;
  std::stop_token stop_;
  std::shared_ptr<Bell> bell_ = std::make_shared<Bell>();
};

// Asks the exchange for its instruments and stores the list: probed listings stay, and so do instruments that are gone.
Result<void> renew_listing(Shop& shop, Caller& caller, WriterHub::Lease& lease,
                           const std::shared_ptr<sources::Connector>& connector, const std::string& market);

// A claim over all of `ranges`, once nobody else has one there; unavailable when that is not within idle_wait.
Result<Claims::Ticket> claim_all(Shop& shop, Caller& caller, const Series& series,
                                 const std::vector<TimeRange>& ranges);

// The connector of an exchange, or unknown_exchange with the nearest.
Result<std::shared_ptr<sources::Connector>> connector_of(const Shop& shop, std::string_view exchange);

// The market of a series that the exchange serves; invalid_argument names what it does not.
Result<const sources::MarketTraits*> market_of(const sources::Connector& connector, std::string_view market);
Result<const sources::MarketTraits*> served(const sources::Connector& connector, const Series& series);

// The exchange's time as far as `end` makes it matter: asked for only when our clock cannot be far enough after it.
// Counts a request when it asks.
Result<TimePoint> exchange_now(Shop& shop, Caller& caller, const std::shared_ptr<sources::Connector>& connector,
                               const std::string& market, bool near_now, std::int64_t& requests);

// The instrument as the stored list knows it; the exchange is asked for its list when that one lacks it.
Result<Instrument> find_instrument(Shop& shop, Caller& caller, WriterHub::Lease& lease,
                                   const std::shared_ptr<sources::Connector>& connector, const InstrumentId& id,
                                   std::int64_t& requests);

inline constexpr std::chrono::hours kNearNow{24};  // a range that ends earlier needs no exchange time

}  // namespace tdm::ingest::detail
