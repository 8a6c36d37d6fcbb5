#include "tdm/query/detail/gaps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace tdm::query::detail {
namespace {

constexpr std::size_t kShownGaps = 3;

bool is_accepted(const Gap& gap) { return !gap.accepted_reason.empty(); }

// Not listed yet is no loss: there was nothing to have.
bool is_no_loss(const Gap& gap) { return gap.cause == GapCause::not_listed || is_accepted(gap); }

std::string count_of(std::int64_t bars) { return fmt::format("{} bar{}", bars, bars == 1 ? "" : "s"); }

std::string describe(const Gap& gap) {
  std::string text =
      fmt::format("{} of cause {} in {}", count_of(gap.bars), to_string(gap.cause), to_string(gap.range));
  if (!gap.evidence.empty()) text += fmt::format(" ({})", gap.evidence);
  if (gap.looks > 0)
    text += fmt::format(", looked at {} time{}, last {}", gap.looks, gap.looks == 1 ? "" : "s", to_iso(gap.last_look));
  return text;
}

std::string ways_on(const Series& series, const Gap& gap) {
  if (gap.looks == 0 && gap.cause == GapCause::unknown)
    return fmt::format(
        "fetch it (fetch=\"auto\", or tdm backfill '{}' --start {} --end {}), or read with "
        "on_gap=\"warn\" or \"ignore\"",
        series.text(), to_iso(gap.range.begin()), to_iso(gap.range.end()));
  if (gap.cause == GapCause::low_quality) return "lower min_quality, or read with on_gap=\"warn\" or \"ignore\"";
  return fmt::format(
      "wait (an open gap is looked at again {} h after its last look), read with on_gap=\"warn\" or \"ignore\", or "
      "accept it: tdm gaps accept '{}' {}..{} --reason TEXT",
      kGapRetry.count(), series.text(), to_iso(gap.range.begin()), to_iso(gap.range.end()));
}

// The UTC day that holds t, or the bar where bars are longer than a day.
TimeRange day_of(const Grid& grid, TimePoint t) {
  constexpr std::chrono::days kDay{1};
  if (grid.timeframe().nominal_length() >= kDay) return TimeRange::of(grid.open_of(t), grid.close_of(grid.open_of(t)));
  const TimePoint midnight = std::chrono::floor<std::chrono::days>(t);
  return TimeRange::of(midnight, midnight + kDay);
}

std::int64_t rows_in(std::span<const TimePoint> times, TimeRange range) {
  return std::ranges::lower_bound(times, range.end()) - std::ranges::lower_bound(times, range.begin());
}

}  // namespace

std::vector<Gap> touching(const std::vector<Gap>& ledger, TimeRange range) {
  std::vector<Gap> found;
  if (range.empty()) return found;
  for (const auto& gap : ledger)
    if (gap.state != GapState::closed && gap.range.overlaps(range)) found.push_back(gap);
  return found;
}

Gap unrecorded(const Series& series, const Grid& grid, TimeRange range, GapCause cause, std::string_view evidence) {
  return Gap{.id = 0,
             .series = series,
             .range = range,
             .bars = grid.count(range),
             .cause = cause,
             .evidence = std::string{evidence},
             .state = GapState::open,
             .first_look = {},
             .last_look = {},
             .looks = 0,
             .accepted_reason = {}};
}

std::vector<TimeRange> absent(std::span<const TimePoint> times, const Grid& grid, TimeRange range) {
  std::vector<TimeRange> holes;
  auto expected = grid.ceil(range.begin());
  for (const auto time : times) {
    if (time < expected) continue;
    if (time >= range.end()) break;
    if (expected < time) holes.push_back(TimeRange::of(expected, time));
    expected = grid.close_of(grid.open_of(time));
  }
  if (expected < range.end()) holes.push_back(TimeRange::of(expected, range.end()));
  return holes;
}

std::vector<TimeRange> ranges_of(const std::vector<Gap>& gaps) {
  std::vector<TimeRange> ranges;
  ranges.reserve(gaps.size());
  for (const auto& gap : gaps) ranges.push_back(gap.range);
  return ranges;
}

std::int64_t bars_outside(const Grid& grid, TimeRange range, std::vector<TimeRange> ranges) {
  std::int64_t bars = 0;
  for (const auto part : subtract(range, std::move(ranges))) bars += grid.count(part);
  return bars;
}

std::vector<Gap> low_quality_days(const Series& series, const Grid& grid, TimeRange range,
                                  std::span<const TimePoint> times, const std::vector<Gap>& gaps,
                                  const std::vector<TimeRange>& withheld, double least) {
  std::vector<TimeRange> no_loss = withheld;
  for (const auto& gap : gaps)
    if (is_no_loss(gap)) no_loss.push_back(gap.range);
  no_loss = merge(std::move(no_loss));

  std::vector<Gap> days;
  for (auto at = range.begin(); at < range.end();) {
    const auto whole = day_of(grid, at);
    const auto day = whole.intersect(range);
    at = whole.end();
    const auto expected = bars_outside(grid, day, no_loss);
    const auto present = rows_in(times, day);
    if (present >= expected) continue;
    const double completeness = static_cast<double>(present) / static_cast<double>(expected);
    if (completeness >= least) continue;
    auto gap = unrecorded(series, grid, day, GapCause::low_quality,
                          fmt::format("completeness {:.4f} is below min_quality {:.4f}", completeness, least));
    gap.bars = expected - present;
    days.push_back(std::move(gap));
  }
  return days;
}

Verdict verdict(const Gap& gap, OnGap on_gap) {
  if (on_gap == OnGap::ignore || is_no_loss(gap)) return Verdict::silent;
  if (on_gap == OnGap::raise) return Verdict::raise;
  if (on_gap == OnGap::warn) return Verdict::warn;
  switch (gap.cause) {
    case GapCause::unknown:
    case GapCause::our_disconnect:
    case GapCause::low_quality: return Verdict::raise;
    case GapCause::upstream_missing: return Verdict::warn;
    case GapCause::exchange_outage:
    case GapCause::no_trades:
    case GapCause::not_listed: return Verdict::silent;
  }
  std::abort();  // not a cause at all: memory is corrupt
}

Error incomplete(const Series& series, TimeRange range, const std::vector<Gap>& raising) {
  std::int64_t bars = 0;
  for (const auto& gap : raising) bars += gap.bars;
  std::string message = fmt::format("{} lacks {} of {}: ", series.text(), count_of(bars), to_string(range));
  for (std::size_t i = 0; i < std::min(raising.size(), kShownGaps); ++i)
    message += fmt::format("{}{}", i == 0 ? "" : "; ", describe(raising[i]));
  if (raising.size() > kShownGaps) message += fmt::format("; and {} more", raising.size() - kShownGaps);
  message += ". Ways on: " + ways_on(series, raising.front());
  return Error{ErrorCode::incomplete_data, std::move(message), "on_gap", {}, std::nullopt};
}

}  // namespace tdm::query::detail
