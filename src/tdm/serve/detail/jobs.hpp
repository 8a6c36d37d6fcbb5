#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "tdm/query/market_data.hpp"  // MarketData

namespace tdm::serve {

struct JobRequest {
  Series series;
  std::optional<std::string> start, end;  // both absent: from the watermark to now
  bool operator==(const JobRequest&) const = default;
};

struct JobState {
  enum class Phase : std::uint8_t { queued, running, done, failed };
  std::string id;
  Phase phase = Phase::queued;
  std::int64_t expected = 0;  // bars
  std::int64_t done = 0;      // durable bars
  double eta_seconds = 0;
  std::optional<Error> error{};
};
std::string_view to_string(JobState::Phase phase);

// Backfills that were asked for over HTTP: a bounded queue and a few threads that begin with the first job. The newest
// `kept` jobs can be asked about. Thread-safe.
class Jobs {
 public:
  Jobs(std::shared_ptr<query::MarketData> data, std::size_t running, std::size_t kept);
  ~Jobs();

  // The job that does it: one that waits or runs already for the same request, else a new one. rate_limited when the
  // queue is full.
  Result<JobState> add(JobRequest request, std::int64_t expected);
  std::optional<JobState> find(const std::string& id) const;
  void stop();  // cancels what runs and refuses what comes

 private:
  struct Job {
    JobRequest request;
    JobState state;
  };

  void work(const std::stop_token& stop);
  void run(const std::shared_ptr<Job>& job, const std::stop_token& stop);
  void forget_old();

  const std::shared_ptr<query::MarketData> data_;
  const std::size_t running_, kept_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::shared_ptr<Job>> queue_;
  std::map<std::string, std::shared_ptr<Job>> jobs_;
  std::deque<std::string> order_;  // ids, oldest first
  std::uint64_t last_id_ = 0;
  bool stopped_ = false;
  std::vector<std::jthread> threads_;  // last: they end before what they use
};

}  // namespace tdm::serve
