#include "tdm/remote/detail/provenance.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tdm::remote {
namespace {

constexpr std::size_t kMostGaps = 20;

bool same_hole(const Gap& a, const Gap& b) { return a.range == b.range && a.cause == b.cause && a.id == b.id; }

}  // namespace

void join(query::Provenance& whole, const query::Provenance& page) {
  whole.rows += page.rows;
  whole.fetched += page.fetched;
  for (const auto& [source, rows] : page.sources) whole.sources[source] += rows;
  for (const auto& note : page.notes)
    if (std::ranges::find(whole.notes, note) == whole.notes.end()) whole.notes.push_back(note);
  whole.gap_count = std::max(whole.gap_count, page.gap_count);
  for (const auto& gap : page.gaps) {
    const auto known = [&](const Gap& other) { return same_hole(gap, other); };
    if (std::ranges::any_of(whole.gaps, known)) continue;
    if (whole.gaps.size() < kMostGaps) whole.gaps.push_back(gap);
    whole.gap_count = std::max(whole.gap_count, static_cast<std::int64_t>(whole.gaps.size()));
  }
}

Result<Series> series_of(const query::Provenance& provenance) {
  const auto kind = provenance.price_kind == "last" ? std::string{} : ":" + provenance.price_kind;
  return Series::parse(fmt::format("{}{}@{}", provenance.instrument, kind, provenance.timeframe));
}

}  // namespace tdm::remote
