#include "tdm/sources/binance/detail/learner.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

namespace tdm::sources::binance {
namespace {

// How often a waiting caller looks whether the run has ended.
constexpr std::chrono::milliseconds kLook{5};

}  // namespace

// A run under way; one that ends without an outcome was cancelled, and the next caller begins anew.
class Learner::Run {
 public:
  explicit Run(Learner& learner) : learner_{learner} {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() {
    const std::scoped_lock guard{learner_.mutex_};
    learner_.running_ = false;
  }
  void finish(Result<void> outcome) {
    const std::scoped_lock guard{learner_.mutex_};
    learner_.outcome_ = std::move(outcome);
    ++learner_.finished_;
  }

 private:
  Learner& learner_;
};

bool Learner::running() const {
  const std::scoped_lock guard{mutex_};
  return running_;
}

asio::awaitable<Result<void>> Learner::run(Learn learn) {
  std::uint64_t seen = 0;
  {
    const std::scoped_lock guard{mutex_};
    seen = finished_;
  }
  while (true) {
    bool mine = false;
    {
      const std::scoped_lock guard{mutex_};
      if (finished_ != seen) co_return outcome_;
      mine = !std::exchange(running_, true);
    }
    if (mine) {
      Run run{*this};
      auto outcome = co_await learn();
      run.finish(outcome);
      co_return outcome;
    }
    asio::steady_timer timer{co_await asio::this_coro::executor, kLook};
    const auto [stopped] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (stopped) co_return fail(ErrorCode::cancelled, "cancelled while waiting for another request");
  }
}

}  // namespace tdm::sources::binance
