#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/bar.hpp"         // BarColumns, Frame
#include "tdm/core/clock.hpp"       // Clock
#include "tdm/core/gap.hpp"         // Gap
#include "tdm/core/instrument.hpp"  // Instrument, Series

namespace tdm::store {

enum class Layer : std::uint8_t { validated, raw };

// An immutable, checksummed file of one dataset.
struct Segment {
  Layer layer = Layer::validated;
  std::string path{};  // relative to parquet_path
  std::string sha256{};
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
  TimePoint first{}, last{};                      // open times
  std::map<std::string, std::int64_t> sources{};  // validated: rows by channel, so that nobody reads them to count
  int rule_version = 0;                           // validated: newest rule set that judged a row of it
  bool operator==(const Segment&) const = default;
};

// Per series, all that a reader needs without the database. Published by rename after the catalogue's transaction.
struct Manifest {
  Series series;
  std::string origin{};                       // mainnet | testnet | host
  std::int64_t version = 0;                   // grows with every commit that changed this series
  Instrument instrument;                      // as known at the commit, with the probed listing
  std::optional<TimePoint> watermark{};       // all before it is complete or accounted for by gaps
  std::vector<Segment> segments{};            // current, by first open time; validated and raw
  std::vector<Gap> gaps{};                    // open and accounted, by begin
  std::vector<TimeRange> looked{};            // ranges that were asked for and answered: present or a gap of the ledger
  BarColumns tail{};                          // provisional rows, not sealed yet
  std::optional<TimePoint> first_recorded{};  // the series' first recorded_at: bounds as_of
  std::int64_t rows = 0;                      // sealed + tail, current
  std::int64_t confirmed = 0;
};

// (exchange, symbol as asked) -> instrument, decided once.
struct Resolution {
  std::string exchange;
  std::string symbol;
  InstrumentId instrument;
  TimePoint decided_at{};
  bool operator==(const Resolution&) const = default;
};

struct ReadOptions {
  std::vector<std::string>
      columns{};  // validated_column_names(), empty = all; open_time is always the first of the answer
  std::optional<TimePoint> as_of{};  // rows as known then; nothing: current
  bool include_tail = false;         // provisional rows too
};

struct SegmentCheck {
  Segment segment;
  std::string problem{};  // empty: hash, count, order and range hold
};

struct IngestRun {
  std::int64_t id = 0;
  Series series;
  TimeRange range;
  Channel channel = Channel::rest;
  TimePoint started{};
};

// One durable step of an ingest: everything in it becomes visible together or not at all.
struct Batch {
  Series series;
  std::int64_t ingest_id = 0;
  Instrument instrument;
  ObservationColumns raw{};  // appended as they are
  // Upserts, sorted by open_time, one row a key. Same key + same values (see same_bar) = nothing new; other values
  // supersede, and the old row is kept for as_of. A provisional row never replaces a confirmed one: it adds nothing.
  BarColumns validated{};
  std::vector<Rejection> quarantine{};
  std::vector<TimeRange> looked{};  // ranges this batch settles
  // New ones (id 0; one with the range of a gap of the ledger changes that one) and changed ones (id set; closed ones
  // leave the manifest).
  std::vector<Gap> gaps{};
  std::optional<TimePoint> watermark{};  // nothing: as it was
};

struct SeriesSummary {
  Series series;
  std::optional<TimePoint> first{}, last{}, watermark{};
  std::int64_t rows = 0, confirmed = 0, bytes = 0, gaps = 0;
};

// What the store keeps of a series. Bytes are of files; what as_of reads beyond the current rows counts too.
struct Footprint {
  std::int64_t rows = 0;   // validated and current, the tail included
  std::int64_t bytes = 0;  // of validated rows
  std::int64_t raw_rows = 0, raw_bytes = 0;
  bool operator==(const Footprint&) const = default;
};

// What becomes of the observations of a series that is removed.
enum class Raw : std::uint8_t { kept, removed };

// The right to write: at most one in the world per store. Dropping it releases the lock. Not thread-safe; hold a mutex.
class Writer {
 public:
  virtual ~Writer() = default;

