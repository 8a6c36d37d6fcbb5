#include "tdm/store/duckdb/detail/writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <future>
#include <iterator>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>

#include "tdm/store/duckdb/detail/closing_hash.hpp"    // take_closing_hash
#include "tdm/store/duckdb/detail/recovery.hpp"        // reconcile_series, sweep
#include "tdm/store/duckdb/detail/segment_reader.hpp"  // read_rows, same_values, value_hash
#include "tdm/store/duckdb/detail/segment_writer.hpp"  // write_segment
#include "tdm/store/rows.hpp"                          // check_batch, same_bar, apply_gaps
#include "tdm/telemetry/log.hpp"                       // log

namespace tdm::store::duckdb::detail {
namespace {

using Segments = std::vector<Segment>;

constexpr std::int64_t kMaxMergedRows = 200'000;  // bounds the memory of a merge
constexpr std::size_t kRowsForThreads = 2'000;    // below it one thread writes both layers
constexpr std::int64_t kCrumbRows = 10'000;       // a larger segment is read as fast alone as within another
constexpr std::int64_t kMergeFactor = 4;          // a segment joins a merge when it is at most so many times the rest

void sort_segments(Segments& segments) {
  std::ranges::sort(segments, {}, [](const Segment& segment) { return std::tie(segment.first, segment.path); });
}

bool names(const Segments& segments, const Segment& one) {
  return std::ranges::any_of(segments, [&](const Segment& other) { return other.path == one.path; });
}

std::optional<TimeRange> range_of(const std::vector<TimePoint>& times) {
  if (times.empty()) return std::nullopt;
  return TimeRange::of(times.front(), times.back() + Micros{1});
}

// What the rows of a batch are to what is held.
struct Difference {
  BarColumns fresh;      // final rows of a key that had no final row
  BarColumns revisions;  // final rows with other values than the final ones held
  BarColumns tail;       // the tail as it will be
  BarColumns replaced;   // rows that leave the tail
};

Difference compare(const BarColumns& held, const BarColumns& tail, const BarColumns& rows) {
  Difference difference;
  std::size_t at = 0;
  std::map<TimePoint, std::optional<std::size_t>> left;  // keys that leave the tail, and the row that comes instead
  for (std::size_t row = 0; row < rows.size(); ++row) {
    while (at < held.size() && held.open_time[at] < rows.open_time[row]) ++at;
    const bool known = at < held.size() && held.open_time[at] == rows.open_time[row];
    const bool incoming_final = is_final(rows.finality[row]);
    if (known && is_final(held.finality[at])) {
      if (incoming_final && !same_bar(held, at, rows, row)) append_row(difference.revisions, rows, row);
      continue;
    }
    if (known && same_bar(held, at, rows, row)) continue;
    if (known) append_row(difference.replaced, held, at);
    if (incoming_final) append_row(difference.fresh, rows, row);
    if (known || !incoming_final) left[rows.open_time[row]] = incoming_final ? std::nullopt : std::optional{row};
  }
  auto next = left.begin();
  const auto add_before = [&](std::optional<TimePoint> bound) {
    for (; next != left.end() && (!bound || next->first < *bound); ++next)
      if (next->second) append_row(difference.tail, rows, *next->second);
  };
  for (std::size_t row = 0; row < tail.size(); ++row) {
    add_before(tail.open_time[row]);
    if (next == left.end() || next->first != tail.open_time[row]) append_row(difference.tail, tail, row);
  }
  add_before(std::nullopt);
  return difference;
}

// Writes the rows, which are sorted by time, as one segment per period.
Result<Segments> write_periods(const Layout& layout, const Series& series, Layer layer, const Frame& frame) {
  Segments written;
  const auto times = std::get<std::span<const TimePoint>>(frame.columns.front().data);
  for (std::size_t first = 0; first < times.size();) {
    const auto end = period_of(series.timeframe, times[first]).range.end();
    const auto last = static_cast<std::size_t>(std::ranges::lower_bound(times, end) - times.begin());
    auto segment = write_segment(layout, series, Rows{layer, frame, first, last}, Place::current);
    if (!segment) {
      for (const auto& made : written) remove_file(layout.absolute(made.path));
      return std::unexpected{std::move(segment).error()};
    }
    written.push_back(*std::move(segment));
    first = last;
  }
  return written;
}

// Observations by (open_time, ingest run): as a batch brings them, or put in that order.
Result<Segments> write_raw(const Layout& layout, const Series& series, const ObservationColumns& raw) {
  if (raw.size() == 0) return Segments{};
  const auto key = [&](std::size_t row) { return std::pair{raw.open_time[row], raw.ingest_id[row]}; };
  std::vector<std::size_t> order(raw.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (std::ranges::is_sorted(order, {}, key)) return write_periods(layout, series, Layer::raw, view_of(raw));
  std::ranges::stable_sort(order, {}, key);
  ObservationColumns sorted;
  for (const auto row : order) append_row(sorted, raw, row);
  return write_periods(layout, series, Layer::raw, view_of(sorted));
}

// The rows of one segment with those of `revisions` in their place; nothing when it holds none of them.
std::optional<BarColumns> revise(const BarColumns& rows, const BarColumns& revisions) {
  BarColumns revised;
  bool changed = false;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto found = std::ranges::lower_bound(revisions.open_time, rows.open_time[row]);
    if (found == revisions.open_time.end() || *found != rows.open_time[row]) {
      append_row(revised, rows, row);
      continue;
    }
    append_row(revised, revisions, static_cast<std::size_t>(found - revisions.open_time.begin()));
    changed = true;
  }
  return changed ? std::optional{std::move(revised)} : std::nullopt;
}

// Segments of one period and layer that are worth merging, if the smallest is a crumb: from it up, as long as the next
// is not so much larger than all before it that rewriting it would cost more than it saves. So pieces of like size
// become one, and a row of a growing period is rewritten a few times only.
Segments worth_merging(Segments segments) {
  std::ranges::sort(segments, {}, [](const Segment& segment) { return std::tie(segment.rows, segment.path); });
  Segments chosen;
  std::int64_t rows = 0;
  if (segments.front().rows >= kCrumbRows) return chosen;
  for (auto& segment : segments) {
    const bool alike = chosen.empty() || segment.rows <= kMergeFactor * rows;
    if (!alike || rows + segment.rows > kMaxMergedRows) break;
    rows += segment.rows;
    chosen.push_back(std::move(segment));
  }
  if (chosen.size() < 2) chosen.clear();
  sort_segments(chosen);
  return chosen;
}

// What a removal leaves of a series.
SeriesRecord left_of(const SeriesRecord& record, Raw raw) {
  const auto& before = record.state.manifest;
  SeriesRecord left{record.id,
                    {Manifest{.series = before.series,
                              .origin = before.origin,
                              .version = before.version + 1,
                              .instrument = before.instrument}}};
  left.state.removed_version = left.state.manifest.version;
  if (raw == Raw::kept)
    std::ranges::copy_if(before.segments, std::back_inserter(left.state.manifest.segments),
                         [](const Segment& segment) { return segment.layer == Layer::raw; });
  return left;
}

bool same_account(const Manifest& a, const Manifest& b) {
  return a.looked == b.looked && a.watermark == b.watermark && a.instrument == b.instrument && a.origin == b.origin;
}

}  // namespace

// What a commit will have done: the state after it, and the files and rows that make the difference.
struct DuckDbWriter::Change {
  SeriesRecord next;
  Segments before{};                  // current until now
  Segments added{};                   // new files in the lake
  Segments revised{};                 // current files that leave the lake
  std::vector<Superseded> history{};  // new entries, rows that left the tail included
  std::vector<Gap> gaps{};
  bool bars = false;
  bool account = false;
};

// Segments of one period, and the one that holds their rows.
struct DuckDbWriter::Merge {
  Segments inputs;
  Segment output;
  std::string hash;  // of the values
};

Result<std::unique_ptr<Writer>> DuckDbWriter::open(Site site, std::chrono::milliseconds wait, std::stop_token stop) {
  if (auto made = make_folders(parent_of(site.db_path)); !made) return std::unexpected{std::move(made).error()};
  auto lock = FileLock::acquire(site.db_path + ".lock", wait, std::move(stop));
  if (!lock) return std::unexpected{std::move(lock).error()};
  auto writer = std::unique_ptr<DuckDbWriter>(new DuckDbWriter{std::move(site), *std::move(lock)});
  if (auto opened = writer->ready(); !opened) return std::unexpected{std::move(opened).error()};
  return writer;
}

DuckDbWriter::~DuckDbWriter() {
  const bool clean = catalog_ != nullptr;
  catalog_.reset();
  if (!clean) return;
  if (const auto left = leave_closing_hash(site_.db_path); !left)
    telemetry::log(telemetry::Level::warn, "store_closing_hash_missing", {{"reason", left.error().message}});
  if (marked_) remove_file(site_.layout.unclean_mark());
}

Result<void> DuckDbWriter::ready() {
  if (catalog_) return {};
  auto opened = open_catalogue();
  if (!opened) catalog_.reset();
  return opened;
}

Result<void> DuckDbWriter::open_catalogue() {
  records_.clear();
  const auto& layout = site_.layout;
  for (const auto& folder : {layout.manifests(), layout.superseded_folder()})
    if (auto made = make_folders(folder); !made) return made;
  if (auto same = take_closing_hash(site_.db_path); !same) return same;
  auto catalog = Catalog::open(site_.db_path);
  if (!catalog) return std::unexpected{std::move(catalog).error()};
  catalog_ = *std::move(catalog);
  if (auto done = reconcile_series(*catalog_, site_); !done) return done;
  auto known = reconcile_names(*catalog_, site_);
  if (!known) return std::unexpected{std::move(known).error()};
  origins_ = std::move(known->origins);
  resolutions_ = std::move(known->resolutions);
  const auto next = catalog_->query(
      "SELECT (SELECT coalesce(max(id), 0) FROM series) + 1, (SELECT coalesce(max(id), 0) FROM gaps) + 1, (SELECT "
      "coalesce(max(id), 0) FROM ingest_runs) + 1");
  if (!next) return std::unexpected{next.error()};
  next_series_ = next->front()[0].integer();
  next_gap_ = next->front()[1].integer();
  next_run_ = next->front()[2].integer();
  const auto mark = stat_file(layout.unclean_mark());
  if (!mark) return std::unexpected{mark.error()};
  if (*mark) {
    marked_ = true;
    if (auto swept = sweep(*catalog_, site_); !swept) return swept;
  }
  return purge_merged(*catalog_, site_);
}

Result<void> DuckDbWriter::must_reopen(Result<void> failure) {
  catalog_.reset();
  return failure;
}

template <class Work>
Result<void> DuckDbWriter::transact(Work work) {
  if (auto done = catalog_->transaction(std::move(work)); !done) return must_reopen(std::move(done));
  return {};
}

Result<void> DuckDbWriter::mark_unclean() {
  if (marked_) return {};
  if (auto marked = publish(site_.layout.unclean_mark(), "", site_.clock.now(), 0); !marked) return marked;
  marked_ = true;
  return {};
}

Result<SeriesRecord*> DuckDbWriter::record_of(const Series& series) {
  if (const auto found = records_.find(series); found != records_.end()) return &found->second;
  auto loaded = load_series(*catalog_, series);
  if (!loaded) return std::unexpected{std::move(loaded).error()};
  if (!*loaded) return nullptr;
  return &records_.emplace(series, **std::move(loaded)).first->second;
}

Result<BarColumns> DuckDbWriter::rows_of(const SeriesRecord& record, TimeRange range) const {
  const auto frame = read_rows(site_.layout, select(record.state.manifest, Layer::validated, range));
  if (!frame) return std::unexpected{frame.error()};
  return bars_of(*frame);
}

Result<void> DuckDbWriter::claim_origin(std::string_view exchange, std::string_view origin) {
  if (auto done = ready(); !done) return done;
  if (const auto held = origins_.find(std::string{exchange}); held != origins_.end())
    return held->second == origin ? Result<void>{} : refuse_origin(exchange, held->second, origin);
  auto saved = transact([&] { return catalog_->run("INSERT INTO origins VALUES (?, ?)", {exchange, origin}); });
  if (!saved) return saved;
  origins_.emplace(exchange, origin);
  return must_publish(site_.layout.origins(), origins_to_json(origins_), static_cast<std::int64_t>(origins_.size()));
}

Result<void> DuckDbWriter::must_publish(const std::string& path, const std::string& json, std::int64_t version) {
  if (auto done = publish(path, json, site_.clock.now(), version); !done) return must_reopen(std::move(done));
  return {};
}

Result<void> DuckDbWriter::put_instruments(std::string_view exchange, std::string_view market,
                                           const std::vector<Instrument>& all, TimePoint at) {
  if (auto done = ready(); !done) return done;
  std::vector<Row> rows;
  rows.reserve(all.size());
  for (const auto& instrument : all)
    rows.push_back({exchange, market, instrument.id.symbol.text(), at, instrument.active, to_json(instrument)});
  auto saved = transact([&]() -> Result<void> {
    auto deleted = catalog_->run("DELETE FROM instruments WHERE exchange = ? AND market = ?", {exchange, market});
    return deleted ? catalog_->append("instruments", rows) : deleted;
  });
  if (!saved) return saved;
  return must_publish(site_.layout.instruments(exchange, market), to_json(Store::Listing{at, all}), to_us(at));
}

Result<Resolution> DuckDbWriter::put_resolution(const Resolution& resolution) {
  if (auto done = ready(); !done) return std::unexpected{std::move(done).error()};
  const auto key = [](const Resolution& one) { return std::tie(one.exchange, one.symbol); };
  const auto held = std::ranges::find(resolutions_, key(resolution), key);
  if (held != resolutions_.end()) return *held;
  auto saved = transact([&] {
    return catalog_->run("INSERT INTO resolutions VALUES (?, ?, ?, ?)",
                         {resolution.exchange, resolution.symbol, resolution.instrument.text(), resolution.decided_at});
  });
  if (!saved) return std::unexpected{std::move(saved).error()};
  resolutions_.push_back(resolution);
  std::ranges::sort(resolutions_, {}, key);
  auto published =
      must_publish(site_.layout.resolutions(), to_json(resolutions_), static_cast<std::int64_t>(resolutions_.size()));
  if (!published) return std::unexpected{std::move(published).error()};
  return resolution;
}

Result<IngestRun> DuckDbWriter::begin_run(const Series& series, TimeRange range, Channel channel) {
  if (auto done = ready(); !done) return std::unexpected{std::move(done).error()};
  const IngestRun run{next_run_, series, range, channel, site_.clock.now()};
  auto saved = transact([&] {
    return catalog_->run("INSERT INTO ingest_runs VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)",
                         {run.id, series.text(), range.begin(), range.end(), tdm::to_string(channel), run.started});
  });
  if (!saved) return std::unexpected{std::move(saved).error()};
  ++next_run_;
  return run;
}

Result<void> DuckDbWriter::end_run(std::int64_t id, std::string_view outcome) {
  if (auto done = ready(); !done) return done;
  if (id < 1 || id >= next_run_) return fail(ErrorCode::not_found, fmt::format("there is no ingest run {}", id), "id");
  return transact([&] {
    return catalog_->run("UPDATE ingest_runs SET ended_at = ?, outcome = ? WHERE id = ?",
                         {site_.clock.now(), outcome, id});
  });
}

Result<BarColumns> DuckDbWriter::current(const Series& series, TimeRange range) {
  if (auto done = ready(); !done) return std::unexpected{std::move(done).error()};
  const auto record = record_of(series);
  if (!record) return std::unexpected{record.error()};
  return *record == nullptr ? BarColumns{} : rows_of(**record, range);
}

Result<void> DuckDbWriter::commit(const Batch& batch) {
  if (auto checked = check_batch(batch); !checked) return checked;
  if (auto done = ready(); !done) return done;
  const auto known = record_of(batch.series);
  if (!known) return std::unexpected{known.error()};
  const bool fresh = *known == nullptr;
  const bool begins = fresh || (*known)->state.removed();
  Change change{fresh ? SeriesRecord{0, {Manifest{.series = batch.series, .instrument = batch.instrument}}} : **known};
  auto& manifest = change.next.state.manifest;
  const auto before = manifest;
  change.before = before.segments;

  auto next_gap = next_gap_;
  auto gaps = apply_gaps(manifest.gaps, batch.series, batch.gaps, next_gap);
  if (!gaps) return std::unexpected{std::move(gaps).error()};
  change.gaps = *std::move(gaps);
  manifest.instrument = batch.instrument;
  if (const auto origin = origins_.find(batch.series.instrument.exchange.text()); origin != origins_.end())
    manifest.origin = origin->second;
  manifest.looked.insert(manifest.looked.end(), batch.looked.begin(), batch.looked.end());
  manifest.looked = tdm::merge(std::move(manifest.looked));
  if (batch.watermark) manifest.watermark = batch.watermark;
  ++manifest.version;

  if (auto written = write_files(change, batch); !written) {
    discard(change);
    return written;
  }
  change.account = begins || !same_account(before, manifest);
  const bool changed = change.account || change.bars || !change.added.empty() || !change.gaps.empty();
  if (!changed && batch.quarantine.empty()) return {};
  if (!changed) return transact([&] { return insert_quarantine(*catalog_, batch.series, batch.quarantine); });
  if (auto saved = save(change, batch); !saved) return saved;
  next_gap_ = next_gap;
  return finish(std::move(change));
}

Result<void> DuckDbWriter::write_files(Change& change, const Batch& batch) {
  const auto& series = batch.series;
  const auto& layout = site_.layout;
  if (batch.raw.size() + batch.validated.size() > 0)
    if (auto marked = mark_unclean(); !marked) return marked;

  // Both layers take about the same time, most of it encoding; then one waits for the disk while the other computes.
  const auto raw_policy = batch.raw.size() >= kRowsForThreads ? std::launch::async : std::launch::deferred;
  auto raw = std::async(raw_policy, [&] { return write_raw(layout, series, batch.raw); });
  auto bars = write_bars(change, batch.validated);
  auto observations = raw.get();
  if (observations) change.added.insert(change.added.end(), observations->begin(), observations->end());
  if (!bars) return bars;
  if (!observations) return std::unexpected{std::move(observations).error()};
  if (auto forgot = forget_known(change); !forgot) return forgot;

  auto& segments = change.next.state.manifest.segments;
  std::erase_if(segments, [&](const Segment& segment) { return names(change.revised, segment); });
  segments.insert(segments.end(), change.added.begin(), change.added.end());
  sort_segments(segments);
  return {};
}

Result<void> DuckDbWriter::write_bars(Change& change, const BarColumns& rows) const {
  const auto range = range_of(rows.open_time);
  if (!range) return {};
  auto& state = change.next.state;
  auto& manifest = state.manifest;
  const auto held = rows_of(change.next, *range);
  if (!held) return std::unexpected{held.error()};
  auto difference = compare(*held, manifest.tail, rows);

  auto fresh = write_periods(site_.layout, manifest.series, Layer::validated, view_of(difference.fresh));
  if (!fresh) return std::unexpected{std::move(fresh).error()};
  change.added = *std::move(fresh);
  if (auto revised = rewrite_revised(change, difference.revisions); !revised) return revised;
  if (difference.replaced.size() > 0) {
    // Rows that leave the tail stay readable for as_of, as a small file among the superseded.
    const auto frame = view_of(difference.replaced);
    auto old =
        write_segment(site_.layout, manifest.series, Rows{Layer::validated, frame, 0, frame.rows}, Place::superseded);
    if (!old) return std::unexpected{std::move(old).error()};
    change.history.push_back({*std::move(old), manifest.version});
  }
  for (const auto& segment : change.revised) change.history.push_back({segment, manifest.version});
  change.bars = manifest.tail != difference.tail || difference.fresh.size() + difference.revisions.size() > 0;
  manifest.confirmed += static_cast<std::int64_t>(difference.fresh.size());
  manifest.tail = std::move(difference.tail);
  manifest.rows = manifest.confirmed + static_cast<std::int64_t>(manifest.tail.size());
  if (change.bars) {
    const auto first = std::ranges::min(rows.recorded_at);
    manifest.first_recorded = std::min(manifest.first_recorded.value_or(first), first);
  }
  state.history.insert(state.history.end(), change.history.begin(), change.history.end());
  return {};
}

Result<void> DuckDbWriter::rewrite_revised(Change& change, const BarColumns& revisions) const {
  const auto range = range_of(revisions.open_time);
  if (!range) return {};
  const auto& series = change.next.state.manifest.series;
  for (const auto& segment : change.before) {
    if (segment.layer != Layer::validated || segment.last < range->begin() || segment.first >= range->end()) continue;
    const auto whole = TimeRange::of(segment.first, segment.last + Micros{1});
    auto selection = select(change.next.state.manifest, Layer::validated, whole);
    selection.segments = {segment};
    selection.tail = nullptr;
    const auto frame = read_rows(site_.layout, selection);
    if (!frame) return std::unexpected{frame.error()};
    const auto rows = bars_of(*frame);
    if (!rows) return std::unexpected{rows.error()};
    const auto revised = revise(*rows, revisions);
    if (!revised) continue;
    auto written = write_periods(site_.layout, series, Layer::validated, view_of(*revised));
    if (!written) return std::unexpected{std::move(written).error()};
    change.added.insert(change.added.end(), written->begin(), written->end());
    change.revised.push_back(segment);
  }
  return {};
}

// The same observations again are a retry: the file has the same name and bytes, and is known already.
Result<void> DuckDbWriter::forget_known(Change& change) {
  Segments unknown;
  for (const auto& segment : change.added) {
    if (names(change.before, segment)) continue;
    const auto known = segment.layer == Layer::raw && change.next.id != 0
                           ? has_segment(*catalog_, change.next.id, segment)
                           : Result<bool>{false};
    if (!known) return std::unexpected{known.error()};
    if (*known)
      remove_file(site_.layout.absolute(segment.path));
    else
      unknown.push_back(segment);
  }
  change.added = std::move(unknown);
  return {};
}

void DuckDbWriter::discard(const Change& change) const {
  for (const auto& segment : change.added)
    if (!names(change.before, segment)) remove_file(site_.layout.absolute(segment.path));
}

Result<void> DuckDbWriter::save(Change& change, const Batch& batch) {
  const auto now = site_.clock.now();
  const auto& manifest = change.next.state.manifest;
  const bool fresh = change.next.id == 0;
  const auto id = fresh ? next_series_ : change.next.id;
  auto saved = transact([&]() -> Result<void> {
    auto done = fresh ? insert_series(*catalog_, id, change.next.state) : update_series(*catalog_, id, manifest);
    for (const auto& segment : change.added)
      if (done) done = insert_segment(*catalog_, id, segment);
    for (const auto& segment : change.revised)
      if (done) done = supersede_segment(*catalog_, id, segment, SegmentState::revised, manifest.version, now);
    for (const auto& old : change.history)
      if (done && !names(change.revised, old.segment)) done = insert_history(*catalog_, id, old, now);
    if (done && !change.gaps.empty()) done = save_gaps(*catalog_, id, change.gaps);
    if (done && change.account) done = replace_looked(*catalog_, id, manifest.looked);
    if (done && change.bars) done = replace_tail(*catalog_, id, manifest.tail);
    if (done && !batch.quarantine.empty()) done = insert_quarantine(*catalog_, batch.series, batch.quarantine);
    if (done) done = save_checkpoint(*catalog_, id, manifest.version, batch.ingest_id, now);
    return done;
  });
  if (saved && fresh) change.next.id = next_series_++;
  return saved;
}

// After the transaction: what readers see, then the files that nobody reads as current any more.
Result<void> DuckDbWriter::finish(Change change) {
  const auto& series = change.next.state.manifest.series;
  auto& record = records_.insert_or_assign(series, std::move(change.next)).first->second;
  if (auto published = publish_state(record.state); !published) return published;
  return move_superseded(change.revised);
}

Result<void> DuckDbWriter::publish_state(const SeriesState& state) {
  return must_publish(site_.layout.manifest(state.manifest.series), to_json(state), state.manifest.version);
}

Result<void> DuckDbWriter::move_superseded(const std::vector<Segment>& segments) {
  const auto& layout = site_.layout;
  for (const auto& segment : segments)
    if (auto moved = move_file(layout.absolute(segment.path), layout.absolute(Layout::superseded(segment.sha256)));
        !moved)
      return must_reopen(std::move(moved));
  if (segments.empty()) return {};
  if (auto synced = sync_folder(layout.superseded_folder()); !synced) return must_reopen(std::move(synced));
  return {};
}

Result<void> DuckDbWriter::seal(const Series& series, TimePoint before) {
  if (auto done = ready(); !done) return done;
  const auto known = record_of(series);
  if (!known) return std::unexpected{known.error()};
  if (*known == nullptr || (*known)->state.removed()) return {};
  std::map<std::pair<Layer, TimePoint>, Segments> periods;
  for (const auto& segment : (*known)->state.manifest.segments) {
    const auto period = period_of(series.timeframe, segment.first).range;
    if (period.end() <= before) periods[{segment.layer, period.begin()}].push_back(segment);
  }
  std::vector<Merge> merges;
  for (const auto& [period, segments] : periods) {
    auto inputs = worth_merging(segments);
    if (inputs.empty()) continue;
    if (auto marked = mark_unclean(); !marked) return marked;
    auto merged = merge(series, std::move(inputs));
    if (!merged) {
      for (const auto& made : merges) remove_file(site_.layout.absolute(made.output.path));
      return std::unexpected{std::move(merged).error()};
    }
    merges.push_back(*std::move(merged));
  }
  if (merges.empty()) return {};
  if (auto replaced = replace(**known, merges); !replaced) return replaced;
  return purge_merged(*catalog_, site_);
}

Result<DuckDbWriter::Merge> DuckDbWriter::merge(const Series& series, Segments inputs) const {
  const auto layer = inputs.front().layer;
  const auto read_all = [&](const Segments& segments) {
    return read_rows(site_.layout, Selection{.layer = layer,
                                             .segments = segments,
                                             .range = TimeRange::of(TimePoint::min(), TimePoint::max()),
                                             .columns = all_columns(layer)});
  };
  const auto rows = read_all(inputs);
  if (!rows) return std::unexpected{rows.error()};
  auto output = write_segment(site_.layout, series, Rows{layer, *rows, 0, rows->rows}, Place::current);
  if (!output) return std::unexpected{std::move(output).error()};

  // Nothing is dropped before what replaces it was read back and is the same, row for row and value for value.
  const auto expected = std::transform_reduce(inputs.begin(), inputs.end(), std::int64_t{0}, std::plus{},
                                              [](const Segment& segment) { return segment.rows; });
  const auto back = read_all({*output});
  const bool same = back && output->rows == expected && same_values(layer, *rows, *back);
  if (same) return Merge{std::move(inputs), *std::move(output), value_hash(layer, *back)};
  remove_file(site_.layout.absolute(output->path));
  if (!back) return std::unexpected{back.error()};
  return fail(ErrorCode::internal,
              fmt::format("merging {} segments of {} did not give the same rows", inputs.size(), series.text()));
}

Result<void> DuckDbWriter::replace(SeriesRecord& record, const std::vector<Merge>& merges) {
  const auto now = site_.clock.now();
  auto next = record.state;
  ++next.manifest.version;
  auto& segments = next.manifest.segments;
  Segments replaced;
  for (const auto& merge : merges) {
    std::erase_if(segments, [&](const Segment& segment) { return names(merge.inputs, segment); });
    segments.push_back(merge.output);
    replaced.insert(replaced.end(), merge.inputs.begin(), merge.inputs.end());
  }
  sort_segments(segments);
  const auto series = next.manifest.series.text();
  auto saved = transact([&]() -> Result<void> {
    auto done = update_series(*catalog_, record.id, next.manifest);
    for (const auto& [inputs, output, hash] : merges) {
      for (const auto& input : inputs)
        if (done)
          done = supersede_segment(*catalog_, record.id, input, SegmentState::merged, next.manifest.version, now);
      if (done) done = insert_segment(*catalog_, record.id, output);
      if (done)
        done = catalog_->run("INSERT INTO certificates VALUES (?, ?, ?, ?, ?, ?, ?)",
                             {series, output.layer == Layer::validated ? "validated" : "raw", output.path,
                              output.sha256, output.rows, hash, now});
    }
    return done;
  });
  if (!saved) return saved;
  record.state = std::move(next);
  if (auto published = publish_state(record.state); !published) return published;
  return move_superseded(replaced);
}

Result<std::int64_t> DuckDbWriter::accept_gaps(const Series& series, TimeRange range, std::string_view reason,
                                               TimePoint at) {
  if (auto done = ready(); !done) return std::unexpected{std::move(done).error()};
  const auto known = record_of(series);
  if (!known) return std::unexpected{known.error()};
  if (*known == nullptr) return 0;
  auto next = (*known)->state;
  const auto accepted = store::accept_gaps(next.manifest.gaps, range, reason);
  if (accepted.empty()) return 0;
  ++next.manifest.version;
  const auto id = (*known)->id;
  auto saved = transact([&]() -> Result<void> {
    auto done = save_gaps(*catalog_, id, accepted, at);
    return done ? update_series(*catalog_, id, next.manifest) : done;
  });
  if (!saved) return std::unexpected{std::move(saved).error()};
  (*known)->state = std::move(next);
  if (auto published = publish_state((*known)->state); !published) return std::unexpected{std::move(published).error()};
  return static_cast<std::int64_t>(accepted.size());
}

// The transaction is the moment of removal. Before it everything is there; after it readers see the series until its
// manifest says that it is gone, and its files go last. What a crash leaves of the last two steps is done by the next
// writer: it publishes what the catalogue says, and the mark makes it sweep files that nobody knows.
Result<Footprint> DuckDbWriter::remove(const Series& series, Raw raw) {
  if (auto done = ready(); !done) return std::unexpected{std::move(done).error()};
  const auto known = record_of(series);
  if (!known) return std::unexpected{known.error()};
  if (*known == nullptr) return refuse_absent(series);
  auto& record = **known;
  const auto before = footprint_of(record.state);
  const auto left = left_of(record, raw);
  const auto after = footprint_of(left.state);
  if (record.state.removed() && after == before) return refuse_absent(series);

  Segments gone;
  for (const auto& segment : record.state.manifest.segments)
    if (!names(left.state.manifest.segments, segment)) gone.push_back(segment);
  const auto superseded = superseded_hashes(*catalog_, record.id, raw);
  if (!superseded) return std::unexpected{superseded.error()};
  if (auto marked = mark_unclean(); !marked) return std::unexpected{std::move(marked).error()};
  if (auto saved = transact([&] { return remove_series(*catalog_, left, raw); }); !saved)
    return std::unexpected{std::move(saved).error()};
  record = left;
  if (auto published = publish_state(record.state); !published) return std::unexpected{std::move(published).error()};
  if (auto removed = remove_files(gone, *superseded); !removed) {
    removed.error().message = fmt::format("{} is removed, but not all of its files: {}; the next writer tries again",
                                          series.text(), removed.error().message);
    return std::unexpected{must_reopen(std::move(removed)).error()};
  }
  return Footprint{.rows = before.rows,
                   .bytes = before.bytes,
                   .raw_rows = before.raw_rows - after.raw_rows,
                   .raw_bytes = before.raw_bytes - after.raw_bytes};
}

Result<void> DuckDbWriter::remove_files(const Segments& gone, const std::vector<std::string>& superseded) {
  const auto& layout = site_.layout;
  std::set<std::string> folders;
  for (const auto& segment : gone) {
    const auto path = layout.absolute(segment.path);
    if (auto deleted = delete_file(path); !deleted) return deleted;
    folders.insert(parent_of(path));
  }
  for (const auto& folder : folders)
    if (auto pruned = prune_folders(folder, layout.root()); !pruned) return pruned;

  // Files among the superseded are named by their content, so another series may have the same one.
  for (const auto& hash : superseded) {
    const auto used = is_superseded(*catalog_, hash);
    if (!used) return std::unexpected{used.error()};
    if (*used) continue;
    if (auto deleted = delete_file(layout.absolute(Layout::superseded(hash))); !deleted) return deleted;
  }
  return superseded.empty() ? Result<void>{} : sync_folder(layout.superseded_folder());
}

}  // namespace tdm::store::duckdb::detail
