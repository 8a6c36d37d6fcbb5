#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/clock.hpp"                         // Clock
#include "tdm/store/duckdb/detail/catalog.hpp"        // Catalog
#include "tdm/store/duckdb/detail/files.hpp"          // FileLock
#include "tdm/store/duckdb/detail/layout.hpp"         // Layout
#include "tdm/store/duckdb/detail/manifest_file.hpp"  // ManifestCache
#include "tdm/store/duckdb/detail/records.hpp"        // SeriesRecord
#include "tdm/store/store.hpp"                        // Writer

namespace tdm::store::duckdb::detail {

// What a writer needs of the store it writes.
struct Site {
  std::string db_path;
  Layout layout;
  const Clock& clock;
  std::shared_ptr<const ManifestCache> manifests;
};

// The one writer: holds the lock and the open catalogue. A commit goes: segment files synced -> transaction of the
// catalogue -> manifest renamed into place -> replaced files moved away. Whatever fails before the transaction leaves
// nothing but files that no catalogue knows; whatever fails in or after it is settled by opening the catalogue again.
class DuckDbWriter final : public Writer {
 public:
  // Takes the lock, opens the catalogue, and repairs what a crash left.
  static Result<std::unique_ptr<Writer>> open(Site site, std::chrono::milliseconds wait, std::stop_token stop);
  DuckDbWriter(const DuckDbWriter&) = delete;
  DuckDbWriter& operator=(const DuckDbWriter&) = delete;
  ~DuckDbWriter() override;

  Result<void> claim_origin(std::string_view exchange, std::string_view origin) override;
  Result<void> put_instruments(std::string_view exchange, std::string_view market, const std::vector<Instrument>& all,
                               TimePoint at) override;
  Result<Resolution> put_resolution(const Resolution& resolution) override;
  Result<IngestRun> begin_run(const Series& series, TimeRange range, Channel channel) override;
  Result<void> end_run(std::int64_t id, std::string_view outcome) override;
  Result<BarColumns> current(const Series& series, TimeRange range) override;
  Result<void> commit(const Batch& batch) override;
  Result<void> seal(const Series& series, TimePoint before) override;
  Result<std::int64_t> accept_gaps(const Series& series, TimeRange range, std::string_view reason,
                                   TimePoint at) override;
  Result<Footprint> remove(const Series& series, Raw raw) override;

 private:
  struct Change;
  struct Merge;

  DuckDbWriter(Site site, FileLock lock) : site_{std::move(site)}, lock_{std::move(lock)} {}

  // The catalogue, open and in step with the manifests; after a failure this opens it again.
  Result<void> ready();
  Result<void> open_catalogue();
  // Runs a transaction; when its outcome is unknown the catalogue is closed, and the next call looks.
  template <class Work>
  Result<void> transact(Work work);
  Result<void> must_reopen(Result<void> failure);

  Result<SeriesRecord*> record_of(const Series& series);
  Result<BarColumns> rows_of(const SeriesRecord& record, TimeRange range) const;

  Result<void> write_files(Change& change, const Batch& batch);
  Result<void> write_bars(Change& change, const BarColumns& rows) const;
  Result<void> rewrite_revised(Change& change, const BarColumns& revisions) const;
  Result<void> forget_known(Change& change);
  void discard(const Change& change) const;
  Result<void> save(Change& change, const Batch& batch);
  Result<void> finish(Change change);
  Result<Merge> merge(const Series& series, std::vector<Segment> inputs) const;
  Result<void> replace(SeriesRecord& record, const std::vector<Merge>& merges);

  Result<void> must_publish(const std::string& path, const std::string& json, std::int64_t version);
  Result<void> publish_state(const SeriesState& state);
  Result<void> move_superseded(const std::vector<Segment>& segments);
  Result<void> mark_unclean();
  Result<void> remove_files(const std::vector<Segment>& gone, const std::vector<std::string>& superseded);

  Site site_;
  FileLock lock_;
  std::unique_ptr<Catalog> catalog_;
  bool marked_ = false;
  std::map<Series, SeriesRecord> records_;
  std::map<std::string, std::string> origins_;
  std::vector<Resolution> resolutions_;
  std::int64_t next_series_ = 1;
  std::int64_t next_gap_ = 1;
  std::int64_t next_run_ = 1;
};

}  // namespace tdm::store::duckdb::detail
