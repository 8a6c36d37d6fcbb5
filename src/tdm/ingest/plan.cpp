#include <algorithm>

#include "tdm/ingest/detail/plan.hpp"
#include "tdm/sources/archive_route.hpp"  // route_of

namespace tdm::ingest {
namespace detail {
namespace {

// Asked for again: open, not accepted by a person, and its last look is old enough. A gap without a look was found in a
// file.
bool is_due(const Gap& gap, TimePoint now) {
  return gap.state == GapState::open && gap.accepted_reason.empty() &&
         (gap.looks == 0 || gap.last_look + kGapRetry <= now);
}

}  // namespace

TimeRange ended_bars(Timeframe timeframe, TimeRange range, TimePoint now) {
  return timeframe.whole_bars(TimeRange::of(range.begin(), std::min(range.end(), std::max(range.begin(), now))));
}

std::vector<TimeRange> missing_of(const Series& series, TimeRange range, const store::Manifest* manifest,
                                  std::chrono::seconds settle, TimePoint now) {
  const auto timeframe = series.timeframe;
  const auto wanted = ended_bars(timeframe, range, now);
  if (wanted.empty()) return {};
  if (manifest == nullptr) return {wanted};

  auto missing = subtract(wanted, manifest->looked);
  const auto add = [&](TimeRange part) {
    if (const auto inside = part.intersect(wanted); !inside.empty()) missing.push_back(inside);
  };
  for (const auto& gap : manifest->gaps)
    if (is_due(gap, now)) add(gap.range);
  for (const auto open_time : manifest->tail.open_time) {
    const auto close_time = timeframe.close_of(open_time);
    if (close_time + settle <= now) add(TimeRange::of(open_time, close_time));
  }
  return merge(std::move(missing));
}

std::chrono::seconds settle_of(const sources::MarketTraits& traits, Timeframe timeframe,
                               const std::map<std::string, double>& configured) {
  const auto found = configured.find(traits.name);
  if (found == configured.end()) return traits.settle(timeframe);
  return std::chrono::seconds{static_cast<std::int64_t>(found->second)};
}

std::int64_t count_bars(Timeframe timeframe, const std::vector<TimeRange>& ranges) {
  std::int64_t bars = 0;
  for (const auto range : ranges) bars += timeframe.count(range);
  return bars;
}

}  // namespace detail

Plan make_plan(const Series& series, TimeRange range, const store::Manifest* manifest,
               const sources::Connector& connector, TimePoint exchange_now) {
  const auto timeframe = series.timeframe;
  const auto* traits = sources::find_market(connector, series.instrument.market.text());
  const auto settle = traits != nullptr ? traits->settle(timeframe) : std::chrono::seconds{600};

  Plan plan{.series = series, .range = detail::ended_bars(timeframe, range, exchange_now)};
  plan.missing = detail::missing_of(series, range, manifest, settle, exchange_now);
  plan.missing_bars = detail::count_bars(timeframe, plan.missing);
  const auto route = sources::route_of(series, plan.missing, connector, exchange_now);
  plan.pages = route.files;
  plan.archive_files = static_cast<std::int64_t>(route.files.size());
  for (const auto part : route.rest) {
    const auto pages = connector.pages(series, part);
    plan.pages.insert(plan.pages.end(), pages.begin(), pages.end());
  }
  const auto rest_pages = static_cast<std::int64_t>(plan.pages.size()) - plan.archive_files;
  const auto rest_bars = detail::count_bars(timeframe, route.rest);
  const auto cost = connector.page_cost(series);
  plan.requests = route.file_requests + rest_pages;
  plan.archive_bars = plan.missing_bars - rest_bars;
  plan.bytes = route.file_bytes + cost.bytes * rest_bars / std::max(1, cost.rows);
  const auto rate = cost.pages_per_second;
  plan.seconds = route.file_seconds + (rate > 0 ? static_cast<double>(rest_pages) / rate : 0);
  return plan;
}

}  // namespace tdm::ingest
