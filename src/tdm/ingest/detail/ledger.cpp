#include "tdm/ingest/detail/ledger.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tdm::ingest::detail {
namespace {

constexpr std::string_view kAbsent = "absent from the exchange's answer";
constexpr std::string_view kAbsentInFile = "absent from an imported file; the exchange was not asked yet";

// Why a run of bars is not there.
struct Absence {
  TimeRange range;
  GapCause cause = GapCause::unknown;
  std::string evidence;

  bool same_reason(const Absence& other) const { return cause == other.cause && evidence == other.evidence; }
};

Absence absence_of(TimePoint open_time, const Look& look, const Facts& facts) {
  const auto close_time = facts.series.timeframe.close_of(open_time);
  Absence absence{TimeRange::of(open_time, close_time), GapCause::unknown,
                  std::string{look.asked ? kAbsent : kAbsentInFile}};
  if (facts.life.proven && open_time < *facts.life.proven) {
    absence.cause = GapCause::not_listed;
    absence.evidence = facts.life.evidence;
    return absence;
  }
  if (const auto refused = look.refused.find(open_time); refused != look.refused.end()) {
    absence.evidence = fmt::format("quarantined by {}", refused->second);
    return absence;
  }
  if (facts.life.ended && open_time >= *facts.life.ended) {
    absence.cause = GapCause::not_listed;
    absence.evidence = fmt::format("the exchange says that it ended at {}", to_iso(*facts.life.ended));
    return absence;
  }
  const auto& market = facts.series.instrument.market.text();
  for (const auto& outage : facts.outages) {
    if (!outage.range.overlaps(absence.range) || !(outage.market.empty() || outage.market == market)) continue;
    absence.cause = GapCause::exchange_outage;
    absence.evidence = outage.evidence;
    break;
  }
  return absence;
}

// Runs of absent bars with one reason each, by begin.
std::vector<Absence> absences_of(const Look& look, const Facts& facts) {
  std::vector<Absence> absences;
  const auto timeframe = facts.series.timeframe;
  if (timeframe.count(look.window) == static_cast<std::int64_t>(look.present.size())) return absences;
  auto held = look.present.begin();
  for (auto open_time = look.window.begin(); open_time < look.window.end(); open_time = timeframe.close_of(open_time)) {
    while (held != look.present.end() && *held < open_time) ++held;
    if (held != look.present.end() && *held == open_time) continue;
    auto absence = absence_of(open_time, look, facts);
    if (!absences.empty() && absences.back().range.end() == open_time && absences.back().same_reason(absence))
      absences.back().range = TimeRange::of(absences.back().range.begin(), absence.range.end());
    else
      absences.push_back(std::move(absence));
  }
  return absences;
}

GapState state_of(GapCause cause) { return cause == GapCause::unknown ? GapState::open : GapState::accounted; }

Gap fresh_gap(const Series& series, TimeRange range, const Absence& absence, const Look& look) {
  return {.id = 0,
          .series = series,
          .range = range,
          .bars = series.timeframe.count(range),
          .cause = absence.cause,
          .evidence = absence.evidence,
          .state = state_of(absence.cause),
          .first_look = look.at,
          .last_look = look.at,
          .looks = look.asked ? 1 : 0,
          .accepted_reason = {}};
}

// The gap looked at once more. What a person accepted stays accepted; what a file lacks says nothing new.
Gap looked_again(Gap gap, TimeRange range, const Absence& absence, const Look& look) {
  gap.range = range;
  if (!look.asked) return gap;
  gap.cause = absence.cause;
  gap.evidence = absence.evidence;
  if (gap.accepted_reason.empty()) gap.state = state_of(absence.cause);
  gap.last_look = look.at;
  ++gap.looks;
  return gap;
}

bool are_near(TimePoint a, TimePoint b) { return std::chrono::abs(a - b) < kGapRetry; }

// Two that touch and tell the same story: a long hole seen page by page is one gap. Two that are in the ledger already
// stay two.
bool are_one(const Gap& left, const Gap& right) {
  if (left.id != 0 && right.id != 0 && left.id != right.id) return false;
  return left.range.end() == right.range.begin() && left.cause == right.cause && left.evidence == right.evidence &&
         left.state == right.state && left.looks == right.looks && left.accepted_reason == right.accepted_reason &&
         are_near(left.first_look, right.first_look) && are_near(left.last_look, right.last_look);
}

void join(Gap& left, const Gap& right) {
  left.range = TimeRange::of(left.range.begin(), right.range.end());
  left.first_look = std::min(left.first_look, right.first_look);
  left.last_look = std::max(left.last_look, right.last_look);
  if (left.id == 0) left.id = right.id;
}

// Pieces of one gap keep its id once: the first of them.
void keep_ids_once(std::vector<Gap>& gaps) {
  std::vector<std::int64_t> used;
  for (auto& gap : gaps) {
    if (gap.id == 0) continue;
    if (std::ranges::find(used, gap.id) != used.end())
      gap.id = 0;
    else
      used.push_back(gap.id);
  }
}

std::vector<Gap> joined(std::vector<Gap> gaps, Timeframe timeframe) {
  std::ranges::sort(gaps, {}, [](const Gap& gap) { return gap.range.begin(); });
  std::vector<Gap> result;
  for (auto& gap : gaps) {
    if (!result.empty() && are_one(result.back(), gap))
      join(result.back(), gap);
    else
      result.push_back(std::move(gap));
  }
  for (auto& gap : result) gap.bars = timeframe.count(gap.range);
  keep_ids_once(result);
  return result;
}

}  // namespace

