#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tdm/config/config.hpp"      // Collect
#include "tdm/query/market_data.hpp"  // MarketData

namespace tdm::app::detail {

struct CollectorOptions {
  std::chrono::milliseconds expand_every{std::chrono::minutes{10}};  // instruments come and go
  std::chrono::milliseconds shortest{std::chrono::minutes{1}};       // between two polls of a series
  std::chrono::milliseconds longest{std::chrono::minutes{15}};
  std::size_t workers = 4;
};

// Keeps the series that the configuration names up to date while it lives: each is asked for from `since` to now about
// as often as it gets bars. A failure is logged and tried again at the next turn.
class Collector {
 public:
  Collector(query::MarketData& data, std::vector<config::Collect> wanted, CollectorOptions options = {});
  ~Collector();  // stops what runs and waits for it
  void stop();   // the same without waiting
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

 private:
  using Moment = std::chrono::steady_clock::time_point;

  void run(const std::stop_token& stop);
  void expand(const std::stop_token& stop);
  void poll(const Series& series, const std::string& since, const std::stop_token& stop);
  std::chrono::milliseconds pause_of(const Series& series) const;

  query::MarketData& data_;
  const std::vector<config::Collect> wanted_;
  const CollectorOptions options_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<Series, std::string> since_;      // every series that was found, and from when on
  std::set<std::pair<Moment, Series>> due_;  // those that nobody is polling now
  Moment expand_at_{};
  bool expanding_ = false;
  std::vector<std::jthread> workers_;
};

}  // namespace tdm::app::detail
