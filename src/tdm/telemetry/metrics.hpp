#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tdm::telemetry {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  void add(std::uint64_t by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// Seconds, in the buckets Prometheus users expect for requests.
class Histogram {
 public:
  void observe(double seconds);
  struct Snapshot {
    std::vector<std::uint64_t> counts;  // one per bucket, cumulative, last is +Inf
    double sum = 0;
  };
  Snapshot snapshot() const;
  static const std::vector<double>& bounds();

 private:
  static constexpr std::size_t kBuckets = 15;
  std::atomic<std::uint64_t> counts_[kBuckets + 1]{};
  std::atomic<std::uint64_t> sum_ns_{0};
};

// The process's metrics. Names begin with tdm_. Asking twice for one (name, labels) gives the same object, which lives
// as long as the process. At most 10,000 label sets; beyond that a shared overflow object is returned.
Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {});
Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels = {});
Histogram& histogram(std::string_view name, std::string_view help, const Labels& labels = {});

// Prometheus text exposition 0.0.4. Every sample carries environment="...".
std::string exposition(std::string_view environment);

}  // namespace tdm::telemetry