Life life_of(const std::optional<store::Manifest>& manifest, const Instrument& instrument, Timeframe timeframe) {
  Life life;
  if (!instrument.active) life.ended = instrument.delivery_time;
  if (!manifest) return life;
  std::vector<TimeRange> holes;
  for (const auto& gap : manifest->gaps) {
    holes.push_back(gap.range);
    // Only a series that was probed has such a gap, and its manifest knows what the probe found.
    if (gap.cause != GapCause::not_listed || life.proven || !manifest->instrument.valid_from) continue;
    if (life.ended && gap.range.begin() >= *life.ended) continue;
    life.proven = timeframe.open_of(*manifest->instrument.valid_from);
    life.evidence = gap.evidence;
  }
  for (const auto range : manifest->looked) {
    const auto held = subtract(range, holes);
    if (held.empty()) continue;
    life.earliest_bar = held.front().begin();
    break;
  }
  return life;
}

std::vector<Gap> after_look(const std::vector<Gap>& ledger, const Look& look, const Facts& facts) {
  if (look.window.empty()) return ledger;
  const auto absences = absences_of(look, facts);
  std::vector<Gap> touched;
  std::vector<Gap> result;
  for (const auto& gap : ledger) {
    if (!gap.range.overlaps(look.window)) {
      result.push_back(gap);
      continue;
    }
    touched.push_back(gap);
    for (const auto outside : subtract(gap.range, {look.window})) {
      result.push_back(gap);
      result.back().range = outside;
    }
  }
  if (touched.empty() && absences.empty()) return ledger;
  for (const auto& absence : absences) {
    std::vector<TimeRange> known;
    for (const auto& gap : touched) {
      const auto part = gap.range.intersect(absence.range);
      if (part.empty()) continue;
      known.push_back(part);
      result.push_back(looked_again(gap, part, absence, look));
    }
    for (const auto part : subtract(absence.range, known))
      result.push_back(fresh_gap(facts.series, part, absence, look));
  }
  return joined(std::move(result), facts.series.timeframe);
}

std::vector<Gap> changes(const std::vector<Gap>& before, const std::vector<Gap>& after, TimePoint at) {
  std::vector<Gap> changed;
  const auto by_id = [](const std::vector<Gap>& gaps, std::int64_t id) {
    return std::ranges::find_if(gaps, [&](const Gap& gap) { return gap.id == id; });
  };
  for (const auto& gap : before) {  // the closed first: their ranges may be those of new ones
    if (by_id(after, gap.id) != after.end()) continue;
    changed.push_back(gap);
    changed.back().state = GapState::closed;
    changed.back().last_look = at;
    ++changed.back().looks;
  }
  for (const auto& gap : after) {
    const auto known = gap.id == 0 ? before.end() : by_id(before, gap.id);
    if (known == before.end() || !(*known == gap)) changed.push_back(gap);
  }
  return changed;
}

std::optional<TimePoint> watermark_of(std::vector<TimeRange> looked, std::optional<TimePoint> first_provisional) {
  const auto runs = merge(std::move(looked));
  if (runs.empty()) return std::nullopt;
  const auto end = runs.front().end();
  return first_provisional && *first_provisional < end ? *first_provisional : end;
}

}  // namespace tdm::ingest::detail
