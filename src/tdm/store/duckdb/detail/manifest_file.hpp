#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tdm/store/duckdb/detail/files.hpp"   // FileIdentity
#include "tdm/store/duckdb/detail/layout.hpp"  // Layout
#include "tdm/store/store.hpp"                 // Manifest, Resolution

// What readers know: JSON files under <parquet_path>/_manifest, each replaced in one step.
namespace tdm::store::duckdb::detail {

// A segment whose rows were replaced by other values: what as_of still reads.
struct Superseded {
  Segment segment;
  std::int64_t version = 0;  // of the manifest that no longer names it
  bool operator==(const Superseded&) const = default;
};

// All there is to know of a series: its manifest, and what as_of needs beyond it. One that was removed goes on as a
// state that holds nothing but the observations that were kept, so that its version goes on too.
struct SeriesState {
  Manifest manifest;
  std::vector<Superseded> history{};
  std::int64_t removed_version = 0;  // of the manifest with which it was removed last

  bool removed() const { return manifest.version == removed_version; }
};
Footprint footprint_of(const SeriesState& state);

std::string to_json(const SeriesState& state);
// corrupt_data names the file.
Result<SeriesState> parse_state(std::string_view json, const std::string& path);

std::string to_json(const Instrument& instrument);
Result<Instrument> parse_instrument(std::string_view json);
std::string to_json(const std::map<std::string, std::int64_t>& counts);
Result<std::map<std::string, std::int64_t>> parse_counts(std::string_view json);

std::string to_json(const Store::Listing& listing);
Result<Store::Listing> parse_listing(std::string_view json, const std::string& path);
std::string to_json(const std::vector<Resolution>& resolutions);
Result<std::vector<Resolution>> parse_resolutions(std::string_view json, const std::string& path);
std::string origins_to_json(const std::map<std::string, std::string>& origins);
Result<std::map<std::string, std::string>> parse_origins(std::string_view json, const std::string& path);

// Parsed files by path, read again when the file is another one. Thread-safe.
template <class T>
class FileCache {
 public:
  // Nothing: there is no such file.
  template <class Parse>
  Result<std::shared_ptr<const T>> get(const std::string& path, Parse parse) const {
    const auto identity = stat_file(path);
    if (!identity) return std::unexpected{identity.error()};
    if (!*identity) return nullptr;
    if (auto held = find(path, **identity)) return held;
    const auto file = read_file(path);
    if (!file) return std::unexpected{file.error()};
    if (!*file) return nullptr;
    auto parsed = parse((*file)->bytes, path);
    if (!parsed) return std::unexpected{std::move(parsed).error()};
    auto value = std::make_shared<const T>(*std::move(parsed));
    const std::lock_guard guard{mutex_};
    entries_.insert_or_assign(path, Entry{(*file)->identity, value});
    return value;
  }

 private:
  struct Entry {
    FileIdentity identity;
    std::shared_ptr<const T> value;
  };
  std::shared_ptr<const T> find(const std::string& path, const FileIdentity& identity) const {
    const std::lock_guard guard{mutex_};
    const auto found = entries_.find(path);
    return found != entries_.end() && found->second.identity == identity ? found->second.value : nullptr;
  }

  mutable std::mutex mutex_;
  mutable std::map<std::string, Entry> entries_;
};

// What readers and the writer of one process share.
class ManifestCache {
 public:
  Result<std::shared_ptr<const SeriesState>> state(const std::string& path) const {
    return states_.get(path, parse_state);
  }
  Result<std::shared_ptr<const Store::Listing>> listing(const std::string& path) const {
    return listings_.get(path, parse_listing);
  }
  Result<std::shared_ptr<const std::vector<Resolution>>> resolutions(const std::string& path) const {
    return resolutions_.get(path, parse_resolutions);
  }
  Result<std::shared_ptr<const std::map<std::string, std::string>>> origins(const std::string& path) const {
    return origins_.get(path, parse_origins);
  }

 private:
  FileCache<SeriesState> states_;
  FileCache<Store::Listing> listings_;
  FileCache<std::vector<Resolution>> resolutions_;
  FileCache<std::map<std::string, std::string>> origins_;
};

// Replaces the file. `version` is stamped into its modification time, so that two versions never look alike.
Result<void> publish(const std::string& path, std::string_view json, TimePoint now, std::int64_t version);

}  // namespace tdm::store::duckdb::detail
