#include "tdm/serve/detail/jobs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "tdm/telemetry/log.hpp"  // log

namespace tdm::serve {

std::string_view to_string(JobState::Phase phase) {
  switch (phase) {
    case JobState::Phase::queued: return "queued";
    case JobState::Phase::running: return "running";
    case JobState::Phase::done: return "done";
    case JobState::Phase::failed: return "failed";
  }
  std::abort();  // not a phase at all: memory is corrupt
}

namespace {

bool is_over(const JobState& state) {
  return state.phase == JobState::Phase::done || state.phase == JobState::Phase::failed;
}

}  // namespace

Jobs::Jobs(std::shared_ptr<query::MarketData> data, std::size_t running, std::size_t kept)
    : data_{std::move(data)}, running_{std::max<std::size_t>(1, running)}, kept_{std::max<std::size_t>(1, kept)} {}

Jobs::~Jobs() { stop(); }

Result<JobState> Jobs::add(JobRequest request, std::int64_t expected) {
  const std::lock_guard guard{mutex_};
  if (stopped_) return fail(ErrorCode::unavailable, "the server is stopping");
  for (const auto& [id, job] : jobs_)
    if (!is_over(job->state) && job->request == request) return job->state;
  forget_old();
  if (jobs_.size() >= kept_) {
    Error error{
        ErrorCode::rate_limited, fmt::format("{} backfills wait already; try again later", jobs_.size()), {}, {}, {}};
    error.retry_after = std::chrono::seconds{30};
    return std::unexpected{std::move(error)};
  }
  auto job = std::make_shared<Job>(Job{std::move(request), {}});
  job->state.id = fmt::format("b{}", ++last_id_);
  job->state.expected = expected;
  jobs_.emplace(job->state.id, job);
  order_.push_back(job->state.id);
  queue_.push_back(job);
  if (threads_.size() < running_) threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  changed_.notify_one();
  return job->state;
}

std::optional<JobState> Jobs::find(const std::string& id) const {
  const std::lock_guard guard{mutex_};
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? std::nullopt : std::optional{found->second->state};
}

void Jobs::stop() {
  std::vector<std::jthread> threads;
  {
    const std::lock_guard guard{mutex_};
    stopped_ = true;
    queue_.clear();
    threads = std::exchange(threads_, {});
  }
  for (auto& thread : threads) thread.request_stop();
  changed_.notify_all();
}

void Jobs::work(const std::stop_token& stop) {
  for (;;) {
    std::shared_ptr<Job> job;
    {
      std::unique_lock lock{mutex_};
      if (!changed_.wait(lock, stop, [this] { return !queue_.empty(); })) return;
      job = queue_.front();
      queue_.pop_front();
      job->state.phase = JobState::Phase::running;
    }
    run(job, stop);
  }
}

void Jobs::run(const std::shared_ptr<Job>& job, const std::stop_token& stop) {
  const auto on_progress = [&](const ingest::Progress& progress) {
    const std::lock_guard guard{mutex_};
    if (progress.planned) job->state.expected = progress.total_bars;
    job->state.done = progress.done_bars;
    job->state.eta_seconds = progress.eta_seconds;
  };
  const auto& request = job->request;
  const bool update = !request.start && !request.end;
  const auto report = update ? data_->update(request.series, on_progress, stop)
                             : data_->backfill(request.series, request.start, request.end, on_progress, stop);
  const std::lock_guard guard{mutex_};
  job->state.eta_seconds = 0;
  job->state.phase = report ? JobState::Phase::done : JobState::Phase::failed;
  if (report) return;
  job->state.error = report.error();
  telemetry::log(telemetry::Level::warn, "backfill_failed",
                 {{"id", job->state.id}, {"series", request.series.text()}, {"error", report.error().message}});
}

void Jobs::forget_old() {
  for (auto id = order_.begin(); id != order_.end() && jobs_.size() >= kept_;) {
    const auto found = jobs_.find(*id);
    if (found == jobs_.end() || !is_over(found->second->state)) {
      ++id;
      continue;
    }
    jobs_.erase(found);
    id = order_.erase(id);
  }
}

}  // namespace tdm::serve
