#include "tdm/app/detail/shared_filler.hpp"

#include <condition_variable>
#include <mutex>

namespace tdm::app::detail {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

// A holder binds its socket right after it took the lock.
constexpr auto kLookAgain = 20ms;

Error cancelled() {
  return {.code = ErrorCode::cancelled,
          .message = "stopped while waiting for the store's lock; what was stored is kept"};
}

void nap(const std::stop_token& stop, std::chrono::milliseconds time) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock{mutex};
  never.wait_for(lock, stop, time, [] { return false; });
}

class SharedFiller final : public ingest::Filler {
 public:
  SharedFiller(std::shared_ptr<ingest::WriterHub> hub, std::shared_ptr<ingest::Filler> local,
               std::shared_ptr<ingest::Filler> holder, std::chrono::milliseconds patience)
      : hub_{std::move(hub)}, local_{std::move(local)}, holder_{std::move(holder)}, patience_{patience} {}

  Result<ingest::FillReport> fill(const ingest::FillRequest& request) override {
    return by_the_writer(request.stop, [&](ingest::Filler& writer) { return writer.fill(request); });
  }

  Result<void> refresh_instruments(std::string exchange, std::string market, std::chrono::seconds max_age,
                                   std::stop_token stop) override {
    return by_the_writer(
        stop, [&](ingest::Filler& writer) { return writer.refresh_instruments(exchange, market, max_age, stop); });
  }

  Result<store::Resolution> remember(const store::Resolution& resolution, std::stop_token stop) override {
    return by_the_writer(stop, [&](ingest::Filler& writer) { return writer.remember(resolution, stop); });
  }

  Result<std::int64_t> accept_gaps(const Series& series, TimeRange range, std::string reason,
                                   std::stop_token stop) override {
    return by_the_writer(stop, [&](ingest::Filler& writer) { return writer.accept_gaps(series, range, reason, stop); });
  }

 private:
  template <class Work>
  std::invoke_result_t<Work, ingest::Filler&> by_the_writer(const std::stop_token& stop, const Work& work) {
    auto deadline = steady_clock::now() + patience_;
    for (;;) {
      if (stop.stop_requested()) return std::unexpected{cancelled()};
      auto lease = hub_->acquire(0ms, stop);
      if (lease) return work(*local_);
      if (lease.error().code != ErrorCode::unavailable) return std::unexpected{std::move(lease).error()};

      const auto asked = steady_clock::now();
      auto result = work(*holder_);
      if (result || result.error().code != ErrorCode::unavailable) return result;
      // Nobody answered, or who answered went away: it has the next deadline who served us meanwhile.
      const auto now = steady_clock::now();
      if (now - asked > kLookAgain) deadline = std::max(deadline, now + kLookAgain);
      if (now >= deadline) return result;
      nap(stop, kLookAgain);
    }
  }

  std::shared_ptr<ingest::WriterHub> hub_;
  std::shared_ptr<ingest::Filler> local_;
  std::shared_ptr<ingest::Filler> holder_;
  std::chrono::milliseconds patience_;
};

}  // namespace

std::shared_ptr<ingest::Filler> make_shared_filler(std::shared_ptr<ingest::WriterHub> hub,
                                                   std::shared_ptr<ingest::Filler> local,
                                                   std::shared_ptr<ingest::Filler> holder,
                                                   std::chrono::milliseconds patience) {
  return std::make_shared<SharedFiller>(std::move(hub), std::move(local), std::move(holder), patience);
}

}  // namespace tdm::app::detail
