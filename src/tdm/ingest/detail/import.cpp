#include "tdm/ingest/detail/import.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "tdm/ingest/detail/plan.hpp"  // settle_of

namespace tdm::ingest::detail {
namespace {

constexpr std::size_t kBatchRows = 50'000;  // one durable step

// What lies before it is no time of a bar (rule T4), and nothing is said of the bars from there on.
constexpr TimePoint kOldest{std::chrono::seconds{1'000'000'000}};

template <class T>
std::unexpected<Error> error_of(Result<T>& result) {
  return std::unexpected{std::move(result).error()};
}

// A file that has the column at all is held to it.
bool tells_quote_volume(const ImportRequest& request) {
  return request.quote_volume.value_or(request.rows.quote_volume.null_count() < request.rows.size());
}

// Observations that imports recorded before, with their texts. Those of a series that was removed since say nothing of
// this one.
class Recorded {
 public:
  static Result<Recorded> of(const store::Store& store, const std::optional<store::Manifest>& manifest,
                             TimeRange range) {
    Recorded recorded;
    if (!manifest) return recorded;
    auto frame = store.read_raw(*manifest, range, {});
    if (!frame) return error_of(frame);
    recorded.frame_ = *std::move(frame);
    const auto times = std::get<std::span<const TimePoint>>(recorded.frame_.find("open_time")->data);
    const auto received_at = std::get<std::span<const TimePoint>>(recorded.frame_.find("received_at")->data);
    const auto& channels = *recorded.text("channel");
    for (std::size_t row = 0; row < times.size(); ++row)
      if (channels[row] == to_string(Channel::import) && belongs(*manifest, times[row], received_at[row]))
        recorded.rows_.emplace(times[row], row);
    return recorded;
  }

  bool holds(const ObservationColumns& rows, std::size_t row) const {
    const auto [first, last] = rows_.equal_range(rows.open_time[row]);
    return std::any_of(first, last, [&](const auto& entry) {
      const auto same = [&](std::string_view name, const TextColumn& column) {
        return (*text(name))[entry.second] == column[row];
      };
      return same("extra", rows.extra) && std::ranges::all_of(text_fields(), [&](const auto& field) {
               return same(field.name, rows.*field.column);
             });
    });
  }

 private:
  // An import's row is recorded at the moment that it was received, and a series knows nothing older than itself.
  static bool belongs(const store::Manifest& manifest, TimePoint time, TimePoint received_at) {
    if (manifest.first_recorded) return received_at >= *manifest.first_recorded;
    return std::ranges::any_of(manifest.looked, [&](TimeRange range) { return range.contains(time); });
  }
  const TextColumn* text(std::string_view name) const { return std::get<const TextColumn*>(frame_.find(name)->data); }

  Frame frame_;
  std::multimap<TimePoint, std::size_t> rows_;
};

}  // namespace

Import::Import(Shop& shop, const ImportRequest& request, std::shared_ptr<sources::Connector> connector,
               const sources::MarketTraits& traits)
    : shop_{shop},
      request_{request},
      series_{request.series},
      connector_{std::move(connector)},
      caller_{shop, request.on_progress, request.stop},
      desk_{.series = request.series,
            .rules = &shop.rules,
            .settle = settle_of(traits, request.series.timeframe, shop.options.settle_seconds),
            .delay = traits.rest_delay,
            .has_quote_volume = traits.has_quote_volume && tells_quote_volume(request),
            .outages = connector_->known_outages(),
            .asked = false} {}

Result<FillReport> Import::go() {
  sort_rows();
  auto lease = caller_.lease();
  if (!lease) return error_of(lease);
  lease_.emplace(*std::move(lease));
  const auto claim = claim_all(shop_, caller_, series_, {whole()});
  if (!claim) return std::unexpected{claim.error()};
  if (auto opened = open(); !opened) return error_of(opened);
  const auto outcome = store_all();
  const auto closed = close(outcome);
  if (report_.stored > 0 && shop_.options.on_published) shop_.options.on_published(series_, report_);
  if (!outcome) return std::unexpected{outcome.error()};
  if (!closed) return std::unexpected{closed.error()};
  caller_.reporter.finish();
  return report_;
}

void Import::sort_rows() {
  order_.resize(request_.rows.size());
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  std::ranges::stable_sort(order_, {}, [&](std::size_t row) { return request_.rows.open_time[row]; });
  while (plausible_ < order_.size() && time_of(plausible_) < kOldest) ++plausible_;
}

TimeRange Import::whole() const {
  return TimeRange::of(time_of(0), series_.timeframe.close_of(series_.timeframe.open_of(time_of(order_.size() - 1))));
}

Result<void> Import::open() {
  auto now = exchange_now(shop_, caller_, connector_, series_.instrument.market.text(),
                          whole().end() + kNearNow > shop_.clock.now(), report_.requests);
  if (!now) return error_of(now);
  now_ = *now;
  auto run = lease_->access([&](store::Writer& writer) -> Result<store::IngestRun> {
    auto claimed = writer.claim_origin(series_.instrument.exchange.text(), connector_->origin());
    if (!claimed) return error_of(claimed);
    return writer.begin_run(series_, whole(), Channel::import);
  });
  if (!run) return error_of(run);
  desk_.ingest_id = run->id;
  auto instrument = find_instrument(shop_, caller_, *lease_, connector_, series_.instrument, report_.requests);
  if (!instrument) {
    const auto ended = lease_->access(
        [&](store::Writer& writer) { return writer.end_run(desk_.ingest_id, to_string(instrument.error().code)); });
    return ended ? error_of(instrument) : std::unexpected{ended.error()};
  }
  instrument_ = *std::move(instrument);
  return {};
}

Result<void> Import::store_all() {
  caller_.reporter.planned(static_cast<std::int64_t>(order_.size()), 0);
  for (std::size_t first = 0; first < order_.size();) {
    if (caller_.stopped()) return Caller::cancelled();
    auto last = std::min(order_.size(), first + kBatchRows);
    // Rows of one open time are judged together.
    while (last < order_.size() && time_of(last) == time_of(last - 1)) ++last;
    auto done = caller_.aside([&] { return store_batch(first, last); });
    if (!done) return done;
    caller_.reporter.durable(static_cast<std::int64_t>(last - first));
    first = last;
  }
  return {};
}

Result<void> Import::store_batch(std::size_t first, std::size_t last) {
  const auto timeframe = series_.timeframe;
  const auto end = std::min(timeframe.close_of(timeframe.open_of(time_of(last - 1))), timeframe.open_of(now_));
  const auto begin = begin_of(first, last).value_or(end);
  const auto window = TimeRange::of(begin, end);
  // A row off the grid lies in no window and is judged all the same.
  const auto rows =
      TimeRange::of(std::min(begin, time_of(first)), std::max(window.end(), time_of(last - 1) + Micros{1}));
  return lease_->access([&](store::Writer& writer) -> Result<void> {
    auto manifest = shop_.store->manifest(series_);
    if (!manifest) return error_of(manifest);
    auto stored = writer.current(series_, rows);
    if (!stored) return error_of(stored);
    const auto now = shop_.clock.now();
    auto page = page_of(first, last, *manifest, *stored, window, rows);
    if (!page) return error_of(page);
    const auto life = life_of(*manifest, *instrument_, timeframe);
    const auto instrument = with_first_bar(*instrument_, *manifest, life, timeframe);
    std::vector<sources::Page> pages;
    pages.push_back(*std::move(page));
    pages.front().rows.received_at.assign(pages.front().rows.size(), now);
    const auto account = account_for(std::move(pages), *manifest, *stored, instrument, life, desk_, now);
    if (auto durable = writer.commit(account.batch); !durable) return durable;
    count(account, static_cast<std::int64_t>(last - first));
    return {};
  });
}

// What lies between two batches belongs to the later one. Nothing when none of the times can be one.
std::optional<TimePoint> Import::begin_of(std::size_t first, std::size_t last) const {
  const auto timeframe = series_.timeframe;
  if (first > plausible_) return timeframe.close_of(timeframe.open_of(time_of(first - 1)));
  if (plausible_ >= last) return std::nullopt;
  const auto own = timeframe.ceil(time_of(plausible_));
  return request_.after ? std::min(own, timeframe.close_of(timeframe.open_of(*request_.after))) : own;
}

// The rows that no import recorded before, or that may confirm what is stored.
Result<sources::Page> Import::page_of(std::size_t first, std::size_t last,
                                      const std::optional<store::Manifest>& manifest, const BarColumns& stored,
                                      TimeRange window, TimeRange rows) {
  auto recorded = Recorded::of(*shop_.store, manifest, rows);
  if (!recorded) return error_of(recorded);
  sources::Page page;
  page.request.range = window;
  page.exchange_time = now_;
  for (auto position = first; position < last; ++position) {
    const auto row = order_[position];
    const auto held = std::ranges::lower_bound(stored.open_time, time_of(position));
    const bool provisional =
        held != stored.open_time.end() && *held == time_of(position) &&
        stored.finality[static_cast<std::size_t>(held - stored.open_time.begin())] == Finality::provisional;
    if (!provisional && recorded->holds(request_.rows, row)) {
      ++report_.unchanged;
      continue;
    }
    append_row(page.rows, request_.rows, row);
  }
  page.rows.channel.assign(page.rows.size(), Channel::import);
  page.rows.event_time.assign(page.rows.size(), now_);
  page.rows.close_proof.assign(page.rows.size(), CloseProof::none);
  return page;
}

void Import::count(const Account& account, std::int64_t rows) {
  committed_ = true;
  report_.fetched += rows;
  report_.stored += static_cast<std::int64_t>(account.batch.validated.size());
  report_.revised += std::ranges::count(account.batch.validated.finality, Finality::revised);
  report_.unchanged += account.unchanged;
  report_.rejected += static_cast<std::int64_t>(account.batch.quarantine.size());
  report_.exchange_time = now_;
}

Result<void> Import::close(const Result<void>& outcome) {
  const std::string word{outcome ? "done" : to_string(outcome.error().code)};
  return caller_.aside([&] {
    return lease_->access([&](store::Writer& writer) -> Result<void> {
      Result<void> sealed;
      if (outcome && committed_) sealed = writer.seal(series_, TimePoint::max());
      const auto ended = writer.end_run(desk_.ingest_id, word);
      return sealed ? ended : sealed;
    });
  });
}

}  // namespace tdm::ingest::detail
