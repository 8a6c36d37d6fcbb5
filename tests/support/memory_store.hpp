#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "tdm/store/rows.hpp"   // same_bar, check_batch, make_frame
#include "tdm/store/store.hpp"  // Store, Writer

namespace tdm::support {

// A Store that lives in memory: what ingest, query and serve are tested with. It passes StoreConformance, so a test
// that holds with it holds with the real one. Nothing survives it; its manifests name no segments.
//
// Every row version is kept with the manifest versions it was visible in, which is all that pins and as_of need.
class MemoryStore final : public store::Store {
 public:
  Result<std::optional<store::Manifest>> manifest(const Series& series) const override {
    const std::lock_guard guard{state_->mutex};
    const auto book = state_->books.find(series);
    if (book == state_->books.end() || book->second.removed()) return std::nullopt;
    return book->second.manifest;
  }

  Result<std::vector<store::SeriesSummary>> list() const override {
    const std::lock_guard guard{state_->mutex};
    std::vector<store::SeriesSummary> all;
    for (const auto& [series, book] : state_->books) {
      if (book.removed()) continue;
      store::SeriesSummary summary{.series = series};
      const auto rows = visible(book, book.manifest.version, std::nullopt, true);
      if (rows.size() > 0) {
        summary.first = rows.open_time.front();
        summary.last = rows.open_time.back();
      }
      summary.watermark = book.manifest.watermark;
      summary.rows = book.manifest.rows;
      summary.confirmed = book.manifest.confirmed;
      summary.gaps = static_cast<std::int64_t>(book.manifest.gaps.size());
      all.push_back(std::move(summary));
    }
    return all;
  }

  Result<store::Footprint> footprint(const Series& series) const override {
    const std::lock_guard guard{state_->mutex};
    const auto book = state_->books.find(series);
    return book == state_->books.end() ? store::Footprint{} : footprint_of(book->second);
  }

  Result<Frame> read(const store::Manifest& manifest, TimeRange range,
                     const store::ReadOptions& options) const override {
    auto columns = store::checked_columns(store::Layer::validated, options.columns);
    if (!columns) return std::unexpected{std::move(columns).error()};
    if (auto known = store::check_as_of(manifest, options.as_of); !known)
      return std::unexpected{std::move(known).error()};
    const std::lock_guard guard{state_->mutex};
    const auto book = state_->books.find(manifest.series);
    if (book == state_->books.end()) return store::make_frame(BarColumns{}, *columns);
    if (manifest.version < book->second.removed_version) return store::refuse_removed(manifest.series);
    return store::make_frame(
        in_range(visible(book->second, manifest.version, options.as_of, options.include_tail), range), *columns);
  }

  Result<Frame> read_raw(const store::Manifest& manifest, TimeRange range,
                         const std::vector<std::string>& asked) const override {
    auto columns = store::checked_columns(store::Layer::raw, asked);
    if (!columns) return std::unexpected{std::move(columns).error()};
    const std::lock_guard guard{state_->mutex};
    ObservationColumns rows;
    if (const auto book = state_->books.find(manifest.series); book != state_->books.end())
      rows = raw_of(book->second, manifest.version, range);
    return store::make_frame(rows, *columns);
  }

  Result<std::optional<store::Resolution>> resolution(std::string_view exchange,
                                                      std::string_view symbol) const override {
    const std::lock_guard guard{state_->mutex};
    const auto found = state_->resolutions.find({std::string{exchange}, std::string{symbol}});
    if (found == state_->resolutions.end()) return std::nullopt;
    return found->second;
  }

  Result<std::optional<Listing>> instruments(std::string_view exchange, std::string_view market) const override {
    const std::lock_guard guard{state_->mutex};
    const auto found = state_->listings.find({std::string{exchange}, std::string{market}});
    if (found == state_->listings.end()) return std::nullopt;
    return found->second;
  }

