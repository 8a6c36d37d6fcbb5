#include "tdm/sources/archive_route.hpp"

#include <algorithm>
#include <span>

#include "tdm/core/gap.hpp"  // intersect, subtract_all

namespace tdm::sources {
namespace {

using Ranges = std::vector<TimeRange>;

// Before the first file of a host comes: names, connections, secrets.
constexpr double kFirstContactSeconds = 0.3;

// Files of one length, by begin and apart from each other: months, days.
using Tier = std::vector<ArchiveFile>;

// The longest first.
std::vector<Tier> tiers_of(std::vector<ArchiveFile> files) {
  constexpr std::chrono::days kLongestOfDays{7};
  std::ranges::sort(files, {}, [](const ArchiveFile& file) { return file.period.begin(); });
  std::vector<Tier> tiers(2);
  for (const auto& file : files)
    tiers[file.period.end() - file.period.begin() > kLongestOfDays ? 0 : 1].push_back(file);
  return tiers;
}

struct Way {
  double seconds = 0;
  std::vector<const ArchiveFile*> files;

  void add(const Way& other) {
    seconds += other.seconds;
    files.insert(files.end(), other.files.begin(), other.files.end());
  }
};

class Planner {
 public:
  Planner(Timeframe timeframe, const PageCost& page) : timeframe_{timeframe}, page_{page} {}

  Way over_rest(const Ranges& wanted) const {
    std::int64_t bars = 0;
    for (const auto range : wanted) bars += timeframe_.count(range);
    const auto pages = static_cast<double>(bars) / std::max(1, page_.rows);
    return {pages / std::max(page_.pages_per_second, 1e-3), {}};
  }

  Way best(const Ranges& wanted, std::span<const Tier> tiers) const {
    if (wanted.empty()) return {};
    if (tiers.empty()) return over_rest(wanted);
    const auto shorter = tiers.subspan(1);
    Way way;
    Ranges covered;
    for (const auto& file : tiers.front()) {
      const auto part = intersect(wanted, {file.period});
      if (part.empty()) continue;
      covered.push_back(file.period);
      const auto without = best(part, shorter);
      way.add(file.seconds <= without.seconds ? Way{file.seconds, {&file}} : without);
    }
    way.add(best(subtract_all(wanted, covered), shorter));
    return way;
  }

 private:
  Timeframe timeframe_;
  PageCost page_;
};

}  // namespace

Route route_of(const Series& series, const std::vector<TimeRange>& wanted, const PageCost& page,
               std::vector<ArchiveFile> files) {
  const auto tiers = tiers_of(std::move(files));
  const Planner planner{series.timeframe, page};
  Route route{.files = {}, .rest = wanted};
  const auto way = planner.best(wanted, tiers);
  if (way.files.empty() || way.seconds + kFirstContactSeconds > planner.over_rest(wanted).seconds) return route;

  route.file_seconds = kFirstContactSeconds;
  Ranges covered;
  for (const auto* file : way.files) {
    const auto part = intersect(wanted, {file->period});
    // What lies between two parts comes along: it is in the same file.
    route.files.push_back({TimeRange::of(part.front().begin(), part.back().end()), file->period});
    covered.push_back(file->period);
    route.file_seconds += file->seconds;
    route.file_bytes += file->bytes;
    route.file_requests += file->requests;
  }
  std::ranges::sort(route.files, {}, [](const PageRequest& request) { return request.range.begin(); });
  route.rest = subtract_all(wanted, covered);
  return route;
}

Route route_of(const Series& series, const std::vector<TimeRange>& wanted, const Connector& connector, TimePoint now) {
  std::vector<ArchiveFile> files;
  if (!wanted.empty())
    files = connector.archive_files(series, TimeRange::of(wanted.front().begin(), wanted.back().end()), now);
  return route_of(series, wanted, connector.page_cost(series), std::move(files));
}

}  // namespace tdm::sources
