#include "tdm/app/detail/collector.hpp"

#include <algorithm>

#include "tdm/telemetry/log.hpp"

namespace tdm::app::detail {
namespace {

using std::chrono::steady_clock;

void log_failure(std::string_view event, std::string_view what, const Error& error) {
  if (error.code == ErrorCode::cancelled) return;
  telemetry::log(telemetry::Level::warn, event, {{"series", what}, {"error", std::string_view{error.message}}});
}

}  // namespace

Collector::Collector(query::MarketData& data, std::vector<config::Collect> wanted, CollectorOptions options)
    : data_{data}, wanted_{std::move(wanted)}, options_{options} {
  if (wanted_.empty()) return;
  if (std::ranges::any_of(wanted_, &config::Collect::live))
    telemetry::log(telemetry::Level::warn, "collect: the live feed is not built in; its series are polled");
  for (std::size_t i = 0; i < options_.workers; ++i)
    workers_.emplace_back([this](const std::stop_token& stop) { run(stop); });
}

Collector::~Collector() {
  stop();
  workers_.clear();
}

void Collector::stop() {
  for (auto& worker : workers_) worker.request_stop();
}

void Collector::run(const std::stop_token& stop) {
  std::unique_lock lock{mutex_};
  while (!stop.stop_requested()) {
    const auto now = steady_clock::now();
    if (!expanding_ && now >= expand_at_) {
      expanding_ = true;
      lock.unlock();
      expand(stop);
      lock.lock();
      expanding_ = false;
      expand_at_ = steady_clock::now() + options_.expand_every;
      changed_.notify_all();
      continue;
    }
    if (due_.empty() || due_.begin()->first > now) {
      auto until = expanding_ ? now + options_.longest : expand_at_;
      if (!due_.empty()) until = std::min(until, due_.begin()->first);
      changed_.wait_until(lock, stop, until, [&] { return !due_.empty() && due_.begin()->first < until; });
      continue;
    }
    const auto series = due_.begin()->second;
    const auto since = since_.at(series);
    due_.erase(due_.begin());
    lock.unlock();
    poll(series, since, stop);
    lock.lock();
    due_.emplace(steady_clock::now() + pause_of(series), series);
  }
}

void Collector::expand(const std::stop_token& stop) {
  for (const auto& collect : wanted_) {
    const auto all = data_.expand({collect.series}, false, stop);
    if (!all) {
      log_failure("collect: the pattern could not be expanded", collect.series, all.error());
      continue;
    }
    const std::lock_guard guard{mutex_};
    for (const auto& series : *all)
      if (since_.emplace(series, collect.since).second) due_.emplace(steady_clock::now(), series);
  }
}

void Collector::poll(const Series& series, const std::string& since, const std::stop_token& stop) {
  const auto report = data_.backfill(series, since, std::nullopt, {}, stop);
  const auto name = series.text();
  if (!report) return log_failure("collect: the series could not be updated", name, report.error());
  telemetry::log(telemetry::Level::debug, "collected",
                 {{"series", std::string_view{name}}, {"stored", report->stored}});
}

std::chrono::milliseconds Collector::pause_of(const Series& series) const {
  return std::clamp<std::chrono::milliseconds>(series.timeframe.nominal_length(), options_.shortest, options_.longest);
}

}  // namespace tdm::app::detail