  Result<std::map<std::string, std::string>> origins() const override {
    const std::lock_guard guard{state_->mutex};
    return state_->origins;
  }

  Result<std::vector<store::SegmentCheck>> verify(const Series&) const override {
    return std::vector<store::SegmentCheck>{};
  }

  Result<std::unique_ptr<store::Writer>> lock(std::chrono::milliseconds wait, std::stop_token stop) override {
    std::unique_lock guard{state_->mutex};
    const auto deadline = std::chrono::steady_clock::now() + wait;
    const bool free = state_->released.wait_until(guard, stop, deadline, [&] { return !state_->held; });
    if (stop.stop_requested()) return fail(ErrorCode::cancelled, "waiting for the store's lock was cancelled");
    if (!free) return fail(ErrorCode::unavailable, "the store is being written by another holder of its lock");
    state_->held = true;
    return std::make_unique<MemoryWriter>(state_);
  }

  std::string holder_socket() const override { return socket; }
  std::string quota_file() const override { return quota; }

  std::string socket;  // what holder_socket() and quota_file() answer
  std::string quota;

 private:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  struct Book {
    store::Manifest manifest;
    BarColumns rows{};                       // every version of every bar, in order of commit
    std::vector<std::int64_t> added{};       // manifest version that brought the row
    std::vector<std::int64_t> superseded{};  // manifest version that replaced it
    std::map<TimePoint, std::size_t> current{};
    ObservationColumns raw{};
    std::vector<std::int64_t> raw_added{};
    std::vector<Rejection> quarantine{};
    std::int64_t removed_version = 0;  // of the manifest with which it was removed last

    bool removed() const { return manifest.version == removed_version; }
  };

  static store::Footprint footprint_of(const Book& book) {
    return {.rows = book.manifest.rows, .bytes = 0, .raw_rows = static_cast<std::int64_t>(book.raw.size())};
  }

  struct State {
    mutable std::mutex mutex;
    std::condition_variable_any released;
    bool held = false;
    std::int64_t next_run = 1;
    std::int64_t next_gap = 1;
    std::map<Series, Book> books;
    std::map<std::int64_t, std::string> runs;  // outcome; empty while it runs
    std::map<std::string, std::string> origins;
    std::map<std::pair<std::string, std::string>, store::Resolution> resolutions;
    std::map<std::pair<std::string, std::string>, Listing> listings;
  };

  // Rows as `version` of the manifest sees them, by open time.
  static BarColumns visible(const Book& book, std::int64_t version, std::optional<TimePoint> as_of, bool include_tail) {
    std::map<TimePoint, std::size_t> chosen;
    for (std::size_t row = 0; row < book.rows.size(); ++row) {
      if (book.added[row] > version) continue;
      if (as_of ? book.rows.recorded_at[row] > *as_of : book.superseded[row] <= version) continue;
      if (!include_tail && !store::is_final(book.rows.finality[row])) continue;
      chosen.insert_or_assign(book.rows.open_time[row], row);
    }
    BarColumns rows;
    for (const auto& [open_time, row] : chosen) append_row(rows, book.rows, row);
    return rows;
  }

  static BarColumns in_range(const BarColumns& rows, TimeRange range) {
    const auto first = std::ranges::lower_bound(rows.open_time, range.begin()) - rows.open_time.begin();
    const auto last = std::ranges::lower_bound(rows.open_time, range.end()) - rows.open_time.begin();
    return slice(rows, static_cast<std::size_t>(first), static_cast<std::size_t>(last));
  }

  static ObservationColumns raw_of(const Book& book, std::int64_t version, TimeRange range) {
    std::vector<std::size_t> order;
    for (std::size_t row = 0; row < book.raw.size(); ++row)
      if (book.raw_added[row] <= version && range.contains(book.raw.open_time[row])) order.push_back(row);
    std::ranges::stable_sort(
        order, {}, [&](std::size_t row) { return std::pair{book.raw.open_time[row], book.raw.ingest_id[row]}; });
    ObservationColumns rows;
    for (const auto row : order) append_row(rows, book.raw, row);
    return rows;
  }

