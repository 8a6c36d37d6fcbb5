#include "tdm/ingest/detail/account.hpp"

#include <algorithm>
#include <future>
#include <iterator>
#include <set>
#include <utility>

namespace tdm::ingest::detail {
namespace {

// Open bars stay out: they are asked for again when they have ended.
void append_closed(ObservationColumns& to, ObservationColumns rows, const std::vector<std::size_t>& still_open) {
  if (still_open.empty()) {
    if (to.size() > 0) return append(to, rows);
    to = std::move(rows);  // a month of minutes need not be copied
    return;
  }
  for (std::size_t row = 0; row < rows.size(); ++row)
    if (!std::ranges::binary_search(still_open, row)) append_row(to, rows, row);
}

std::vector<TimePoint> times_in(const std::vector<TimePoint>& times, TimeRange window) {
  return {std::ranges::lower_bound(times, window.begin()), std::ranges::lower_bound(times, window.end())};
}

// What the page says of its window: which bars are held once the batch is durable, and what was refused of the others.
Look look_of(const sources::Page& page, const validate::Judgement& judgement, const BarColumns& stored,
             TimeRange window) {
  Look look{.window = window, .at = page.exchange_time};
  for (const auto& rejection : judgement.rejected)
    if (rejection.open_time) look.refused.emplace(*rejection.open_time, rejection.rule);
  std::vector<TimePoint> came;
  for (std::size_t row = 0; row < page.rows.size(); ++row) {
    const auto open_time = page.rows.open_time[row];
    if (window.contains(open_time) && !look.refused.contains(open_time) &&
        !std::ranges::binary_search(judgement.still_open, row))
      came.push_back(open_time);
  }
  const auto held = times_in(stored.open_time, window);
  std::ranges::set_union(came, held, std::back_inserter(look.present));
  for (const auto& rejection : page.rejected)
    if (rejection.open_time) look.refused.emplace(*rejection.open_time, rejection.rule);
  return look;
}

std::optional<TimePoint> first_provisional(const std::optional<store::Manifest>& manifest,
                                           const BarColumns& validated) {
  std::set<TimePoint> provisional;
  if (manifest) provisional.insert(manifest->tail.open_time.begin(), manifest->tail.open_time.end());
  for (std::size_t row = 0; row < validated.size(); ++row) {
    if (validated.finality[row] == Finality::provisional)
      provisional.insert(validated.open_time[row]);
    else
      provisional.erase(validated.open_time[row]);
  }
  return provisional.empty() ? std::nullopt : std::optional{*provisional.begin()};
}

void add_counts(std::vector<validate::RuleCount>& to, const std::vector<validate::RuleCount>& from) {
  for (const auto& count : from) {
    const auto known = std::ranges::find(to, count.rule, &validate::RuleCount::rule);
    if (known == to.end())
      to.push_back(count);
    else
      known->count += count.count;
  }
}

std::optional<TimeRange> listing_of(const Instrument& instrument) {
  if (!instrument.valid_from && !instrument.valid_to) return std::nullopt;
  return TimeRange::of(instrument.valid_from.value_or(TimePoint::min()),
                       instrument.valid_to.value_or(TimePoint::max()));
}

// Absent bars of archive files that nothing explains: the exchange itself may have them.
std::vector<TimeRange> holes_of(const std::vector<Gap>& gaps, const std::vector<TimeRange>& files) {
  std::vector<TimeRange> holes;
  if (files.empty()) return holes;
  for (const auto& gap : gaps) {
    if (gap.state != GapState::open || !gap.accepted_reason.empty()) continue;
    for (const auto file : files)
      if (const auto hole = gap.range.intersect(file); !hole.empty()) holes.push_back(hole);
  }
  return holes;
}

// What the rules say of each page; two halves at once when there is much to say.
std::vector<validate::Judgement> judge_all(const std::vector<sources::Page>& pages, const validate::RuleSet& rules,
                                           const validate::Context& common) {
  constexpr std::size_t kRowsForThreads = 8'000;
  std::size_t rows = 0;
  for (const auto& page : pages) rows += page.rows.size();
  std::vector<validate::Judgement> judgements(pages.size());
  const auto judge = [&](std::size_t first, std::size_t last) {
    auto context = common;
    for (auto i = first; i < last; ++i) {
      context.window = pages[i].request.range;
      judgements[i] = rules.judge(pages[i].rows, context);
    }
  };
  const auto half = rows < kRowsForThreads ? 0 : pages.size() / 2;
  auto others = std::async(half > 0 ? std::launch::async : std::launch::deferred, judge, std::size_t{0}, half);
  judge(half, pages.size());
  others.get();
  return judgements;
}

}  // namespace

Account account_for(std::vector<sources::Page> pages, const std::optional<store::Manifest>& manifest,
                    const BarColumns& stored, const Instrument& instrument, const Life& life, const Desk& desk,
                    TimePoint recorded_at) {
  const auto timeframe = desk.series.timeframe;
  Account account{.batch = {.series = desk.series, .ingest_id = desk.ingest_id, .instrument = instrument}};
  auto& batch = account.batch;
  const auto ledger = manifest ? manifest->gaps : std::vector<Gap>{};
  auto after = ledger;
  const Facts facts{desk.series, life, desk.outages};
  std::vector<TimeRange> files;

  for (auto& page : pages) page.rows.ingest_id.assign(page.rows.size(), desk.ingest_id);
  const auto judgements = judge_all(pages, *desk.rules,
                                    {.series = desk.series,
                                     .window = pages.front().request.range,
                                     .settle = desk.settle,
                                     .delay = desk.delay,
                                     .has_quote_volume = desk.has_quote_volume,
                                     .has_signed_prices = desk.has_signed_prices,
                                     .recorded_at = recorded_at,
                                     .listing = listing_of(instrument),
                                     .stored = &stored});
  for (std::size_t i = 0; i < pages.size(); ++i) {
    auto& page = pages[i];
    const auto& judgement = judgements[i];

    // A server whose clock is behind the one that was asked first says nothing yet of bars that had not ended for it.
    const auto answered =
        page.request.range.intersect(TimeRange::of(page.request.range.begin(), timeframe.open_of(page.exchange_time)));
    auto look = look_of(page, judgement, stored, answered);
    look.asked = desk.asked;
    after = after_look(after, look, facts);
    account.exchange_time = std::max(account.exchange_time, page.exchange_time);
    if (page.request.archive)
      files.push_back(page.request.range);
    else
      account.heard_time = std::max(account.heard_time, page.exchange_time);

    account.fetched += static_cast<std::int64_t>(page.rows.size() + page.rejected.size()) + page.duplicates;
    append_closed(batch.raw, std::exchange(page.rows, {}), judgement.still_open);
    append(batch.validated, judgement.accepted);
    for (auto& rejection : page.rejected) {
      rejection.ingest_id = desk.ingest_id;
      rejection.recorded_at = recorded_at;
      batch.quarantine.push_back(std::move(rejection));
    }
    batch.quarantine.insert(batch.quarantine.end(), judgement.rejected.begin(), judgement.rejected.end());
    if (!answered.empty()) batch.looked.push_back(answered);
    account.unchanged += judgement.unchanged;
    account.answered_bars += timeframe.count(page.request.range);
    account.requested.push_back(page.request.range);
    add_counts(account.rule_counts, judgement.counts);
  }

  batch.looked = merge(std::move(batch.looked));
  batch.gaps = changes(ledger, after, account.exchange_time);
  account.holes = holes_of(batch.gaps, files);
  account.closed_gaps = std::ranges::count(batch.gaps, GapState::closed, &Gap::state);
  account.new_gaps = std::ranges::count(batch.gaps, 0, &Gap::id);
  auto looked = manifest ? manifest->looked : std::vector<TimeRange>{};
  looked.insert(looked.end(), batch.looked.begin(), batch.looked.end());
  batch.watermark = watermark_of(std::move(looked), first_provisional(manifest, batch.validated));
  return account;
}

Instrument with_first_bar(Instrument instrument, const std::optional<store::Manifest>& manifest, const Life& life,
                          Timeframe timeframe) {
  if (!instrument.valid_from && manifest) instrument.valid_from = manifest->instrument.valid_from;
  if (!life.proven) return instrument;
  const bool agrees = instrument.valid_from && timeframe.open_of(*instrument.valid_from) == *life.proven;
  if (!agrees) instrument.valid_from = life.proven;
  return instrument;
}

}  // namespace tdm::ingest::detail
