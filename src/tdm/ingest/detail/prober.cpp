#include "tdm/ingest/detail/prober.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tdm::ingest::detail {
namespace {

constexpr TimePoint kNoBarBefore = from_ms(1'230'768'000'000);  // 2009-01-01

Series at(const Series& series, Timeframe timeframe) { return {series.instrument, series.price_kind, timeframe}; }

}  // namespace

Prober::Prober(const sources::Connector& connector, const sources::MarketTraits& traits, Series series, TimePoint now)
    : connector_{connector}, series_{std::move(series)} {
  for (const char* name : {"1M", "1d"}) {
    const auto level = Timeframe::parse(name).value();
    const bool coarser = level.nominal_length() > series_.timeframe.nominal_length();
    if (coarser && std::ranges::find(traits.native, level) != traits.native.end()) levels_.push_back(level);
  }
  levels_.push_back(series_.timeframe);
  descend(TimeRange::of(kNoBarBefore, now));
}

void Prober::descend(TimeRange range) {
  const auto level = levels_[level_];
  // The bar that is open now counts: a listing of today has no other.
  const auto last = level.close_of(level.open_of(range.end() - Micros{1}));
  pages_ = connector_.pages(at(series_, level), TimeRange::of(level.open_of(range.begin()), last));
  page_ = 0;
}

std::optional<Prober::Question> Prober::next() const {
  if (first_bar_ || page_ >= pages_.size() || questions_ >= kMaxQuestions) return std::nullopt;
  return Question{at(series_, levels_[level_]), pages_[page_]};
}

void Prober::consume(const sources::Page& page) {
  ++questions_;
  ++page_;
  if (page.rows.open_time.empty()) return;
  const auto found = page.rows.open_time.front();
  if (level_ + 1 == levels_.size()) {
    first_bar_ = found;
    return;
  }
  const auto close = levels_[level_].close_of(found);
  ++level_;
  descend(TimeRange::of(found, close));
}

std::string Prober::evidence() const {
  std::string levels;
  for (const auto level : levels_) levels += fmt::format("{}{}", levels.empty() ? "" : ", ", level.name());
  if (!first_bar_) return fmt::format("no bar found by probing {}", levels);
  return fmt::format("the exchange's first bar is {}, found by probing {}", to_iso(*first_bar_), levels);
}

}  // namespace tdm::ingest::detail
