#include "tdm/net/detail/workers.hpp"

#include <algorithm>
#include <utility>

namespace tdm::net::detail {

Workers::Workers(std::size_t threads, std::size_t queued) : queued_{queued} {
  for (std::size_t i = 0; i < std::max<std::size_t>(1, threads); ++i) threads_.emplace_back([this] { work(); });
}

bool Workers::offer(Job& job) {
  std::unique_lock guard{mutex_};
  if (stopping_ || jobs_.size() >= queued_ + idle_) return false;
  push(std::move(job), guard);
  return true;
}

void Workers::add(Job job) {
  std::unique_lock guard{mutex_};
  if (!stopping_) push(std::move(job), guard);
}

void Workers::push(Job job, std::unique_lock<std::mutex>& guard) {
  jobs_.push_back(std::move(job));
  const bool somebody_sleeps = idle_ > 0;
  guard.unlock();
  if (somebody_sleeps) wake_.notify_one();
}

void Workers::stop() {
  std::deque<Job> dropped;
  {
    const std::scoped_lock guard{mutex_};
    stopping_ = true;
    dropped.swap(jobs_);
  }
  wake_.notify_all();
  for (auto& thread : threads_)
    if (thread.joinable()) thread.join();
}

void Workers::work() {
  std::unique_lock guard{mutex_};
  while (true) {
    while (jobs_.empty() && !stopping_) {
      ++idle_;
      wake_.wait(guard);
      --idle_;
    }
    if (stopping_) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    guard.unlock();
    job();
    job = nullptr;
    guard.lock();
  }
}

}  // namespace tdm::net::detail
