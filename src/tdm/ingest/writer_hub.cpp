#include <condition_variable>

#include "tdm/ingest/ingest.hpp"

namespace tdm::ingest {

// The lock is taken for the first lease and given back with the last. While one thread takes it or gives it back
// (`changing`), the others wait: the callbacks and the store are called without `state` held.
struct WriterHub::Shared {
  std::shared_ptr<store::Store> store;
  std::function<void()> on_hold;
  std::function<void()> on_release;

  std::mutex state;
  std::condition_variable_any changed;
  bool changing = false;
  int leases = 0;
  std::unique_ptr<store::Writer> writer;

  // Whoever uses the writer. A mutex alone would let who just had it have it again, past all who wait.
  std::mutex turns;
  std::condition_variable turn_ended;
  std::uint64_t next_turn = 0;
  std::uint64_t current_turn = 0;

  void give_back() {
    std::unique_lock guard{state};
    if (--leases > 0) return;
    changing = true;
    guard.unlock();
    if (on_release) on_release();
    writer.reset();
    guard.lock();
    changing = false;
    guard.unlock();
    changed.notify_all();
  }
};

WriterHub::WriterHub(std::shared_ptr<store::Store> store, std::function<void()> on_hold,
                     std::function<void()> on_release)
    : shared_{std::make_shared<Shared>()} {
  shared_->store = std::move(store);
  shared_->on_hold = std::move(on_hold);
  shared_->on_release = std::move(on_release);
}

WriterHub::~WriterHub() = default;

Result<WriterHub::Lease> WriterHub::acquire(std::chrono::milliseconds wait, std::stop_token stop) {
  const auto deadline = std::chrono::steady_clock::now() + wait;
  std::unique_lock guard{shared_->state};
  const bool settled = shared_->changed.wait_until(guard, stop, deadline, [&] { return !shared_->changing; });
  if (stop.stop_requested()) return fail(ErrorCode::cancelled, "waiting for the right to write was cancelled");
  if (!settled) return fail(ErrorCode::unavailable, "another thread is still waiting for the store's lock");
  if (shared_->writer) {
    ++shared_->leases;
    return Lease{shared_};
  }

  shared_->changing = true;
  guard.unlock();
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  auto locked = shared_->store->lock(std::max(left, std::chrono::milliseconds{0}), std::move(stop));
  const bool holds = locked.has_value();
  if (holds && shared_->on_hold) shared_->on_hold();
  guard.lock();
  shared_->changing = false;
  if (holds) {
    shared_->writer = std::move(*locked);
    shared_->leases = 1;
  }
  guard.unlock();
  shared_->changed.notify_all();
  if (!holds) return std::unexpected{std::move(locked).error()};
  return Lease{shared_};
}

WriterHub::Lease::Lease(std::shared_ptr<Shared> shared) : shared_{std::move(shared)} {}

WriterHub::Lease& WriterHub::Lease::operator=(Lease&& other) noexcept {
  if (this == &other) return *this;
  if (shared_) shared_->give_back();
  shared_ = std::move(other.shared_);
  return *this;
}

WriterHub::Lease::~Lease() {
  if (shared_) shared_->give_back();
}

WriterHub::Lease::Turn::Turn(Shared& shared) : shared_{shared} {
  std::unique_lock guard{shared_.turns};
  const auto mine = shared_.next_turn++;
  shared_.turn_ended.wait(guard, [&] { return shared_.current_turn == mine; });
}

WriterHub::Lease::Turn::~Turn() {
  {
    const std::lock_guard guard{shared_.turns};
    ++shared_.current_turn;
  }
  shared_.turn_ended.notify_all();
}

store::Writer& WriterHub::Lease::Turn::writer() const { return *shared_.writer; }

}  // namespace tdm::ingest
