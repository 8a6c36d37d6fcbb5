#include "tdm/query/engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tdm/query/detail/account.hpp"
#include "tdm/query/detail/bases.hpp"
#include "tdm/query/detail/derive.hpp"
#include "tdm/query/detail/frames.hpp"
#include "tdm/query/detail/held.hpp"
#include "tdm/query/detail/patterns.hpp"
#include "tdm/query/detail/range.hpp"
#include "tdm/query/detail/reader.hpp"
#include "tdm/query/detail/resolver.hpp"
#include "tdm/query/detail/verify.hpp"

namespace tdm::query {
namespace {

using detail::Pattern;
using detail::Text;

// A list of instruments may be this old before a question about it asks the exchange.
constexpr std::chrono::seconds kListingAge = std::chrono::hours{1};
constexpr std::size_t kMaxSeries = 100'000;

// Life of an instrument as far as it is known; what is not known does not exclude it.
bool lived(const Instrument& instrument, TimeRange day) {
  const auto born = instrument.valid_from ? instrument.valid_from : instrument.launch_time;
  const auto died = instrument.valid_to ? instrument.valid_to : instrument.delivery_time;
  return (!born || *born < day.end()) && (!died || *died > day.begin());
}

class Engine final : public MarketData {
 public:
  Engine(std::shared_ptr<store::Store> store, std::shared_ptr<ingest::Filler> filler, ingest::Connectors connectors,
         const Clock& clock, EngineOptions options)
      : store_{std::move(store)},
        filler_{std::move(filler)},
        options_{std::move(options)},
        clock_{clock},
        resolver_{store_, filler_, std::move(connectors), clock, options_},
        reader_{*store_, *filler_, resolver_, clock_, options_} {}

  Result<Answer> read(const ReadRequest& request, const OnProgress& on_progress, std::stop_token stop) override {
    return reader_.read(request, on_progress, std::move(stop));
  }

  Result<std::vector<Series>> expand(const std::vector<std::string>& patterns, bool stored_only,
                                     std::stop_token stop) override;
  Result<Estimate> estimate(const Series& series, Text start, Text end, std::stop_token stop) override;
  Result<ingest::FillReport> backfill(const Series& series, Text start, Text end, const OnProgress& on_progress,
                                      std::stop_token stop) override;
  Result<ingest::FillReport> update(const Series& series, const OnProgress& on_progress, std::stop_token stop) override;

  Result<Instrument> instrument(const std::string& exchange, const std::string& symbol, const Text& market,
                                std::stop_token stop) override {
    const auto resolved =
        resolver_.resolve({.exchange = exchange, .symbol = symbol, .market = market}, Fetch::automatic, stop);
    if (!resolved) return std::unexpected{resolved.error()};
    return resolver_.instrument(resolved->id, Fetch::automatic, std::move(stop));
  }

  Result<std::vector<Instrument>> instruments(const InstrumentsRequest& request, std::stop_token stop) override;
  Result<std::vector<SeriesInfo>> list(const std::vector<std::string>& patterns) override;
  Result<std::vector<Coverage>> coverage(const std::vector<std::string>& patterns, Text start, Text end) override;
  Result<std::vector<Gap>> gaps(const std::vector<std::string>& patterns, Text start, Text end) override;
  Result<std::int64_t> accept_gaps(const Series& series, const std::string& range, const std::string& reason,
                                   std::stop_token stop) override;
  Result<ingest::FillReport> import_bars(ingest::ImportRequest request) override;
  Result<Removal> remove(const RemoveRequest& request, std::stop_token stop) override;
  Result<std::vector<CheckReport>> verify(const std::vector<std::string>& patterns) override;

  Result<ServerInfo> info() override {
    return ServerInfo{options_.version, options_.environment, "embedded", options_.exchanges, options_.backends};
  }

