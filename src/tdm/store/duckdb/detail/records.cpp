#include "tdm/store/duckdb/detail/records.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

namespace tdm::store::duckdb::detail {
namespace {

std::string_view layer_text(Layer layer) { return layer == Layer::validated ? "validated" : "raw"; }

// Runs statements until one fails.
Result<void> run_all(Catalog& catalog, std::int64_t id, std::initializer_list<std::string_view> statements) {
  for (const auto sql : statements)
    if (auto done = catalog.run(sql, {id}); !done) return done;
  return {};
}

Result<Segment> segment_of(const Row& row) {
  auto sources = parse_counts(row[7].text());
  if (!sources) return std::unexpected{std::move(sources).error()};
  return Segment{.layer = row[0].text() == "raw" ? Layer::raw : Layer::validated,
                 .path = row[1].text(),
                 .sha256 = row[2].text(),
                 .rows = row[3].integer(),
                 .bytes = row[4].integer(),
                 .first = row[5].time(),
                 .last = row[6].time(),
                 .sources = *std::move(sources),
                 .rule_version = static_cast<int>(row[8].integer())};
}

Result<void> load_segments(Catalog& catalog, SeriesRecord& record) {
  const auto rows = catalog.query(
      "SELECT layer, path, sha256, row_count, bytes, first_open, last_open, sources, rule_version, state, "
      "superseded_version FROM segments WHERE series_id = ? AND state <> 'merged' ORDER BY first_open, path",
      {record.id});
  if (!rows) return std::unexpected{rows.error()};
  for (const auto& row : *rows) {
    auto segment = segment_of(row);
    if (!segment) return std::unexpected{std::move(segment).error()};
    if (row[9].text() == "current")
      record.state.manifest.segments.push_back(*std::move(segment));
    else
      record.state.history.push_back({*std::move(segment), row[10].integer()});
  }
  return {};
}

Result<void> load_gaps(Catalog& catalog, SeriesRecord& record) {
  const auto rows = catalog.query(
      "SELECT id, begin_time, end_time, bars, cause, evidence, state, first_look, last_look, looks, accepted_reason "
      "FROM "
      "gaps WHERE series_id = ? AND state <> 'closed' ORDER BY begin_time, id",
      {record.id});
  if (!rows) return std::unexpected{rows.error()};
  for (const auto& row : *rows) {
    const auto cause = parse_gap_cause(row[4].text());
    const auto state = parse_gap_state(row[6].text());
    if (!cause || !state) return std::unexpected{cause ? state.error() : cause.error()};
    record.state.manifest.gaps.push_back(Gap{.id = row[0].integer(),
                                             .series = record.state.manifest.series,
                                             .range = TimeRange::of(row[1].time(), row[2].time()),
                                             .bars = row[3].integer(),
                                             .cause = *cause,
                                             .evidence = row[5].text(),
                                             .state = *state,
                                             .first_look = row[7].time(),
                                             .last_look = row[8].time(),
                                             .looks = static_cast<int>(row[9].integer()),
                                             .accepted_reason = row[10].text()});
  }
  return {};
}

Result<void> load_looked(Catalog& catalog, SeriesRecord& record) {
  const auto rows =
      catalog.query("SELECT begin_time, end_time FROM looked WHERE series_id = ? ORDER BY begin_time", {record.id});
  if (!rows) return std::unexpected{rows.error()};
  for (const auto& row : *rows) record.state.manifest.looked.push_back(TimeRange::of(row[0].time(), row[1].time()));
  return {};
}

Result<void> load_tail(Catalog& catalog, SeriesRecord& record) {
  const auto rows = catalog.query(
      "SELECT open_time, open, high, low, close, volume, quote_volume, trade_count, taker_buy_volume, "
      "taker_buy_quote_volume, finality, quality_flags, source, revision, available_at, recorded_at, rule_version FROM "
      "validated_ohlcv WHERE series_id = ? ORDER BY open_time",
      {record.id});
  if (!rows) return std::unexpected{rows.error()};
  auto& tail = record.state.manifest.tail;
  for (const auto& row : *rows) {
    const auto finality = parse_finality(row[10].text());
    const auto source = parse_channel(row[12].text());
    if (!finality || !source) return std::unexpected{finality ? source.error() : finality.error()};
    tail.open_time.push_back(row[0].time());
    tail.open.push_back(row[1].real());
    tail.high.push_back(row[2].real());
    tail.low.push_back(row[3].real());
    tail.close.push_back(row[4].real());
    tail.volume.push_back(row[5].real());
    tail.quote_volume.append(row[6].maybe_real());
    tail.trade_count.append(row[7].maybe_integer());
    tail.taker_buy_volume.append(row[8].maybe_real());
    tail.taker_buy_quote_volume.append(row[9].maybe_real());
    tail.finality.push_back(*finality);
    tail.quality_flags.push_back(static_cast<std::uint32_t>(row[11].integer()));
    tail.source.push_back(*source);
    tail.revision.push_back(static_cast<std::int32_t>(row[13].integer()));
    tail.available_at.push_back(row[14].time());
    tail.recorded_at.push_back(row[15].time());
    tail.rule_version.push_back(static_cast<std::int32_t>(row[16].integer()));
  }
  return {};
}

void count_rows(Manifest& manifest) {
  manifest.confirmed = 0;
  for (const auto& segment : manifest.segments)
    if (segment.layer == Layer::validated) manifest.confirmed += segment.rows;
  manifest.rows = manifest.confirmed + static_cast<std::int64_t>(manifest.tail.size());
}

}  // namespace

std::string_view to_string(SegmentState state) {
  switch (state) {
    case SegmentState::current: return "current";
    case SegmentState::merged: return "merged";
    case SegmentState::revised: return "revised";
  }
  std::abort();  // not a state at all: memory is corrupt
}

Result<std::optional<SeriesRecord>> load_series(Catalog& catalog, const Series& series) {
  const auto rows = catalog.query(
      "SELECT id, origin, version, watermark, first_recorded, instrument, removed_version FROM series WHERE name = ?",
      {series.text()});
  if (!rows) return std::unexpected{rows.error()};
  if (rows->empty()) return std::nullopt;
  const auto& row = rows->front();
  auto instrument = parse_instrument(row[5].text());
  if (!instrument) return std::unexpected{std::move(instrument).error()};
  SeriesRecord record{row[0].integer(), {Manifest{.series = series, .instrument = *std::move(instrument)}}};
  auto& manifest = record.state.manifest;
  manifest.origin = row[1].text();
  manifest.version = row[2].integer();
  manifest.watermark = row[3].maybe_time();
  manifest.first_recorded = row[4].maybe_time();
  record.state.removed_version = row[6].maybe_integer().value_or(0);
  for (auto* load : {&load_segments, &load_gaps, &load_looked, &load_tail})
    if (auto loaded = load(catalog, record); !loaded) return std::unexpected{std::move(loaded).error()};
  count_rows(manifest);
  return record;
}

Result<void> insert_series(Catalog& catalog, std::int64_t id, const SeriesState& state) {
  const auto& manifest = state.manifest;
  return catalog.run("INSERT INTO series VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                     {id, manifest.series.text(), manifest.origin, manifest.version, manifest.watermark,
                      manifest.first_recorded, to_json(manifest.instrument), state.removed_version});
}

