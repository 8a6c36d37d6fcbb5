#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "tdm/ingest/ingest.hpp"          // Filler, Plan
#include "tdm/query/detail/account.hpp"   // Account
#include "tdm/query/detail/derive.hpp"    // Derivation
#include "tdm/query/detail/frames.hpp"    // Selection
#include "tdm/query/detail/grid.hpp"      // Grid
#include "tdm/query/detail/range.hpp"     // Window, Bounds
#include "tdm/query/detail/resolver.hpp"  // Resolver
#include "tdm/query/market_data.hpp"      // ReadRequest, Answer

namespace tdm::query::detail {

// What an exchange's clock is ahead of ours, as its last answer told. Thread-safe.
class ExchangeClock {
 public:
  explicit ExchangeClock(const Clock& clock) : clock_{clock} {}
  TimePoint now(const std::string& exchange) const;
  void learn(const std::string& exchange, TimePoint exchange_time);

 private:
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Micros, std::less<>> ahead_;
};

// One historical read: which stored series answers -> what is missing -> fill -> read -> derive where that series is
// not the one that was asked for -> account for what is absent.
class Reader {
 public:
  Reader(store::Store& store, ingest::Filler& filler, Resolver& resolver, ExchangeClock& clock,
         const EngineOptions& options);

  Result<Answer> read(const ReadRequest& request, const OnProgress& on_progress, std::stop_token stop);

  // The part of the range that the stated launch does not rule out: for estimates only, the truth is probed.
  TimeRange since_launch(const Series& series, TimeRange range, const store::Manifest* manifest) const;

 private:
  // Everything about one read that does not change while it runs.
  struct Task {
    const ReadRequest& request;
    Series series;
    Grid grid;
    const sources::Connector* connector;
    const sources::MarketTraits* traits;
    std::vector<Series> bases;  // that can answer, in order of preference
    Series fetched;             // the one of them that is fetched
    Bounds bounds;
    Selection selection;
    std::optional<TimePoint> as_of;
    std::uint64_t digest = 0;
    std::string note;
    bool fetches() const { return request.fetch == Fetch::automatic && !as_of && !request.cursor; }
    bool include_tail() const { return request.include_open || !request.confirmed_only; }
    // Cursors of one request over two bases are not exchangeable.
    std::uint64_t digest_over(const Series& base) const;
  };
  // What of the series this answer is about.
  struct Scope {
    store::Manifest manifest;  // of the base: the series itself, or the one that it is derived from
    Window window;
    TimeRange page{};  // bars of this page
    std::int64_t skip = 0;
    std::int64_t fetched = 0;
    std::vector<Gap> gaps{};                 // of the whole range
    std::vector<TimeRange> withheld_tail{};  // provisional bars of the range that are left out
    const Series& base() const { return manifest.series; }
    Account account(const Task& task) const { return {task.series, task.grid, manifest}; }
  };
  struct Rows {
    Frame frame;
    std::size_t stored = 0;  // rows that the store gave for it
  };

  Result<Task> prepare(const ReadRequest& request, std::stop_token stop);
  Result<store::Manifest> choose(const Task& task) const;
  Result<store::Manifest> manifest_of(const Task& task, const Series& base) const;
  Result<Scope> open_scope(const Task& task, const OnProgress& on_progress, std::stop_token stop);
  Result<void> fill_missing(const Task& task, Scope& scope, const OnProgress& on_progress, std::stop_token stop);
  Window window_of(const Task& task, const store::Manifest& manifest) const;
  Error backfill_required(const ingest::Plan& plan, std::int64_t bars, std::int64_t limit) const;
  void account(const Task& task, Scope& scope) const;
  void choose_page(const Task& task, Scope& scope) const;
  Result<Answer> answer(const Task& task, Scope scope) const;
  Result<Rows> read_page(const Task& task, const Scope& scope) const;
  Result<Rows> read_bars(const Task& task, const Scope& scope, TimeRange range,
                         const std::vector<std::string>& columns) const;
  Result<Frame> filled(const Task& task, const Scope& scope, const Frame& frame) const;
  Result<std::optional<double>> close_before(const Task& task, const Scope& scope) const;
  void note_unexplained(const Task& task, Scope& scope, const Frame& frame) const;
  Result<void> apply_gap_policy(const Task& task, Scope& scope, const Frame& frame, Answer& answer) const;
  Result<void> describe(const Task& task, const Scope& scope, const Rows& rows, Answer& answer) const;
  Result<void> count_sources(const Task& task, const Scope& scope, const Rows& page, Provenance& provenance) const;
  bool count_by_segments(const Task& task, const Scope& scope, std::size_t rows, Provenance& provenance) const;

  store::Store& store_;
  ingest::Filler& filler_;
  Resolver& resolver_;
  ExchangeClock& clock_;
  const EngineOptions& options_;
};

}  // namespace tdm::query::detail
