#include "tdm/core/gap.hpp"

#include <algorithm>

#include "tdm/core/detail/words.hpp"

namespace tdm {
namespace {

constexpr detail::Words<7> kCauses{"exchange_outage", "no_trades", "our_disconnect", "upstream_missing",
                                   "not_listed",      "unknown",   "low_quality"};
constexpr detail::Words<3> kStates{"open", "accounted", "closed"};

}  // namespace

std::string_view to_string(GapCause cause) { return detail::word_of(kCauses, cause); }
Result<GapCause> parse_gap_cause(std::string_view text) {
  return detail::parse_word<GapCause>(kCauses, text, "gap cause", "cause");
}

std::string_view to_string(GapState state) { return detail::word_of(kStates, state); }
Result<GapState> parse_gap_state(std::string_view text) {
  return detail::parse_word<GapState>(kStates, text, "gap state", "state");
}

std::vector<TimeRange> merge(std::vector<TimeRange> ranges) {
  std::erase_if(ranges, [](TimeRange range) { return range.empty(); });
  std::ranges::sort(ranges);
  std::vector<TimeRange> merged;
  for (const auto range : ranges) {
    if (merged.empty() || merged.back().end() < range.begin())
      merged.push_back(range);
    else
      merged.back() = TimeRange::of(merged.back().begin(), std::max(merged.back().end(), range.end()));
  }
  return merged;
}

std::vector<TimeRange> subtract(TimeRange wanted, std::vector<TimeRange> held) {
  std::vector<TimeRange> missing;
  auto from = wanted.begin();
  for (const auto range : merge(std::move(held))) {
    if (range.end() <= from) continue;
    if (range.begin() >= wanted.end()) break;
    if (from < range.begin()) missing.push_back(TimeRange::of(from, range.begin()));
    from = range.end();
  }
  if (from < wanted.end()) missing.push_back(TimeRange::of(from, wanted.end()));
  return missing;
}

std::vector<TimeRange> intersect(const std::vector<TimeRange>& ranges, const std::vector<TimeRange>& within) {
  std::vector<TimeRange> parts;
  for (const auto range : ranges)
    for (const auto window : within)
      if (const auto part = range.intersect(window); !part.empty()) parts.push_back(part);
  return merge(std::move(parts));
}

std::vector<TimeRange> subtract_all(const std::vector<TimeRange>& ranges, const std::vector<TimeRange>& held) {
  std::vector<TimeRange> left;
  for (const auto range : ranges) {
    const auto parts = subtract(range, held);
    left.insert(left.end(), parts.begin(), parts.end());
  }
  return merge(std::move(left));
}

}  // namespace tdm