Result<void> update_series(Catalog& catalog, std::int64_t id, const Manifest& manifest) {
  return catalog.run(
      "UPDATE series SET origin = ?, version = ?, watermark = ?, first_recorded = ?, instrument = ? WHERE id = ?",
      {manifest.origin, manifest.version, manifest.watermark, manifest.first_recorded, to_json(manifest.instrument),
       id});
}

Result<void> insert_segment(Catalog& catalog, std::int64_t id, const Segment& segment) {
  return catalog.run("INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'current', NULL, NULL)",
                     {id, layer_text(segment.layer), segment.path, segment.sha256, segment.rows, segment.bytes,
                      segment.first, segment.last, to_json(segment.sources), segment.rule_version});
}

Result<void> insert_history(Catalog& catalog, std::int64_t id, const Superseded& old, TimePoint at) {
  if (auto inserted = insert_segment(catalog, id, old.segment); !inserted) return inserted;
  return supersede_segment(catalog, id, old.segment, SegmentState::revised, old.version, at);
}

Result<void> supersede_segment(Catalog& catalog, std::int64_t id, const Segment& segment, SegmentState state,
                               std::int64_t version, TimePoint at) {
  return catalog.run(
      "UPDATE segments SET state = ?, superseded_version = ?, superseded_at = ? WHERE series_id = ? AND path = ? AND "
      "state = 'current'",
      {to_string(state), version, at, id, segment.path});
}

Result<bool> has_segment(Catalog& catalog, std::int64_t id, const Segment& segment) {
  const auto rows =
      catalog.query("SELECT count(*) FROM segments WHERE series_id = ? AND sha256 = ?", {id, segment.sha256});
  if (!rows) return std::unexpected{rows.error()};
  return rows->front()[0].integer() > 0;
}

Result<void> save_gaps(Catalog& catalog, std::int64_t id, const std::vector<Gap>& changed,
                       std::optional<TimePoint> accepted_at) {
  for (const auto& gap : changed) {
    if (auto deleted = catalog.run("DELETE FROM gaps WHERE id = ? AND series_id = ?", {gap.id, id}); !deleted)
      return deleted;
    auto inserted =
        catalog.run("INSERT INTO gaps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    {gap.id, id, gap.range.begin(), gap.range.end(), gap.bars, to_string(gap.cause), gap.evidence,
                     to_string(gap.state), gap.first_look, gap.last_look, gap.looks, gap.accepted_reason, accepted_at});
    if (!inserted) return inserted;
  }
  return {};
}

Result<void> replace_looked(Catalog& catalog, std::int64_t id, const std::vector<TimeRange>& looked) {
  if (auto deleted = run_all(catalog, id, {"DELETE FROM looked WHERE series_id = ?"}); !deleted) return deleted;
  std::vector<Row> rows;
  rows.reserve(looked.size());
  for (const auto& range : looked) rows.push_back({id, range.begin(), range.end()});
  return catalog.append("looked", rows);
}

