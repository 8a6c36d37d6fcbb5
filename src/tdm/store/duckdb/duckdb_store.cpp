#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "tdm/store/duckdb/detail/layout.hpp"          // Layout
#include "tdm/store/duckdb/detail/manifest_file.hpp"   // ManifestCache
#include "tdm/store/duckdb/detail/segment_reader.hpp"  // read_rows
#include "tdm/store/duckdb/detail/writer.hpp"          // DuckDbWriter
#include "tdm/store/rows.hpp"                          // checked_columns
#include "tdm/store/store.hpp"                         // Store

namespace tdm::store::duckdb {
namespace {

using detail::DuckDbWriter;
using detail::Layout;
using detail::ManifestCache;
using detail::Selection;

// Reads from manifests and segments only; the database is opened by lock() and by nothing else.
class DuckDbStore final : public Store {
 public:
  DuckDbStore(std::string db_path, std::string parquet_path, const Clock& clock)
      : db_path_{std::move(db_path)}, layout_{std::move(parquet_path)}, clock_{clock} {}

  Result<std::optional<Manifest>> manifest(const Series& series) const override {
    const auto state = manifests_->state(layout_.manifest(series));
    if (!state) return std::unexpected{state.error()};
    if (*state == nullptr || (*state)->removed()) return std::nullopt;
    return (*state)->manifest;
  }

  Result<std::vector<SeriesSummary>> list() const override {
    std::vector<SeriesSummary> all;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator{layout_.manifests(), error}) {
      const auto name = entry.path().filename().string();
      if (name.starts_with('_') || name.starts_with('.') || !name.ends_with(".json")) continue;
      const auto state = manifests_->state(entry.path());
      if (!state) return std::unexpected{state.error()};
      if (*state != nullptr && !(*state)->removed()) all.push_back(summary_of((*state)->manifest));
    }
    std::ranges::sort(all, {}, &SeriesSummary::series);
    return all;
  }

  Result<Footprint> footprint(const Series& series) const override {
    const auto state = manifests_->state(layout_.manifest(series));
    if (!state) return std::unexpected{state.error()};
    return *state == nullptr ? Footprint{} : detail::footprint_of(**state);
  }

  Result<Frame> read(const Manifest& manifest, TimeRange range, const ReadOptions& options) const override {
    auto columns = checked_columns(Layer::validated, options.columns);
    if (!columns) return std::unexpected{std::move(columns).error()};
    if (auto known = check_as_of(manifest, options.as_of); !known) return std::unexpected{std::move(known).error()};
    auto selection = detail::select(manifest, Layer::validated, range);
    selection.columns = *std::move(columns);
    selection.as_of = options.as_of;
    if (!options.include_tail) selection.tail = nullptr;
    if (options.as_of)
      if (auto added = add_history(selection, manifest); !added) return std::unexpected{std::move(added).error()};
    return read_selected(manifest, selection);
  }

  Result<Frame> read_raw(const Manifest& manifest, TimeRange range,
                         const std::vector<std::string>& asked) const override {
    auto columns = checked_columns(Layer::raw, asked);
    if (!columns) return std::unexpected{std::move(columns).error()};
    auto selection = detail::select(manifest, Layer::raw, range);
    selection.columns = *std::move(columns);
    return read_selected(manifest, selection);
  }

  Result<std::optional<Resolution>> resolution(std::string_view exchange, std::string_view symbol) const override {
    const auto all = manifests_->resolutions(layout_.resolutions());
    if (!all) return std::unexpected{all.error()};
    if (*all == nullptr) return std::nullopt;
    const auto found = std::ranges::find_if(
        **all, [&](const Resolution& one) { return one.exchange == exchange && one.symbol == symbol; });
    if (found == (*all)->end()) return std::nullopt;
    return *found;
  }

  Result<std::optional<Listing>> instruments(std::string_view exchange, std::string_view market) const override {
    const auto listing = manifests_->listing(layout_.instruments(exchange, market));
    if (!listing) return std::unexpected{listing.error()};
    if (*listing == nullptr) return std::nullopt;
    return **listing;
  }