  class MemoryWriter final : public store::Writer {
   public:
    explicit MemoryWriter(std::shared_ptr<State> state) : state_{std::move(state)} {}
    MemoryWriter(const MemoryWriter&) = delete;
    MemoryWriter& operator=(const MemoryWriter&) = delete;
    ~MemoryWriter() override {
      {
        const std::lock_guard guard{state_->mutex};
        state_->held = false;
      }
      state_->released.notify_all();
    }

    Result<void> claim_origin(std::string_view exchange, std::string_view origin) override {
      const std::lock_guard guard{state_->mutex};
      const auto [claimed, fresh] = state_->origins.try_emplace(std::string{exchange}, origin);
      if (claimed->second != origin) return store::refuse_origin(exchange, claimed->second, origin);
      return {};
    }

    Result<void> put_instruments(std::string_view exchange, std::string_view market, const std::vector<Instrument>& all,
                                 TimePoint at) override {
      const std::lock_guard guard{state_->mutex};
      state_->listings.insert_or_assign({std::string{exchange}, std::string{market}}, Listing{at, all});
      return {};
    }

    Result<store::Resolution> put_resolution(const store::Resolution& resolution) override {
      const std::lock_guard guard{state_->mutex};
      return state_->resolutions.try_emplace({resolution.exchange, resolution.symbol}, resolution).first->second;
    }

    Result<store::IngestRun> begin_run(const Series& series, TimeRange range, Channel channel) override {
      const std::lock_guard guard{state_->mutex};
      const auto id = state_->next_run++;
      state_->runs.emplace(id, "");
      return store::IngestRun{id, series, range, channel, TimePoint{}};
    }

    Result<void> end_run(std::int64_t id, std::string_view outcome) override {
      const std::lock_guard guard{state_->mutex};
      const auto run = state_->runs.find(id);
      if (run == state_->runs.end())
        return fail(ErrorCode::not_found, "there is no ingest run " + std::to_string(id), "id");
      run->second = outcome;
      return {};
    }

    Result<BarColumns> current(const Series& series, TimeRange range) override {
      const std::lock_guard guard{state_->mutex};
      const auto book = state_->books.find(series);
      if (book == state_->books.end()) return BarColumns{};
      return in_range(visible(book->second, book->second.manifest.version, std::nullopt, true), range);
    }

    Result<void> commit(const store::Batch& batch) override {
      if (auto checked = store::check_batch(batch); !checked) return checked;
      const std::lock_guard guard{state_->mutex};
      const auto known = state_->books.find(batch.series);
      auto ledger = known == state_->books.end() ? std::vector<Gap>{} : known->second.manifest.gaps;
      auto gaps = store::apply_gaps(ledger, batch.series, batch.gaps, state_->next_gap);
      if (!gaps)
        return std::unexpected{std::move(gaps).error()};  // nothing has changed yet, and nothing below can fail
      auto& book = known == state_->books.end() ? fresh_book(batch) : known->second;
      const auto before = book.manifest;
      const bool begins = before.version == book.removed_version;  // for the first time, or anew
      book.manifest.gaps = std::move(ledger);
      account(book, batch);
      ++book.manifest.version;
      const bool bars = upsert(book, batch.validated);
      const bool observations = add_raw(book, batch.raw);
      if (bars) refresh(book);
      const bool changed = bars || observations || !gaps->empty() || begins;
      if (!changed && same_account(before, book.manifest)) book.manifest.version = before.version;
      book.quarantine.insert(book.quarantine.end(), batch.quarantine.begin(), batch.quarantine.end());
      return {};
    }

    Result<void> seal(const Series&, TimePoint) override { return {}; }