Result<void> replace_tail(Catalog& catalog, std::int64_t id, const BarColumns& tail) {
  if (auto deleted = run_all(catalog, id, {"DELETE FROM validated_ohlcv WHERE series_id = ?"}); !deleted)
    return deleted;
  std::vector<Row> rows;
  rows.reserve(tail.size());
  for (std::size_t i = 0; i < tail.size(); ++i)
    rows.push_back({id, tail.open_time[i], tail.open[i], tail.high[i], tail.low[i], tail.close[i], tail.volume[i],
                    tail.quote_volume.at(i), tail.trade_count.at(i), tail.taker_buy_volume.at(i),
                    tail.taker_buy_quote_volume.at(i), tdm::to_string(tail.finality[i]), tail.quality_flags[i],
                    tdm::to_string(tail.source[i]), tail.revision[i], tail.available_at[i], tail.recorded_at[i],
                    tail.rule_version[i]});
  return catalog.append("validated_ohlcv", rows);
}

Result<void> insert_quarantine(Catalog& catalog, const Series& series, const std::vector<Rejection>& rejections) {
  std::vector<Row> rows;
  rows.reserve(rejections.size());
  for (const auto& rejection : rejections)
    rows.push_back({series.text(), rejection.open_time, rejection.rule, rejection.rule_version, rejection.reason,
                    rejection.raw, rejection.ingest_id, rejection.recorded_at});
  return catalog.append("quarantine_ohlcv", rows);
}

Result<void> save_checkpoint(Catalog& catalog, std::int64_t id, std::int64_t version, std::int64_t ingest_id,
                             TimePoint at) {
  if (auto deleted = run_all(catalog, id, {"DELETE FROM checkpoints WHERE series_id = ?"}); !deleted) return deleted;
  return catalog.run("INSERT INTO checkpoints VALUES (?, ?, ?, ?)", {id, version, ingest_id, at});
}

Result<void> remove_series(Catalog& catalog, const SeriesRecord& left, Raw raw) {
  const auto id = left.id;
  const auto& manifest = left.state.manifest;
  const auto name = manifest.series.text();
  auto done = update_series(catalog, id, manifest);
  if (done) done = catalog.run("UPDATE series SET removed_version = ? WHERE id = ?", {left.state.removed_version, id});
  if (done)
    done = run_all(catalog, id,
                   {"DELETE FROM gaps WHERE series_id = ?", "DELETE FROM looked WHERE series_id = ?",
                    "DELETE FROM validated_ohlcv WHERE series_id = ?", "DELETE FROM checkpoints WHERE series_id = ?"});
  if (done) done = catalog.run("DELETE FROM quarantine_ohlcv WHERE series = ?", {name});
  for (const auto* layer : {"validated", "raw"}) {
    if (raw == Raw::kept && layer == layer_text(Layer::raw)) continue;
    if (done) done = catalog.run("DELETE FROM segments WHERE series_id = ? AND layer = ?", {id, layer});
    if (done) done = catalog.run("DELETE FROM certificates WHERE series = ? AND layer = ?", {name, layer});
  }
  return done;
}

Result<std::vector<std::string>> superseded_hashes(Catalog& catalog, std::int64_t id, Raw raw) {
  const auto rows = catalog.query(
      "SELECT DISTINCT sha256 FROM segments WHERE series_id = ? AND state <> 'current' AND (layer = 'validated' OR ? = "
      "1)",
      {id, static_cast<std::int64_t>(raw == Raw::removed)});
  if (!rows) return std::unexpected{rows.error()};
  std::vector<std::string> hashes;
  hashes.reserve(rows->size());
  for (const auto& row : *rows) hashes.push_back(row[0].text());
  return hashes;
}

Result<bool> is_superseded(Catalog& catalog, std::string_view hash) {
  const auto rows = catalog.query("SELECT count(*) FROM segments WHERE sha256 = ? AND state <> 'current'", {hash});
  if (!rows) return std::unexpected{rows.error()};
  return rows->front()[0].integer() > 0;
}

Result<void> adopt_series(Catalog& catalog, const SeriesRecord& record, TimePoint at) {
  const auto id = record.id;
  const auto& manifest = record.state.manifest;
  auto done = run_all(catalog, id,
                      {"DELETE FROM series WHERE id = ?", "DELETE FROM segments WHERE series_id = ?",
                       "DELETE FROM gaps WHERE series_id = ?"});
  if (done) done = insert_series(catalog, id, record.state);
  for (const auto& segment : manifest.segments)
    if (done) done = insert_segment(catalog, id, segment);
  for (const auto& old : record.state.history)
    if (done) done = insert_history(catalog, id, old, at);
  if (done) done = save_gaps(catalog, id, manifest.gaps);
  if (done) done = replace_looked(catalog, id, manifest.looked);
  if (done) done = replace_tail(catalog, id, manifest.tail);
  if (done) done = save_checkpoint(catalog, id, manifest.version, 0, at);
  return done;
}

}  // namespace tdm::store::duckdb::detail