  // The data's origin per exchange is fixed by the first writer; another one is refused by name (invalid_argument).
  virtual Result<void> claim_origin(std::string_view exchange, std::string_view origin) = 0;
  virtual Result<void> put_instruments(std::string_view exchange, std::string_view market,
                                       const std::vector<Instrument>& all, TimePoint at) = 0;
  // Keeps the first: returns what is stored.
  virtual Result<Resolution> put_resolution(const Resolution& resolution) = 0;
  virtual Result<IngestRun> begin_run(const Series& series, TimeRange range, Channel channel) = 0;
  virtual Result<void> end_run(std::int64_t id, std::string_view outcome) = 0;

  // Current validated rows in the range, sealed or not: what a judge compares with.
  virtual Result<BarColumns> current(const Series& series, TimeRange range) = 0;
  // Acknowledged = synced: survives kill -9 and power loss. All or nothing. Rows of one batch come sorted by open_time.
  virtual Result<void> commit(const Batch& batch) = 0;
  // Merges what commits left in the periods that end by `before`, confirmed rows only; a period that grows is merged
  // piece by piece, so that no row is rewritten often. Reads back before anything is dropped.
  virtual Result<void> seal(const Series& series, TimePoint before) = 0;
  // A person says that this hole is to be lived with. Gaps inside the range get the reason; returns how many.
  virtual Result<std::int64_t> accept_gaps(const Series& series, TimeRange range, std::string_view reason,
                                           TimePoint at) = 0;
  // Takes a series out of the store: bars, tail, ledger, what was looked at, quarantine, and what as_of reads. All or
  // nothing, also when the process dies meanwhile. Observations are what an exchange once said: they are kept unless
  // asked otherwise, and belong to the series again when it is begun anew. Its version goes on growing, so that nothing
  // that names an older one is taken for the new series. Returns what went; not_found when there is nothing of it.
  virtual Result<Footprint> remove(const Series& series, Raw raw) = 0;
};

// Where bars live. One folder under store/ per backend; each passes StoreConformance. Reading needs no lock, no
// database and no other process, and never waits for a writer; safe from several threads.
class Store {
 public:
  virtual ~Store() = default;

  // ---- reading: from manifests and segments only
  virtual Result<std::optional<Manifest>> manifest(
      const Series& series) const = 0;  // nothing: never written, or removed
  virtual Result<std::vector<SeriesSummary>> list() const = 0;
  // What it amounts to; observations that a removed series left count. Zeros: there is nothing.
  virtual Result<Footprint> footprint(const Series& series) const = 0;
  // Rows with range.begin <= open_time < range.end, oldest first; none is an empty frame. Every byte is checked against
  // the manifest's hash before it is served (corrupt_data names the segment). not_found: the series was removed since.
  virtual Result<Frame> read(const Manifest& manifest, TimeRange range, const ReadOptions& options) const = 0;
  // Rows of raw_ohlcv in order of (open_time, ingest_id); all columns as text except times.
  virtual Result<Frame> read_raw(const Manifest& manifest, TimeRange range,
                                 const std::vector<std::string>& columns) const = 0;
  virtual Result<std::optional<Resolution>> resolution(std::string_view exchange, std::string_view symbol) const = 0;
  // The catalogue of one market with the time it was fetched; nothing when never fetched.
  struct Listing {
    TimePoint at{};
    std::vector<Instrument> instruments;
  };
  virtual Result<std::optional<Listing>> instruments(std::string_view exchange, std::string_view market) const = 0;
  virtual Result<std::map<std::string, std::string>> origins() const = 0;
  virtual Result<std::vector<SegmentCheck>> verify(const Series& series) const = 0;  // changes nothing

  // ---- writing
  // Becomes the writer, waiting for the lock until `deadline`: unavailable when another process holds it so long.
  // Recovery after a crash happens here. `wait` zero: only if it is free now.
  virtual Result<std::unique_ptr<Writer>> lock(std::chrono::milliseconds wait, std::stop_token stop) = 0;
  virtual std::string holder_socket() const = 0;  // where the holder of the lock listens
  virtual std::string quota_file() const = 0;     // the quota governor's memory
};

struct StoreOptions {
  std::string db_path;
  std::string parquet_path;
  std::map<std::string, std::string> other;  // keys of other backends, as configured
};

// What a folder under store/ exports.
struct BackendModule {
  std::string_view name;  // the value of storage.type
  Result<std::shared_ptr<Store>> (*open)(const StoreOptions& options, const Clock& clock);
};

}  // namespace tdm::store