  Result<std::map<std::string, std::string>> origins() const override {
    const auto origins = manifests_->origins(layout_.origins());
    if (!origins) return std::unexpected{origins.error()};
    return *origins == nullptr ? std::map<std::string, std::string>{} : **origins;
  }

  Result<std::vector<SegmentCheck>> verify(const Series& series) const override {
    const auto state = manifests_->state(layout_.manifest(series));
    if (!state) return std::unexpected{state.error()};
    std::vector<SegmentCheck> checks;
    if (*state == nullptr || (*state)->removed()) return checks;
    for (const auto& segment : (*state)->manifest.segments)
      checks.push_back({segment, detail::problem_of(layout_, segment)});
    return checks;
  }

  Result<std::unique_ptr<Writer>> lock(std::chrono::milliseconds wait, std::stop_token stop) override {
    return DuckDbWriter::open({db_path_, layout_, clock_, manifests_}, wait, std::move(stop));
  }

  std::string holder_socket() const override { return db_path_ + ".sock"; }
  std::string quota_file() const override { return db_path_ + ".quota"; }

 private:
  static SeriesSummary summary_of(const Manifest& manifest) {
    SeriesSummary summary{.series = manifest.series};
    const auto widen = [&](TimePoint first, TimePoint last) {
      summary.first = std::min(summary.first.value_or(first), first);
      summary.last = std::max(summary.last.value_or(last), last);
    };
    for (const auto& segment : manifest.segments) {
      summary.bytes += segment.bytes;
      if (segment.layer == Layer::validated) widen(segment.first, segment.last);
    }
    if (manifest.tail.size() > 0) widen(manifest.tail.open_time.front(), manifest.tail.open_time.back());
    summary.watermark = manifest.watermark;
    summary.rows = manifest.rows;
    summary.confirmed = manifest.confirmed;
    summary.gaps = static_cast<std::int64_t>(manifest.gaps.size());
    return summary;
  }

  // A file that is not there may have gone with its series, which is no damage.
  Result<Frame> read_selected(const Manifest& manifest, const Selection& selection) const {
    auto frame = detail::read_rows(layout_, selection);
    if (frame || frame.error().code != ErrorCode::corrupt_data) return frame;
    const auto state = manifests_->state(layout_.manifest(manifest.series));
    if (state && *state != nullptr && manifest.version < (*state)->removed_version)
      return refuse_removed(manifest.series);
    return frame;
  }

  // What was replaced before this manifest was written. The newest manifest tells it: history only grows.
  Result<void> add_history(Selection& selection, const Manifest& manifest) const {
    const auto state = manifests_->state(layout_.manifest(manifest.series));
    if (!state) return std::unexpected{state.error()};
    if (*state == nullptr) return {};
    for (const auto& old : (*state)->history)
      if (old.version <= manifest.version) selection.segments.push_back(old.segment);
    std::ranges::stable_sort(selection.segments, {}, &Segment::first);
    return {};
  }

  std::string db_path_;
  Layout layout_;
  const Clock& clock_;
  std::shared_ptr<const ManifestCache> manifests_ = std::make_shared<const ManifestCache>();
};

Result<std::shared_ptr<Store>> open_store(const StoreOptions& options, const Clock& clock) {
  for (const auto& [name, value] : {std::pair{"db_path", &options.db_path}, {"parquet_path", &options.parquet_path}})
    if (value->empty())
      return fail(ErrorCode::invalid_argument, fmt::format("{}: storage of type duckdb needs a path", name), name);
  if (!options.other.empty())
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}: storage of type duckdb has no such key", options.other.begin()->first),
                options.other.begin()->first, nearest(options.other.begin()->first, {"db_path", "parquet_path"}));
  // Absolute, so that a later change of the working directory moves nothing; "x/" and "x" are one place.
  const auto absolute = [](const std::string& path) {
    auto normal = std::filesystem::absolute(path).lexically_normal().string();
    while (normal.size() > 1 && normal.ends_with('/')) normal.pop_back();
    return normal;
  };
  return std::make_shared<DuckDbStore>(absolute(options.db_path), absolute(options.parquet_path), clock);
}

}  // namespace

const BackendModule& module() {
  static const BackendModule backend{"duckdb", &open_store};
  return backend;
}

}  // namespace tdm::store::duckdb
