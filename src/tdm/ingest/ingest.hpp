#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/bar.hpp"           // ObservationColumns
#include "tdm/core/clock.hpp"         // Clock
#include "tdm/core/gap.hpp"           // Gap
#include "tdm/sources/connector.hpp"  // Connector
#include "tdm/store/store.hpp"        // Store, Writer, Manifest
#include "tdm/validate/rules.hpp"     // RuleSet

namespace tdm::ingest {

// How far a fill is. Totals are estimates until `planned` is true.
struct Progress {
  std::int64_t total_bars = 0;
  std::int64_t done_bars = 0;  // durable
  std::int64_t requests = 0;
  double bars_per_second = 0;
  double eta_seconds = 0;
  bool planned = false;
};
using OnProgress = std::function<void(const Progress&)>;

// What is missing of a range and what getting it costs. Pure.
struct Plan {
  Series series;
  TimeRange range;                            // whole bars, clipped to what has ended at `now`
  std::vector<TimeRange> missing{};           // to be asked for, oldest first
  std::vector<sources::PageRequest> pages{};  // of archive files, then over REST
  std::int64_t missing_bars = 0;
  std::int64_t requests = 0;  // of both
  std::int64_t bytes = 0;
  double seconds = 0;
  std::int64_t archive_files = 0;  // of the pages, so many are files of the exchange's archives
  std::int64_t archive_bars = 0;   // of the missing bars, so many are expected in them
};
// `manifest` may be null (never written). Ranges that were looked at are not asked again, except: open gaps whose last
// look is older than kGapRetry, and provisional bars that have settled since.
Plan make_plan(const Series& series, TimeRange range, const store::Manifest* manifest,
               const sources::Connector& connector, TimePoint exchange_now);

struct FillRequest {
  Series series;
  TimeRange range;
  bool to_now = false;  // range.end is "now": the plan clips to the last closed bar at exchange time
  OnProgress on_progress{};
  std::stop_token stop{};
};

struct FillReport {
  std::int64_t fetched = 0;  // rows that came over the network
  std::int64_t stored = 0;   // new or revised rows
  std::int64_t revised = 0;  // of these: other values of a bar that was confirmed
  std::int64_t unchanged = 0;
  std::int64_t rejected = 0;
  std::int64_t requests = 0;
  TimePoint exchange_time{};  // of the last answer; epoch when nothing was asked
};

// What an observation says of its bar, by column.
struct TextField {
  std::string_view name;
  TextColumn ObservationColumns::* column;
};
std::span<const TextField> text_fields();

// Bars that somebody has in a file.
struct ImportRequest {
  Series series;
  ObservationColumns rows{};  // in any order; channel, times of arrival and the ingest run are given by ingest
  // For a file that comes in parts, oldest first. What lies between the part before, which ends with the bar `after`,
  // and this one is absent from the file too. Nothing: this is the first part.
  std::optional<TimePoint> after{};
  // Whether the file tells the quote volume: then each row must. Nothing: when any of these rows does.
  std::optional<bool> quote_volume{};
  OnProgress on_progress{};
  std::stop_token stop{};
};

// Gets what the store lacks. The one road from a connector to the store; query, the command line and the server ask it
// and do not know whether this process or the holder of the store's lock does the work. Blocking and thread-safe:
// concurrent calls for one series fetch each bar once. On cancellation what was durable stays and the error is
// `cancelled`.
class Filler {
 public:
  virtual ~Filler() = default;
  virtual Result<FillReport> fill(const FillRequest& request) = 0;
  // Asks the exchange for its list of instruments when the stored one is older than `max_age`.
  virtual Result<void> refresh_instruments(std::string exchange, std::string market, std::chrono::seconds max_age,
                                           std::stop_token stop) = 0;
  // Stores the first resolution of (exchange, symbol); returns the one that is stored.
  virtual Result<store::Resolution> remember(const store::Resolution& resolution, std::stop_token stop) = 0;
  virtual Result<std::int64_t> accept_gaps(const Series& series, TimeRange range, std::string reason,
                                           std::stop_token stop) = 0;
  // Takes bars of a file on the road that an exchange's answers take: recorded raw with the channel `import`, judged by
  // the same rules, stored, accounted for. A bar that ended long enough ago is born confirmed; other values of a
  // confirmed bar are a revision. What an import brought since the series was begun is not recorded again. Bars that
  // are absent between the first and the last are gaps that the exchange was not asked for yet, so the next fill asks
  // at once. The exchange is asked for its list of instruments when the stored one lacks the symbol, and for its time
  // when the rows reach into the last day. Of the report, `fetched` counts the rows of the request.
  virtual Result<FillReport> import_bars(const ImportRequest& request) = 0;
  // Takes a series out of the store (see store::Writer::remove). A fill or an import of it that runs is waited for;
  // unavailable when it does not end within IngestOptions::idle_wait.
  virtual Result<store::Footprint> remove(const Series& series, store::Raw raw, std::stop_token stop) = 0;
};

// Shares the store's writer among the threads of one process. The lock is held while a lease lives (a server keeps
// one).
class WriterHub {
 public:
  WriterHub(std::shared_ptr<store::Store> store, std::function<void()> on_hold = {},
            std::function<void()> on_release = {});
  ~WriterHub();

  class Lease;  // movable; access() gives exclusive use of the writer for the time of a call
  Result<Lease> acquire(std::chrono::milliseconds wait, std::stop_token stop);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

class WriterHub::Lease {
 public:
  explicit Lease(std::shared_ptr<Shared> shared);
  Lease(Lease&&) noexcept = default;
  Lease& operator=(Lease&&) noexcept;
  ~Lease();
  // Runs `use` with the writer, one caller at a time, in the order in which they came.
  template <class F>
  auto access(F&& use);

 private:
  class Turn;
  std::shared_ptr<Shared> shared_;
};

class WriterHub::Lease::Turn {
 public:
  explicit Turn(Shared& shared);
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn();
  store::Writer& writer() const;

 private:
  Shared& shared_;
};

template <class F>
auto WriterHub::Lease::access(F&& use) {
  const Turn turn{*shared_};
  return use(turn.writer());
}

struct IngestOptions {
  std::int64_t pages_in_flight = 128;  // asked for and not yet durable
  std::chrono::milliseconds commit_every{250};
  std::chrono::milliseconds lock_wait{60'000};
  std::chrono::milliseconds idle_wait{30'000};     // for others who write the same series
  std::map<std::string, double> settle_seconds{};  // by market, overrides the connector's traits
  std::function<void(const Series&, const FillReport&)> on_published{};
};

using Connectors = std::map<std::string, std::shared_ptr<sources::Connector>, std::less<>>;

// The Filler that does the work in this process: lock -> plan from coverage -> fetch pages in parallel -> raw -> judge
// -> publish -> account, batch by batch, each batch durable before the next is asked for beyond pages_in_flight ->
// seal. `executor` runs the connectors' coroutines; this class blocks the calling thread only.
std::shared_ptr<Filler> make_local_filler(std::shared_ptr<store::Store> store, std::shared_ptr<WriterHub> hub,
                                          Connectors connectors, validate::RuleSet rules, const Clock& clock,
                                          boost::asio::any_io_executor executor, IngestOptions options);

}  // namespace tdm::ingest
