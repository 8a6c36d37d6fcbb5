#include "tdm/app/detail/shared_filler.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "tdm/remote/remote.hpp"  // kHolderGone

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
    return watched(request, [](ingest::Filler& writer, const auto& asked) { return writer.fill(asked); });
  }

  Result<ingest::FillReport> import_bars(const ingest::ImportRequest& request) override {
    return watched(request, [](ingest::Filler& writer, const auto& asked) { return writer.import_bars(asked); });
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

  Result<store::Footprint> remove(const Series& series, store::Raw raw, std::stop_token stop) override {
    return by_the_writer(stop, [&](ingest::Filler& writer) { return writer.remove(series, raw, stop); });
  }

 private:
  // What tells its progress.
  template <class Request, class Work>
  Result<ingest::FillReport> watched(const Request& request, const Work& work) {
    std::atomic<bool> alive{false};
    auto asked = request;
    asked.on_progress = [&](const ingest::Progress& progress) {
      alive = true;
      if (request.on_progress) request.on_progress(progress);
    };
    return by_the_writer(request.stop, [&](ingest::Filler& writer) { return work(writer, asked); }, &alive);
  }

  // `alive`: set while somebody does the work. A holder that was killed in the midst of it starts our patience anew,
  // one that says nothing does not.
  template <class Work>
  std::invoke_result_t<Work, ingest::Filler&> by_the_writer(const std::stop_token& stop, const Work& work,
                                                            std::atomic<bool>* alive = nullptr) {
    auto deadline = steady_clock::now() + patience_;
    for (;;) {
      if (stop.stop_requested()) return std::unexpected{cancelled()};
      auto lease = hub_->acquire(0ms, stop);
      if (lease) return work(*local_);
      if (lease.error().code != ErrorCode::unavailable) return std::unexpected{std::move(lease).error()};

      auto result = work(*holder_);
      if (result || !is_gone(result.error())) return result;
      const auto now = steady_clock::now();
      if (alive != nullptr && alive->exchange(false)) deadline = now + patience_;
      if (now >= deadline) return result;
      nap(stop, kLookAgain);
    }
  }

  static bool is_gone(const Error& error) {
    return error.code == ErrorCode::unavailable && error.parameter == remote::kHolderGone;
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
