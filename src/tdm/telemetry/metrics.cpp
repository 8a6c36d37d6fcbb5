#include "tdm/telemetry/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <map>
#include <mutex>
#include <variant>

namespace tdm::telemetry {

const std::vector<double>& Histogram::bounds() {
  static const std::vector<double> bounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                          0.5,   1,      2.5,   5,    10,    30,   60};
  return bounds;
}

void Histogram::observe(double seconds) {
  constexpr double kLongest = 1e9;  // thirty years, so that the sum in nanoseconds is always a number
  if (std::isnan(seconds)) return;
  const double value = std::clamp(seconds, 0.0, kLongest);
  const auto bucket = std::ranges::lower_bound(bounds(), value) - bounds().begin();
  counts_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_ns_.fetch_add(static_cast<std::uint64_t>(std::llround(value * 1e9)), std::memory_order_relaxed);
}

Histogram::Snapshot Histogram::snapshot() const {
  static_assert(kBuckets == 15);
  Snapshot snapshot;
  std::uint64_t total = 0;
  for (const auto& count : counts_) snapshot.counts.push_back(total += count.load(std::memory_order_relaxed));
  snapshot.sum = static_cast<double>(sum_ns_.load(std::memory_order_relaxed)) / 1e9;
  return snapshot;
}

namespace {

constexpr std::size_t kMaxLabelSets = 10'000;

template <class T>
using Members = std::map<Labels, std::unique_ptr<T>>;

// All metrics of one name: one kind, one help text, one member per label set.
struct Family {
  std::string help;
  std::variant<Members<Counter>, Members<Gauge>, Members<Histogram>> members;
};

bool is_metric_name(std::string_view name) {
  return name.starts_with("tdm_") &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

std::string escaped(std::string_view text, bool in_quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\\' || (c == '"' && in_quotes))
      (out += '\\') += c;
    else
      out += c;
  }
  return out;
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

// Writes the samples of one family with the labels that every sample has.
class Writer {
 public:
  Writer(std::string& out, std::string_view name, std::string_view environment)
      : out_{out}, name_{name}, environment_{environment} {}

  void head(std::string_view help, std::string_view type) {
    out_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name_, escaped(help, false), name_, type);
  }
  void write(const Labels& labels, const Counter& counter) {
    sample("", labels, "", fmt::format("{}", counter.value()));
  }
  void write(const Labels& labels, const Gauge& gauge) { sample("", labels, "", number(gauge.value())); }
  void write(const Labels& labels, const Histogram& histogram) {
    const auto snapshot = histogram.snapshot();
    const auto& bounds = Histogram::bounds();
    for (std::size_t i = 0; i < snapshot.counts.size(); ++i)
      sample("_bucket", labels, i < bounds.size() ? number(bounds[i]) : "+Inf", fmt::format("{}", snapshot.counts[i]));
    sample("_sum", labels, "", number(snapshot.sum));
    sample("_count", labels, "", fmt::format("{}", snapshot.counts.back()));
  }

 private:
  void sample(std::string_view suffix, const Labels& labels, std::string_view le, const std::string& value) {
    out_ += fmt::format("{}{}{{environment=\"{}\"", name_, suffix, escaped(environment_, true));
    for (const auto& [key, text] : labels) out_ += fmt::format(",{}=\"{}\"", key, escaped(text, true));
    if (!le.empty()) out_ += fmt::format(",le=\"{}\"", le);
    out_ += fmt::format("}} {}\n", value);
  }

  std::string& out_;
  std::string_view name_, environment_;
};

// Never destroyed: what it hands out lives as long as the process.
class Registry {
 public:
  template <class T>
  T& get(std::string_view name, std::string_view help, Labels labels) {
    std::ranges::sort(labels);
    const std::lock_guard guard{mutex_};
    auto& members = members_of<T>(name, help);
    auto found = members.find(labels);
    if (found == members.end() && label_sets_ >= kMaxLabelSets) {
      labels = {{"overflow", "true"}};  // one member takes what has no room, so that sums stay right
      found = members.find(labels);
    }
    if (found == members.end()) {
      found = members.emplace(std::move(labels), std::make_unique<T>()).first;
      ++label_sets_;
    }
    return *found->second;
  }

  std::string exposition(std::string_view environment) const {
    constexpr std::array<std::string_view, 3> kTypes{"counter", "gauge", "histogram"};
    const std::lock_guard guard{mutex_};
    std::string out;
    for (const auto& [name, family] : families_) {
      Writer writer{out, name, environment};
      writer.head(family.help, kTypes[family.members.index()]);
      std::visit(
          [&](const auto& members) {
            for (const auto& [labels, metric] : members) writer.write(labels, *metric);
          },
          family.members);
    }
    return out;
  }

 private:
  // A name that is no metric's, or that is already of another kind, is a defect that the first run of a test shows.
  template <class T>
  Members<T>& members_of(std::string_view name, std::string_view help) {
    auto found = families_.find(name);
    if (found == families_.end()) {
      if (!is_metric_name(name)) std::abort();
      found = families_.emplace(std::string{name}, Family{std::string{help}, Members<T>{}}).first;
    }
    auto* members = std::get_if<Members<T>>(&found->second.members);
    if (members == nullptr) std::abort();
    return *members;
  }

  mutable std::mutex mutex_;
  std::map<std::string, Family, std::less<>> families_;
  std::size_t label_sets_ = 0;
};

Registry& registry() {
  static auto& registry = *new Registry;
  return registry;
}

}  // namespace

Counter& counter(std::string_view name, std::string_view help, const Labels& labels) {
  return registry().get<Counter>(name, help, labels);
}
Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels) {
  return registry().get<Gauge>(name, help, labels);
}
Histogram& histogram(std::string_view name, std::string_view help, const Labels& labels) {
  return registry().get<Histogram>(name, help, labels);
}

std::string exposition(std::string_view environment) { return registry().exposition(environment); }

}  // namespace tdm::telemetry
