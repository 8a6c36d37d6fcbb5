#include "tdm/store/duckdb/detail/recovery.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include "tdm/telemetry/log.hpp"  // log

namespace tdm::store::duckdb::detail {
namespace {

namespace fs = std::filesystem;

// How long a merged-away file stays for readers that still hold the manifest before the merge.
constexpr std::chrono::hours kKeepMerged{24};

bool is_temporary(std::string_view name) { return name.starts_with(kTemporaryPrefix); }

// 20230101T000000Z-0123456789abcdef.parquet: nothing else in the lake is ours to remove.
bool is_segment_name(std::string_view name) {
  constexpr std::string_view kSuffix = ".parquet";
  constexpr std::size_t kHash = 16;
  if (!name.ends_with(kSuffix)) return false;
  name.remove_suffix(kSuffix.size());
  if (name.size() < kHash + 2 || name[name.size() - kHash - 1] != '-' || name[name.size() - kHash - 2] != 'Z')
    return false;
  return std::ranges::all_of(name.substr(name.size() - kHash),
                             [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::vector<std::string> manifest_paths(const Layout& layout) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{layout.manifests(), error}) {
    const auto name = entry.path().filename().string();
    if (!name.starts_with('_') && !name.starts_with('.') && name.ends_with(".json")) paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  return paths;
}

Result<void> rewrite_manifest(Catalog& catalog, const Site& site, const Series& series) {
  const auto record = load_series(catalog, series);
  if (!record) return std::unexpected{record.error()};
  const auto& state = (*record)->state;
  telemetry::log(telemetry::Level::info, "store_manifest_rewritten",
                 {{"series", series.text()}, {"version", state.manifest.version}});
  return publish(site.layout.manifest(series), to_json(state), site.clock.now(), state.manifest.version);
}

Result<void> adopt(Catalog& catalog, const Site& site, const SeriesState& state, std::int64_t id) {
  telemetry::log(telemetry::Level::warn, "store_series_adopted",
                 {{"series", state.manifest.series.text()}, {"version", state.manifest.version}});
  return catalog.transaction([&] { return adopt_series(catalog, SeriesRecord{id, state}, site.clock.now()); });
}

struct Known {
  std::int64_t id = 0;
  std::int64_t version = 0;
};

Result<std::map<std::string, Known>> known_series(Catalog& catalog) {
  const auto rows = catalog.query("SELECT name, id, version FROM series");
  if (!rows) return std::unexpected{rows.error()};
  std::map<std::string, Known> known;
  for (const auto& row : *rows) known.emplace(row[0].text(), Known{row[1].integer(), row[2].integer()});
  return known;
}

// Publishes `json` when the file says anything else.
Result<void> publish_if_other(const Site& site, const std::string& path, const std::string& json) {
  const auto file = read_file(path);
  if (!file) return std::unexpected{file.error()};
  if (*file && (*file)->bytes == json) return {};
  return publish(path, json, site.clock.now(), 0);
}

Result<std::map<std::string, std::string>> reconcile_origins(Catalog& catalog, const Site& site) {
  const auto path = site.layout.origins();
  std::map<std::string, std::string> origins;
  if (catalog.is_new()) {
    const auto file = read_file(path);
    if (!file) return std::unexpected{file.error()};
    if (*file) {
      auto parsed = parse_origins((*file)->bytes, path);
      if (!parsed) return parsed;
      origins = *std::move(parsed);
    }
    std::vector<Row> rows;
    rows.reserve(origins.size());
    for (const auto& [exchange, origin] : origins) rows.push_back({exchange, origin});
    auto saved = catalog.transaction([&] { return catalog.append("origins", rows); });
    if (!saved) return std::unexpected{std::move(saved).error()};
    return origins;
  }
  const auto rows = catalog.query("SELECT exchange, origin FROM origins");
  if (!rows) return std::unexpected{rows.error()};
  for (const auto& row : *rows) origins.emplace(row[0].text(), row[1].text());
  if (!origins.empty())
    if (auto done = publish_if_other(site, path, origins_to_json(origins)); !done)
      return std::unexpected{std::move(done).error()};
  return origins;
}

Result<std::vector<Resolution>> reconcile_resolutions(Catalog& catalog, const Site& site) {
  const auto path = site.layout.resolutions();
  std::vector<Resolution> resolutions;
  if (catalog.is_new()) {
    const auto file = read_file(path);
    if (!file) return std::unexpected{file.error()};
    if (*file) {
      auto parsed = parse_resolutions((*file)->bytes, path);
      if (!parsed) return parsed;
      resolutions = *std::move(parsed);
    }
    std::vector<Row> rows;
    rows.reserve(resolutions.size());
    for (const auto& one : resolutions)
      rows.push_back({one.exchange, one.symbol, one.instrument.text(), one.decided_at});
    auto saved = catalog.transaction([&] { return catalog.append("resolutions", rows); });
    if (!saved) return std::unexpected{std::move(saved).error()};
    return resolutions;
  }
  const auto rows =
      catalog.query("SELECT exchange, symbol, instrument, decided_at FROM resolutions ORDER BY exchange, symbol");
  if (!rows) return std::unexpected{rows.error()};
  for (const auto& row : *rows) {
    auto instrument = InstrumentId::parse(row[2].text());
    if (!instrument) return std::unexpected{std::move(instrument).error()};
    resolutions.push_back({row[0].text(), row[1].text(), *std::move(instrument), row[3].time()});
  }
  if (!resolutions.empty())
    if (auto done = publish_if_other(site, path, to_json(resolutions)); !done)
      return std::unexpected{std::move(done).error()};
  return resolutions;
}

// Lists of instruments are a copy of what an exchange said and are asked for again: a missing file is written anew.
Result<void> reconcile_listings(Catalog& catalog, const Site& site) {
  const auto markets = catalog.query("SELECT exchange, market, max(fetched_at) FROM instruments GROUP BY ALL");
  if (!markets) return std::unexpected{markets.error()};
  for (const auto& market : *markets) {
    const auto path = site.layout.instruments(market[0].text(), market[1].text());
    const auto file = read_file(path);
    if (!file) return std::unexpected{file.error()};
    if (*file) {
      const auto published = parse_listing((*file)->bytes, path);
      if (published && published->at >= market[2].time()) continue;
    }
    const auto rows = catalog.query("SELECT document FROM instruments WHERE exchange = ? AND market = ? ORDER BY rowid",
                                    {market[0].text(), market[1].text()});
    if (!rows) return std::unexpected{rows.error()};
    Store::Listing listing{market[2].time(), {}};
    for (const auto& row : *rows) {
      auto instrument = parse_instrument(row[0].text());
      if (!instrument) return std::unexpected{std::move(instrument).error()};
      listing.instruments.push_back(*std::move(instrument));
    }
    if (auto done = publish(path, to_json(listing), site.clock.now(), 0); !done) return done;
  }
  return {};
}

struct KnownFiles {
  std::set<std::string> current;                  // by path
  std::map<std::string, std::string> superseded;  // path -> hash
  std::set<std::string> hashes;                   // of superseded ones
};

Result<KnownFiles> known_files(Catalog& catalog) {
  const auto rows = catalog.query("SELECT path, sha256, state FROM segments");
  if (!rows) return std::unexpected{rows.error()};
  KnownFiles known;
  for (const auto& row : *rows) {
    if (row[2].text() == "current") {
      known.current.insert(row[0].text());
    } else {
      known.superseded.emplace(row[0].text(), row[1].text());
      known.hashes.insert(row[1].text());
    }
  }
  return known;
}

Result<void> sweep_lake(const Site& site, const KnownFiles& known) {
  std::error_code error;
  for (const auto& dataset : fs::directory_iterator{site.layout.root(), error}) {
    if (!dataset.path().filename().string().starts_with("dataset=")) continue;
    for (const auto& entry : fs::recursive_directory_iterator{dataset.path(), error}) {
      const auto name = entry.path().filename().string();
      const auto relative = entry.path().string().substr(site.layout.root().size() + 1);
      if (is_temporary(name)) remove_file(entry.path());
      if (!is_segment_name(name) || known.current.contains(relative)) continue;
      const auto replaced = known.superseded.find(relative);
      if (replaced == known.superseded.end()) {
        telemetry::log(telemetry::Level::info, "store_orphan_removed", {{"file", relative}});
        remove_file(entry.path());
      } else if (auto moved = move_file(entry.path(), site.layout.absolute(Layout::superseded(replaced->second)));
                 !moved) {
        return moved;
      }
    }
  }
  return {};
}

void sweep_superseded(const Site& site, const KnownFiles& known) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{site.layout.superseded_folder(), error}) {
    const auto name = entry.path().filename().string();
    if (is_temporary(name) || (name.ends_with(".parquet") && !known.hashes.contains(entry.path().stem())))
      remove_file(entry.path());
  }
}

}  // namespace

Result<void> reconcile_series(Catalog& catalog, const Site& site) {
  auto known = known_series(catalog);
  if (!known) return std::unexpected{std::move(known).error()};
  std::int64_t next_id = 1;
  for (const auto& [name, series] : *known) next_id = std::max(next_id, series.id + 1);
  std::set<std::string> published;
  for (const auto& path : manifest_paths(site.layout)) {
    const auto state = site.manifests->state(path);
    if (!state || *state == nullptr) continue;  // damaged: written again below when the catalogue knows the series
    const auto& manifest = (*state)->manifest;
    const auto name = manifest.series.text();
    const auto found = known->find(name);
    if (found != known->end() && manifest.version < found->second.version) continue;
    published.insert(name);
    if (found != known->end() && manifest.version == found->second.version) continue;
    if (auto done = adopt(catalog, site, **state, found != known->end() ? found->second.id : next_id++); !done)
      return done;
  }
  for (const auto& [name, series] : *known) {
    if (published.contains(name)) continue;
    const auto parsed = Series::parse(name);
    if (!parsed) return std::unexpected{parsed.error()};
    if (auto done = rewrite_manifest(catalog, site, *parsed); !done) return done;
  }
  return {};
}

Result<Names> reconcile_names(Catalog& catalog, const Site& site) {
  auto origins = reconcile_origins(catalog, site);
  if (!origins) return std::unexpected{std::move(origins).error()};
  auto resolutions = reconcile_resolutions(catalog, site);
  if (!resolutions) return std::unexpected{std::move(resolutions).error()};
  if (auto done = reconcile_listings(catalog, site); !done) return std::unexpected{std::move(done).error()};
  return Names{*std::move(origins), *std::move(resolutions)};
}

Result<void> sweep(Catalog& catalog, const Site& site) {
  for (const auto& path : manifest_paths(site.layout)) {
    const auto state = site.manifests->state(path);
    if (state && *state != nullptr) continue;
    // Its segments are unknown, so nothing that looks like an orphan may be removed.
    telemetry::log(telemetry::Level::error, "store_manifest_damaged", {{"file", path}});
    return {};
  }
  const auto known = known_files(catalog);
  if (!known) return std::unexpected{known.error()};
  if (auto done = sweep_lake(site, *known); !done) return done;
  sweep_superseded(site, *known);
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{site.layout.manifests(), error})
    if (is_temporary(entry.path().filename().string())) remove_file(entry.path());
  return {};
}

Result<void> purge_merged(Catalog& catalog, const Site& site) {
  const auto before = site.clock.now() - kKeepMerged;
  const auto rows = catalog.query(
      "SELECT DISTINCT sha256 FROM segments WHERE state = 'merged' AND superseded_at < ? AND sha256 NOT IN (SELECT "
      "sha256 "
      "FROM segments WHERE state <> 'merged' OR superseded_at >= ?)",
      {before, before});
  if (!rows) return std::unexpected{rows.error()};
  if (rows->empty()) return {};
  auto done = catalog.transaction(
      [&] { return catalog.run("DELETE FROM segments WHERE state = 'merged' AND superseded_at < ?", {before}); });
  if (!done) return done;
  for (const auto& row : *rows) remove_file(site.layout.absolute(Layout::superseded(row[0].text())));
  return {};
}

}  // namespace tdm::store::duckdb::detail