    Result<std::int64_t> accept_gaps(const Series& series, TimeRange range, std::string_view reason,
                                     TimePoint) override {
      const std::lock_guard guard{state_->mutex};
      const auto book = state_->books.find(series);
      if (book == state_->books.end()) return 0;
      const auto accepted = store::accept_gaps(book->second.manifest.gaps, range, reason);
      if (!accepted.empty()) ++book->second.manifest.version;
      return static_cast<std::int64_t>(accepted.size());
    }

    Result<store::Footprint> remove(const Series& series, store::Raw raw) override {
      const std::lock_guard guard{state_->mutex};
      const auto found = state_->books.find(series);
      if (found == state_->books.end()) return store::refuse_absent(series);
      auto& book = found->second;
      auto gone = footprint_of(book);
      if (raw == store::Raw::kept) gone.raw_rows = 0;
      if (book.removed() && gone == store::Footprint{}) return store::refuse_absent(series);
      Book left{store::Manifest{.series = series, .instrument = book.manifest.instrument}};
      left.removed_version = left.manifest.version = book.manifest.version + 1;
      if (raw == store::Raw::kept) {
        left.raw = std::move(book.raw);
        left.raw_added = std::move(book.raw_added);
      }
      book = std::move(left);
      return gone;
    }

   private:
    Book& fresh_book(const store::Batch& batch) {
      const store::Manifest manifest{.series = batch.series, .instrument = batch.instrument};
      return state_->books.emplace(batch.series, Book{manifest}).first->second;
    }

    void account(Book& book, const store::Batch& batch) const {
      auto& manifest = book.manifest;
      manifest.instrument = batch.instrument;
      if (const auto origin = state_->origins.find(batch.series.instrument.exchange.text());
          origin != state_->origins.end())
        manifest.origin = origin->second;
      manifest.looked.insert(manifest.looked.end(), batch.looked.begin(), batch.looked.end());
      manifest.looked = merge(std::move(manifest.looked));
      if (batch.watermark) manifest.watermark = batch.watermark;
    }

    static bool same_account(const store::Manifest& a, const store::Manifest& b) {
      return a.looked == b.looked && a.watermark == b.watermark && a.instrument == b.instrument && a.origin == b.origin;
    }

    static bool upsert(Book& book, const BarColumns& rows) {
      bool changed = false;
      for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto held = book.current.find(rows.open_time[row]);
        if (held != book.current.end()) {
          const bool downgrade =
              store::is_final(book.rows.finality[held->second]) && !store::is_final(rows.finality[row]);
          if (downgrade || store::same_bar(book.rows, held->second, rows, row)) continue;
          book.superseded[held->second] = book.manifest.version;
        }
        book.current.insert_or_assign(rows.open_time[row], book.rows.size());
        append_row(book.rows, rows, row);
        book.added.push_back(book.manifest.version);
        book.superseded.push_back(kNever);
        changed = true;
      }
      return changed;
    }

    // The same observations again (a retried batch) are not new ones.
    static bool add_raw(Book& book, const ObservationColumns& rows) {
      if (rows.size() == 0) return false;
      if (book.raw.size() >= rows.size()) {
        ObservationColumns newest;
        for (auto row = book.raw.size() - rows.size(); row < book.raw.size(); ++row) append_row(newest, book.raw, row);
        if (newest == rows) return false;
      }
      append(book.raw, rows);
      book.raw_added.resize(book.raw.size(), book.manifest.version);
      return true;
    }

    static void refresh(Book& book) {
      auto& manifest = book.manifest;
      manifest.tail = BarColumns{};
      manifest.rows = static_cast<std::int64_t>(book.current.size());
      for (const auto& [open_time, row] : book.current)
        if (!store::is_final(book.rows.finality[row])) append_row(manifest.tail, book.rows, row);
      manifest.confirmed = manifest.rows - static_cast<std::int64_t>(manifest.tail.size());
      manifest.first_recorded = std::ranges::min(book.rows.recorded_at);
    }

    std::shared_ptr<State> state_;
  };

  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace tdm::support
