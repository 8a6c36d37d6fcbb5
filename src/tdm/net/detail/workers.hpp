#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tdm::net::detail {

// A fixed number of threads and a bounded queue before them.
class Workers {
 public:
  using Job = std::move_only_function<void()>;

  Workers(std::size_t threads, std::size_t queued);
  ~Workers() { stop(); }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // False when the queue is full or the workers stop; the job is then untouched.
  bool offer(Job& job);
  // Without a limit: for what belongs to a request that was let in already.
  void add(Job job);
  // Waits for the jobs that run; those that wait are dropped.
  void stop();

 private:
  void work();
  void push(Job job, std::unique_lock<std::mutex>& guard);

  std::size_t queued_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace tdm::net::detail
