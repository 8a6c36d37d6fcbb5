#include "tdm/query/detail/verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "tdm/query/detail/frames.hpp"  // open_times
#include "tdm/query/detail/gaps.hpp"    // absent, ranges_of

namespace tdm::query::detail {
namespace {

constexpr std::size_t kShown = 5;  // of one kind of problem

class Checker {
 public:
  Checker(const store::Manifest& manifest, CheckReport& report) : manifest_{manifest}, report_{report} {}

  void check_rows(std::span<const TimePoint> times) {
    check_order(times);
    check_grid(times);
    check_count("rows", static_cast<std::int64_t>(times.size()), manifest_.rows);
    const auto tail = static_cast<std::int64_t>(manifest_.tail.size());
    check_count("confirmed rows", static_cast<std::int64_t>(times.size()) - tail, manifest_.confirmed);
    check_presence(times);
    check_gaps(times);
  }

 private:
  Timeframe timeframe() const { return manifest_.series.timeframe; }

  void add(std::string problem) { report_.problems.push_back(std::move(problem)); }

  // The first few of many alike.
  void add_some(std::vector<std::string> problems) {
    const auto count = problems.size();
    for (std::size_t i = 0; i < std::min(count, kShown); ++i) add(std::move(problems[i]));
    if (count > kShown) add(fmt::format("and {} more like it", count - kShown));
  }

  void check_count(std::string_view what, std::int64_t found, std::int64_t said) {
    if (found != said) add(fmt::format("the manifest says {} {}, there are {}", said, what, found));
  }

  void check_order(std::span<const TimePoint> times) {
    const auto wrong = std::ranges::adjacent_find(times, std::greater_equal{});
    if (wrong != times.end())
      add(fmt::format("open times do not increase: {} is followed by {}", to_iso(*wrong), to_iso(*(wrong + 1))));
  }

  void check_grid(std::span<const TimePoint> times) {
    std::vector<std::string> problems;
    for (const auto time : times)
      if (!timeframe().on_grid(time)) problems.push_back(fmt::format("{} is not on the grid", to_iso(time)));
    add_some(std::move(problems));
  }

  // Every bar that was asked for, and every bar before the watermark, is there or accounted for.
  void check_presence(std::span<const TimePoint> times) {
    auto settled = manifest_.looked;
    if (manifest_.watermark && !settled.empty() && settled.front().begin() < *manifest_.watermark)
      settled.push_back(TimeRange::of(settled.front().begin(), *manifest_.watermark));
    if (manifest_.watermark && settled.empty())
      add(fmt::format("the watermark is {}, but no range was ever looked at", to_iso(*manifest_.watermark)));
    std::vector<std::string> problems;
    for (const auto range : merge(std::move(settled)))
      for (const auto hole : absent(times, timeframe(), range))
        for (const auto part : subtract(hole, ranges_of(manifest_.gaps)))
          problems.push_back(
              fmt::format("{} bars of {} are absent and in no gap", timeframe().count(part), to_string(part)));
    add_some(std::move(problems));
  }

  void check_gaps(std::span<const TimePoint> times) {
    std::vector<std::string> problems;
    for (const auto& gap : manifest_.gaps) {
      const auto range = gap.range;
      if (!timeframe().on_grid(range.begin()) || !timeframe().on_grid(range.end()))
        problems.push_back(fmt::format("gap {} {} is not on the grid", gap.id, to_string(range)));
      if (timeframe().count(range) != gap.bars)
        problems.push_back(fmt::format("gap {} {} says {} bars, the grid has {}", gap.id, to_string(range), gap.bars,
                                       timeframe().count(range)));
      const auto inside = std::ranges::lower_bound(times, range.begin());
      if (inside != times.end() && *inside < range.end())
        problems.push_back(fmt::format("gap {} {} holds the bar {}", gap.id, to_string(range), to_iso(*inside)));
    }
    add_some(std::move(problems));
  }

  const store::Manifest& manifest_;
  CheckReport& report_;
};

}  // namespace

Result<CheckReport> verify(const store::Store& store, const Series& series) {
  CheckReport report{.series = series};
  const auto segments = store.verify(series);
  if (!segments) return std::unexpected{segments.error()};
  report.segments = static_cast<std::int64_t>(segments->size());
  for (const auto& check : *segments)
    if (!check.problem.empty()) report.problems.push_back(fmt::format("{}: {}", check.segment.path, check.problem));

  const auto manifest = store.manifest(series);
  if (!manifest) return std::unexpected{manifest.error()};
  if (!*manifest) return fail(ErrorCode::not_found, fmt::format("nothing of {} is stored", series.text()), "series");
  constexpr TimePoint kEnd{std::chrono::sys_days{std::chrono::year{2200} / 1 / 1}};
  const auto everything = TimeRange::of(TimePoint{}, kEnd);
  const auto rows = store.read(**manifest, everything, {.columns = {"open_time"}, .include_tail = true});
  if (!rows) {
    // A damaged segment was named above; the rows cannot be judged without it.
    if (report.problems.empty()) report.problems.push_back(rows.error().message);
    return report;
  }
  report.rows = static_cast<std::int64_t>(rows->rows);
  Checker{**manifest, report}.check_rows(open_times(*rows));
  return report;
}

}  // namespace tdm::query::detail