 private:
  enum class Derived : std::uint8_t { named, unknown };
  Result<std::vector<Series>> stored(const std::vector<std::string>& patterns, Derived derived = Derived::unknown);
  Result<std::vector<Series>> served(const Pattern& pattern, std::stop_token stop);
  Result<Series> named(const std::string& text, std::stop_token stop);
  Result<detail::Window> window(const Series& series, const Text& start, const Text& end,
                                const store::Manifest* manifest) const;
  Result<ingest::FillReport> fill(const Series& series, const detail::Window& window, const OnProgress& on_progress,
                                  std::stop_token stop);
  Result<Series> filled_for(const Series& series, const Text& start, const Text& end) const;
  Result<Coverage> coverage_of(const Series& series, const store::Manifest& manifest,
                               const detail::Bounds& bounds) const;
  TimeRange stored_bars(const Series& series, const store::Manifest& manifest, const detail::Bounds& bounds) const;
  Result<std::optional<detail::Held>> base_of(const Series& series, const detail::Bounds& bounds) const;
  Result<store::Manifest> manifest_of(const Series& series, const detail::Bounds& bounds = {}) const;

  std::shared_ptr<store::Store> store_;
  std::shared_ptr<ingest::Filler> filler_;
  EngineOptions options_;
  detail::ExchangeClock clock_;
  detail::Resolver resolver_;
  detail::Reader reader_;
};

// ---- which series

// A derived series is nothing that is stored; `named` finds one all the same that was named and can be made.
Result<std::vector<Series>> Engine::stored(const std::vector<std::string>& patterns, Derived derived) {
  std::vector<Pattern> parsed;
  for (const auto& text : patterns) {
    auto pattern = Pattern::parse(text);
    if (!pattern) return std::unexpected{std::move(pattern).error()};
    parsed.push_back(*std::move(pattern));
  }
  const auto all = store_->list();
  if (!all) return std::unexpected{all.error()};
  std::vector<Series> found;
  std::vector<bool> used(parsed.size(), false);
  for (const auto& summary : *all) {
    bool wanted = parsed.empty();
    for (std::size_t i = 0; i < parsed.size(); ++i) {
      if (!parsed[i].matches(summary.series)) continue;
      used[i] = true;
      wanted = true;
    }
    if (wanted) found.push_back(summary.series);
  }
  // A pattern may match nothing; a series that was named must be there.
  for (std::size_t i = 0; i < parsed.size(); ++i) {
    if (used[i] || detail::is_glob(patterns[i])) continue;
    if (auto series = Series::parse(patterns[i]); derived == Derived::named && series && manifest_of(*series)) {
      found.push_back(*std::move(series));
      continue;
    }
    std::vector<std::string> names;
    for (const auto& summary : *all) names.push_back(summary.series.text());
    return fail(ErrorCode::not_found, fmt::format("nothing of {} is stored", patterns[i]), "series",
                nearest(patterns[i], names));
  }
  std::ranges::sort(found);
  return found;
}

Result<Series> Engine::named(const std::string& text, std::stop_token stop) {
  auto series = Series::parse(text);
  if (!series) return series;
  if (auto checked = resolver_.check_served(*series); !checked) return std::unexpected{checked.error()};
  const auto resolved = resolver_.resolve({.exchange = series->instrument.exchange.text(),
                                           .symbol = series->instrument.symbol.text(),
                                           .market = series->instrument.market.text(),
                                           .timeframe = series->timeframe,
                                           .price_kind = series->price_kind},
                                          Fetch::automatic, std::move(stop));
  if (!resolved) return std::unexpected{resolved.error()};
  series->instrument = resolved->id;
  return series;
}

Result<std::vector<Series>> Engine::served(const Pattern& pattern, std::stop_token stop) {
  std::vector<Series> found;
  for (const auto& [exchange, connector] : resolver_.connectors()) {
    if (!detail::matches(pattern.exchange, exchange)) continue;
    for (const auto& traits : connector->markets()) {
      if (!detail::matches(pattern.market, traits.name)) continue;
      auto listing = resolver_.listing(exchange, traits.name, Fetch::automatic, kListingAge, stop);
      if (!listing) return std::unexpected{std::move(listing).error()};
      if (!*listing) continue;
      for (const auto& instrument : **listing)
        for (const auto kind : traits.price_kinds)
          for (const auto timeframe : Timeframe::all()) {
            Series series{instrument.id, kind, timeframe};
            // A glob means what the exchange has; who names a timeframe may mean one that is derived.
            const bool named = pattern.timeframe == timeframe.name();
            if (!pattern.matches(series) || !(named || detail::is_native(series, traits))) continue;
            if (!detail::fetched_of(detail::bases_of(series, timeframe, traits), traits)) continue;
            if (found.size() == kMaxSeries)
              return fail(ErrorCode::invalid_argument,
                          fmt::format("the pattern matches more than {} series: say more of it", kMaxSeries), "series");
            found.push_back(std::move(series));
          }
    }
  }
  return found;
}

Result<std::vector<Series>> Engine::expand(const std::vector<std::string>& patterns, bool stored_only,
                                           std::stop_token stop) {
  if (stored_only) return stored(patterns);
  if (patterns.empty())
    return fail(ErrorCode::invalid_argument, "expected a series or a pattern, for example bybit.linear.*USDT@1m",
                "series");
  std::vector<Series> all;
  for (const auto& text : patterns) {
    const auto pattern = Pattern::parse(text);
    if (!pattern) return std::unexpected{pattern.error()};
    if (!detail::is_glob(text)) {
      auto series = named(text, stop);
      if (!series) return std::unexpected{std::move(series).error()};
      all.push_back(*std::move(series));
      continue;
    }
    if (!pattern->names_timeframe)
      return fail(ErrorCode::invalid_argument, fmt::format("'{}' names no timeframe; write {}@1h", text, text),
                  "series");
    auto found = served(*pattern, stop);
    if (!found) return found;
    if (found->empty())
      return fail(ErrorCode::not_found, fmt::format("no series of the exchanges matches '{}'", text), "series");
    all.insert(all.end(), found->begin(), found->end());
  }
  std::ranges::sort(all);
  const auto twice = std::ranges::unique(all);
  all.erase(twice.begin(), twice.end());
  return all;
}

// ---- getting what is missing

Result<detail::Window> Engine::window(const Series& series, const Text& start, const Text& end,
                                      const store::Manifest* manifest) const {
  const auto bounds = detail::parse_bounds(start, end);
  if (!bounds) return std::unexpected{bounds.error()};
  auto begin = bounds->begin;
  if (!begin && manifest != nullptr && manifest->instrument.valid_from)
    begin = series.timeframe.open_of(*manifest->instrument.valid_from);
  return detail::settle(begin.value_or(detail::kBeginning), bounds->end, series.timeframe,
                        clock_.now(series.instrument.exchange.text()), Straddle::withhold);
}

// The series that a fill of this one brings into the store: itself where the exchange has it, else the one that it is
// derived from.
Result<Series> Engine::filled_for(const Series& series, const Text& start, const Text& end) const {
  const auto traits = resolver_.check_served(series);
  if (!traits) return std::unexpected{traits.error()};
  if (detail::is_native(series, **traits)) return series;
  const auto bounds = detail::parse_bounds(start, end);
  if (!bounds) return std::unexpected{bounds.error()};
  const auto bases = detail::bases_of(series, series.timeframe, **traits);
  const auto held = detail::most_complete(*store_, series, series.timeframe, bases, std::nullopt,
                                          [&](const store::Manifest& manifest) {
                                            return *window(series, start, end, &manifest);  // the bounds are parsed
                                          });
  if (!held) return std::unexpected{held.error()};
  if (*held && (*held)->whole) return (*held)->manifest.series;
  return detail::fetched_of(bases, **traits).value();  // check_served knows that there is one
}

Result<Estimate> Engine::estimate(const Series& series, Text start, Text end, std::stop_token stop) {
  if (stop.stop_requested()) return fail(ErrorCode::cancelled, "the estimate was cancelled");
  const auto filled = filled_for(series, start, end);
  if (!filled) return std::unexpected{filled.error()};
  const auto& exchange = series.instrument.exchange.text();
  const auto connector = resolver_.connector(exchange);
  if (!connector) return std::unexpected{connector.error()};
  const auto manifest = store_->manifest(*filled);
  if (!manifest) return std::unexpected{manifest.error()};
  const auto* stored = *manifest ? &**manifest : nullptr;
  const auto resolved = window(series, start, end, stored);
  if (!resolved) return std::unexpected{resolved.error()};
  const auto bars = reader_.since_launch(*filled, resolved->bars, stored);
  const auto plan = ingest::make_plan(*filled, bars, stored, **connector, clock_.now(exchange));
  return Estimate{.series = *filled,
                  .range = resolved->stated,
                  .bars = filled->timeframe.count(bars),
                  .missing_bars = plan.missing_bars,
                  .requests = plan.requests,
                  .bytes = plan.bytes,
                  .seconds = plan.seconds,
                  .archive_files = plan.archive_files,
                  .archive_bars = plan.archive_bars};
}

Result<ingest::FillReport> Engine::fill(const Series& series, const detail::Window& window,
                                        const OnProgress& on_progress, std::stop_token stop) {
  if (window.bars.empty()) return ingest::FillReport{};
  ingest::FillRequest request{series, window.bars, window.to_now, on_progress, std::move(stop)};
  auto report = filler_->fill(request);
  if (report) clock_.learn(series.instrument.exchange.text(), report->exchange_time);
  return report;
}

Result<ingest::FillReport> Engine::backfill(const Series& series, Text start, Text end, const OnProgress& on_progress,
                                            std::stop_token stop) {
  const auto known = named(series.text(), stop);
  if (!known) return std::unexpected{known.error()};
  const auto filled = filled_for(*known, start, end);
  if (!filled) return std::unexpected{filled.error()};
  const auto manifest = store_->manifest(*filled);
  if (!manifest) return std::unexpected{manifest.error()};
  auto resolved = window(*known, start, end, *manifest ? &**manifest : nullptr);
  if (!resolved) return std::unexpected{resolved.error()};
  // Parts that closed after the last whole bar are not asked for.
  resolved->to_now = resolved->to_now && *filled == *known;
  return fill(*filled, *resolved, on_progress, std::move(stop));
}

Result<ingest::FillReport> Engine::update(const Series& series, const OnProgress& on_progress, std::stop_token stop) {
  const auto manifest = manifest_of(series);
  if (!manifest) return std::unexpected{manifest.error()};
  const auto& stored = manifest->series;
  if (!manifest->watermark)
    return fail(ErrorCode::not_found,
                fmt::format("{} has no watermark to go on from: tdm backfill '{}' --start DATE first", stored.text(),
                            stored.text()),
                "series");
  auto begin = *manifest->watermark;
  if (!manifest->tail.open_time.empty()) begin = std::min(begin, manifest->tail.open_time.front());
  return fill(stored,
              detail::settle(begin, std::nullopt, stored.timeframe, clock_.now(stored.instrument.exchange.text()),
                             Straddle::withhold),
              on_progress, std::move(stop));
}

// ---- instruments

Result<std::vector<Instrument>> Engine::instruments(const InstrumentsRequest& request, std::stop_token stop) {
  const auto connector = resolver_.connector(request.exchange);
  if (!connector) return std::unexpected{connector.error()};
  if (request.market)
    if (const auto known = resolver_.market(**connector, *request.market); !known)
      return std::unexpected{known.error()};
  std::optional<TimeRange> day;
  if (request.as_of) {
    const auto bound = parse_time_bound(*request.as_of, "as_of");
    if (!bound) return std::unexpected{bound.error()};
    day = TimeRange::of(bound->first, std::max(bound->after, bound->first + Micros{1}));
  }
  const auto glob = detail::upper(request.pattern.value_or("*"));

  std::vector<Instrument> found;
  for (const auto& traits : (*connector)->markets()) {
    if (request.market && *request.market != traits.name) continue;
    auto listing = resolver_.listing(request.exchange, traits.name, request.fetch, kListingAge, stop);
    if (!listing) return std::unexpected{std::move(listing).error()};
    if (!*listing) continue;
    for (auto& instrument : **listing)
      if ((!request.active_only || instrument.active) && (!day || lived(instrument, *day)) &&
          detail::matches(glob, detail::upper(instrument.id.symbol.text())))
        found.push_back(std::move(instrument));
  }
  std::ranges::sort(found, {}, &Instrument::id);
  return found;
}

// ---- what is stored

// Of the series, or of the stored one that it is best derived from.
Result<store::Manifest> Engine::manifest_of(const Series& series, const detail::Bounds& bounds) const {
  auto manifest = store_->manifest(series);
  if (!manifest) return std::unexpected{std::move(manifest).error()};
  if (*manifest) return **std::move(manifest);
  auto base = base_of(series, bounds);
  if (!base) return std::unexpected{std::move(base).error()};
  if (!*base) return fail(ErrorCode::not_found, fmt::format("nothing of {} is stored", series.text()), "series");
  return std::move((*base)->manifest);
}

Result<std::optional<detail::Held>> Engine::base_of(const Series& series, const detail::Bounds& bounds) const {
  const auto traits = resolver_.check_served(series);
  if (!traits) return std::nullopt;  // what cannot be had is not stored either
  return detail::most_complete(*store_, series, series.timeframe, detail::bases_of(series, series.timeframe, **traits),
                               std::nullopt, [&](const store::Manifest& manifest) {
                                 const auto bars = stored_bars(series, manifest, bounds);
                                 return detail::Window{.stated = bars, .bars = bars};
                               });
}

Result<std::vector<SeriesInfo>> Engine::list(const std::vector<std::string>& patterns) {
  const auto wanted = stored(patterns);
  if (!wanted) return std::unexpected{wanted.error()};
  const auto all = store_->list();
  if (!all) return std::unexpected{all.error()};
  std::vector<SeriesInfo> infos;
  for (const auto& summary : *all)
    if (std::ranges::binary_search(*wanted, summary.series))
      infos.push_back(
          {summary.series, summary.first, summary.last, summary.watermark, summary.rows, summary.bytes, summary.gaps});
  std::ranges::sort(infos, {}, &SeriesInfo::series);
  return infos;
}

// Without bounds the question is about what is stored, and only an end that was named is waited for.
TimeRange Engine::stored_bars(const Series& series, const store::Manifest& manifest,
                              const detail::Bounds& bounds) const {
  const auto whole = detail::held(manifest);
  const auto begin = bounds.begin.value_or(whole ? whole->begin() : bounds.end.value_or(TimePoint{}));
  const auto end = bounds.end.value_or(whole ? whole->end() : begin);
  return detail::settle(begin, end, series.timeframe, clock_.now(series.instrument.exchange.text()), Straddle::withhold)
      .bars;
}

Result<Coverage> Engine::coverage_of(const Series& series, const store::Manifest& manifest,
                                     const detail::Bounds& bounds) const {
  const detail::Grid grid{series.timeframe};
  const detail::Account account{series, grid, manifest};
  const auto range = stored_bars(series, manifest, bounds);
  auto rows = store_->read(manifest, range, {.columns = {"open_time"}, .include_tail = true});
  if (!rows) return std::unexpected{std::move(rows).error()};
  if (account.derived()) rows = detail::derive(*rows, {}, {grid, manifest.series.timeframe, account.excused(range)});
  const auto times = detail::open_times(*rows);
  Coverage coverage{.series = series};
  if (manifest.watermark) coverage.watermark = grid.open_of(*manifest.watermark);
  if (!times.empty()) {
    coverage.first = times.front();
    coverage.last = times.back();
  }
  coverage.expected = grid.count(range);
  coverage.present = static_cast<std::int64_t>(times.size());
  const auto tail = account.tail(range);
  coverage.confirmed = std::ranges::count_if(times, [&](TimePoint time) {
    return std::ranges::none_of(tail, [&](TimeRange part) { return part.contains(time); });
  });
  coverage.gap_count = static_cast<std::int64_t>(account.recorded_gaps(range).size());
  return coverage;
}

Result<std::vector<Coverage>> Engine::coverage(const std::vector<std::string>& patterns, Text start, Text end) {
  const auto bounds = detail::parse_bounds(start, end);
  if (!bounds) return std::unexpected{bounds.error()};
  const auto wanted = stored(patterns, Derived::named);
  if (!wanted) return std::unexpected{wanted.error()};
  std::vector<Coverage> all;
  for (const auto& series : *wanted) {
    const auto manifest = manifest_of(series, *bounds);
    if (!manifest) return std::unexpected{manifest.error()};
    auto coverage = coverage_of(series, *manifest, *bounds);
    if (!coverage) return std::unexpected{std::move(coverage).error()};
    all.push_back(*std::move(coverage));
  }
  return all;
}

Result<std::vector<Gap>> Engine::gaps(const std::vector<std::string>& patterns, Text start, Text end) {
  const auto bounds = detail::parse_bounds(start, end);
  if (!bounds) return std::unexpected{bounds.error()};
  const auto range = TimeRange::of(bounds->begin.value_or(TimePoint::min()), bounds->end.value_or(TimePoint::max()));
  const auto wanted = stored(patterns, Derived::named);
  if (!wanted) return std::unexpected{wanted.error()};
  std::vector<Gap> all;
  for (const auto& series : *wanted) {
    const auto manifest = manifest_of(series, *bounds);
    if (!manifest) return std::unexpected{manifest.error()};
    const detail::Grid grid{series.timeframe};
    auto found = detail::Account{series, grid, *manifest}.recorded_gaps(range);
    all.insert(all.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
  }
  return all;
}

Result<std::int64_t> Engine::accept_gaps(const Series& series, const std::string& range, const std::string& reason,
                                         std::stop_token stop) {
  constexpr std::string_view kBetween = "..";
  constexpr std::size_t kMaxReason = 500;
  const auto at = range.find(kBetween);
  if (at == std::string::npos)
    return fail(ErrorCode::invalid_argument,
                fmt::format("range '{}' is not one; expected START..END, for example 2023-01-01..2023-01-31",
                            range.substr(0, 64)),
                "range");
  if (reason.empty() || reason.size() > kMaxReason)
    return fail(ErrorCode::invalid_argument, fmt::format("reason must have 1 to {} characters", kMaxReason), "reason");
  const auto bounds = detail::parse_bounds(range.substr(0, at), range.substr(at + kBetween.size()));
  if (!bounds) return std::unexpected{bounds.error()};
  const auto manifest = manifest_of(series, *bounds);
  if (!manifest) return std::unexpected{manifest.error()};
  return filler_->accept_gaps(manifest->series, TimeRange::of(*bounds->begin, *bounds->end), reason, std::move(stop));
}

Result<ingest::FillReport> Engine::import_bars(ingest::ImportRequest request) {
  auto known = named(request.series.text(), request.stop);
  if (!known) return std::unexpected{std::move(known).error()};
  request.series = *std::move(known);
  auto report = filler_->import_bars(request);
  if (report) clock_.learn(request.series.instrument.exchange.text(), report->exchange_time);
  return report;
}

Result<Removal> Engine::remove(const RemoveRequest& request, std::stop_token stop) {
  if (detail::is_glob(request.series))
    return fail(ErrorCode::invalid_argument,
                fmt::format("'{}' is a pattern: a series is removed by its whole name", request.series), "series");
  const auto series = Series::parse(request.series);
  if (!series) return std::unexpected{series.error()};
  const auto held = store_->footprint(*series);
  if (!held) return std::unexpected{held.error()};
  auto going = *held;
  if (!request.with_raw) going.raw_rows = going.raw_bytes = 0;
  const bool left_raw = request.with_raw && held->raw_rows > 0;  // perhaps nothing else of it
  if (!left_raw)
    if (const auto known = stored({series->text()}); !known) return std::unexpected{known.error()};
  Removal removal{.series = *series, .gone = going};
  if (!request.dry_run) {
    auto gone = filler_->remove(*series, request.with_raw ? store::Raw::removed : store::Raw::kept, std::move(stop));
    if (!gone) return std::unexpected{std::move(gone).error()};
    removal.gone = *gone;
  }
  removal.kept_rows = held->raw_rows - removal.gone.raw_rows;
  removal.kept_bytes = held->raw_bytes - removal.gone.raw_bytes;
  return removal;
}

Result<std::vector<CheckReport>> Engine::verify(const std::vector<std::string>& patterns) {
  const auto wanted = stored(patterns);
  if (!wanted) return std::unexpected{wanted.error()};
  std::vector<CheckReport> reports;
  for (const auto& series : *wanted) {
    auto report = detail::verify(*store_, series);
    if (!report) return std::unexpected{std::move(report).error()};
    reports.push_back(*std::move(report));
  }
  return reports;
}

}  // namespace

std::shared_ptr<MarketData> make_engine(std::shared_ptr<store::Store> store, std::shared_ptr<ingest::Filler> filler,
                                        ingest::Connectors connectors, const Clock& clock, EngineOptions options) {
  return std::make_shared<Engine>(std::move(store), std::move(filler), std::move(connectors), clock,
                                  std::move(options));
}

}  // namespace tdm::query
