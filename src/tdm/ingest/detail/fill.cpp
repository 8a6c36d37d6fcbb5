#include "tdm/ingest/detail/fill.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tdm/ingest/detail/plan.hpp"
#include "tdm/ingest/detail/prober.hpp"
#include "tdm/sources/archive_route.hpp"  // route_of
#include "tdm/telemetry/log.hpp"
#include "tdm/telemetry/metrics.hpp"

namespace tdm::ingest::detail {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kFewPages = 4;  // fetched without looking for the first bar before
constexpr std::size_t kBlindPages = 32;
constexpr std::size_t kFilesInFlight = 4;  // of an archive: each holds a month in memory
constexpr double kSecondsInFlight = 1.5;   // of the permitted rate: more would only wait for the quota

template <class T>
std::unexpected<Error> error_of(Result<T>& result) {
  return std::unexpected{std::move(result).error()};
}

// Whether rows may be stored in the window: asking the store for rows of a range that was never touched is a search for
// nothing.
bool may_hold(const std::optional<store::Manifest>& manifest, TimeRange window) {
  if (!manifest) return false;
  const auto overlaps = [&](const store::Segment& segment) {
    return segment.layer == store::Layer::validated && segment.first < window.end() && window.begin() <= segment.last;
  };
  return std::ranges::any_of(manifest->looked, [&](TimeRange range) { return range.overlaps(window); }) ||
         std::ranges::any_of(manifest->segments, overlaps);
}

std::size_t pages_in_flight(const sources::PageCost& cost, const IngestOptions& options) {
  const auto paced = static_cast<std::int64_t>(std::ceil(std::min(cost.pages_per_second, 1e6) * kSecondsInFlight));
  return static_cast<std::size_t>(
      std::max<std::int64_t>(1, std::min(std::max<std::int64_t>(4, paced), options.pages_in_flight)));
}

}  // namespace

Fill::Fill(Shop& shop, const FillRequest& request, std::shared_ptr<sources::Connector> connector,
           const sources::MarketTraits& traits)
    : shop_{shop},
      request_{request},
      series_{request.series},
      connector_{std::move(connector)},
      traits_{traits},
      caller_{shop, request.on_progress, request.stop},
      desk_{.series = request.series,
            .rules = &shop.rules,
            .settle = settle_of(traits, request.series.timeframe, shop.options.settle_seconds),
            .delay = traits.rest_delay,
            .has_quote_volume = traits.has_quote_volume,
            .has_signed_prices = connector_->has_signed_prices(request.series.instrument),
            .outages = connector_->known_outages()} {}

Result<FillReport> Fill::go() {
  auto outcome = get_missing();
  const auto closed = close(outcome);
  if (outcome && !closed) outcome = closed;
  tell(outcome);
  if (report_.stored > 0 && shop_.options.on_published) shop_.options.on_published(series_, report_);
  if (!outcome) return error_of(outcome);
  caller_.reporter.finish();
  return report_;
}

// ---- What is missing

Result<void> Fill::learn_now() {
  const auto asked = report_.requests;
  const bool near_now = request_.to_now || request_.range.end() + kNearNow > shop_.clock.now();
  auto now = exchange_now(shop_, caller_, connector_, series_.instrument.market.text(), near_now, report_.requests);
  if (!now) return std::unexpected{named(std::move(now).error(), request_.range)};
  now_ = *now;
  if (report_.requests > asked) report_.exchange_time = now_;
  return {};
}

std::vector<TimeRange> Fill::missing(const std::optional<store::Manifest>& manifest) const {
  const auto end = request_.to_now ? std::max(request_.range.end(), now_) : request_.range.end();
  const auto range = TimeRange::of(request_.range.begin(), end);
  return subtract_all(missing_of(series_, range, manifest ? &*manifest : nullptr, desk_.settle, now_), asked_);
}

Result<void> Fill::get_missing() {
  if (caller_.stopped()) return Caller::cancelled();
  if (auto now = learn_now(); !now) return now;
  for (;;) {
    auto more = step();
    if (!more) return error_of(more);
    if (!*more) return {};
    if (caller_.stopped()) return Caller::cancelled();
  }
}

// Fetches what is missing and nobody else is fetching; waits for what others fetch.
Result<bool> Fill::step() {
  auto manifest = shop_.store->manifest(series_);
  if (!manifest) return error_of(manifest);
  const auto wanted = missing(*manifest);
  const auto route = sources::route_of(series_, wanted, *connector_, now_);
  const auto cost = connector_->page_cost(series_);
  const auto pages = static_cast<double>(count_bars(series_.timeframe, route.rest)) / std::max(1, cost.rows);
  caller_.reporter.planned(count_bars(series_.timeframe, wanted),
                           route.file_seconds + pages / std::max(cost.pages_per_second, 1e-3));
  if (wanted.empty()) return false;

  auto taken = shop_.claims.take(series_, wanted);
  if (!taken.ticket.ranges().empty()) {
    auto got = get_claimed(taken.ticket);
    if (got) return true;
    const bool handed_over = got.error().code == ErrorCode::cancelled;
    taken.ticket.end(handed_over ? std::nullopt : std::optional{got.error()});
    return error_of(got);
  }
  shop_.claims.wait(taken.seen, caller_.stop(), Reporter::kEvery);
  caller_.reporter.tick();
  if (auto failure = shop_.claims.failure(taken.blockers)) return std::unexpected{*std::move(failure)};
  return true;
}

Result<void> Fill::get_claimed(Claims::Ticket& ticket) {
  if (auto opened = open(); !opened) return opened;
  // What was missing before the claim may have come since.
  auto manifest = shop_.store->manifest(series_);
  if (!manifest) return error_of(manifest);
  auto wanted = intersect(missing(*manifest), ticket.ranges());
  if (wanted.empty()) return {};

  auto life = life_of(*manifest, *instrument_, series_.timeframe);
  if (probed_) life.proven = life_.proven, life.evidence = life_.evidence;
  life_ = std::move(life);
  if (worth_probing(wanted))
    if (auto probed = probe(); !probed) return probed;
  if (life_.proven) {
    const auto before = TimeRange::of(TimePoint::min(), *life_.proven);
    if (auto unlisted = account_unlisted(intersect(wanted, {before}), ticket); !unlisted) return unlisted;
    wanted = subtract_all(wanted, {before});
  }
  return get_bars(wanted, ticket);
}

// ---- Who writes, and what of

Result<void> Fill::open() {
  if (lease_) return {};
  auto lease = caller_.lease();
  if (!lease) return error_of(lease);
  const auto& exchange = series_.instrument.exchange.text();
  auto run = caller_.aside([&] {
    return lease->access([&](store::Writer& writer) -> Result<store::IngestRun> {
      if (auto claimed = writer.claim_origin(exchange, connector_->origin()); !claimed) return error_of(claimed);
      return writer.begin_run(series_, request_.range, Channel::rest);
    });
  });
  if (!run) return error_of(run);
  desk_.ingest_id = run->id;
  lease_.emplace(*std::move(lease));
  auto instrument = find_instrument(shop_, caller_, *lease_, connector_, series_.instrument, report_.requests);
  if (!instrument) return error_of(instrument);
  instrument_ = *std::move(instrument);
  return {};
}

// ---- The first bar

// Many pages before the first bar would all be empty. A launch time that lies before them makes that unlikely.
bool Fill::worth_probing(const std::vector<TimeRange>& wanted) const {
  const auto begin = wanted.front().begin();
  if (probed_ || life_.proven || (life_.earliest_bar && *life_.earliest_bar <= begin)) return false;
  if (instrument_->launch_time && *instrument_->launch_time <= begin) return false;
  const auto bars = count_bars(series_.timeframe, wanted);
  return bars > static_cast<std::int64_t>(kFewPages) * connector_->page_cost(series_).rows;
}

Result<void> Fill::probe() {
  probed_ = true;
  Prober prober{*connector_, traits_, series_, now_};
  while (const auto question = prober.next()) {
    ++report_.requests;
    auto page = caller_.ask(connector_, fetch_page(connector_, question->series, question->request));
    if (!page) return std::unexpected{named(std::move(page).error(), question->request.range)};
    report_.fetched += static_cast<std::int64_t>(page->rows.size());
    prober.consume(*page);
  }
  if (!prober.first_bar()) return {};
  life_.proven = prober.first_bar();
  life_.evidence = prober.evidence();
  return {};
}

// A short page at the beginning of what is known: is it a hole, or was there nothing yet?
Result<void> Fill::see_first_bar(const std::vector<sources::Page>& pages) {
  for (const auto& page : pages) {
    const auto begin = page.request.range.begin();
    const auto& times = page.rows.open_time;
    const bool later_than_a_bar = life_.earliest_bar && *life_.earliest_bar <= begin;
    const bool head_is_absent = times.empty() || times.front() > begin;
    if (!probed_ && !life_.proven && !later_than_a_bar && head_is_absent)
      if (auto probed = probe(); !probed) return probed;
    if (!times.empty() && !(life_.earliest_bar && *life_.earliest_bar <= times.front()))
      life_.earliest_bar = times.front();
  }
  return {};
}

Result<void> Fill::account_unlisted(const std::vector<TimeRange>& ranges, Claims::Ticket& ticket) {
  if (ranges.empty()) return {};
  std::vector<sources::Page> pages;
  for (const auto range : ranges) {
    sources::Page page;
    page.request.range = range;
    page.exchange_time = now_;
    pages.push_back(std::move(page));
  }
  auto account = caller_.aside([&] { return commit(std::move(pages), life_); });
  if (!account) return error_of(account);
  absorb(*account, ticket);
  return {};
}

// ---- Pages

bool Fill::is_due(PageStream& stream, steady_clock::time_point last_commit) const {
  const auto ready = stream.ready();
  if (ready == 0) return false;
  return ready * 2 >= stream.limit() || stream.exhausted(ready) || stream.failure(ready) ||
         steady_clock::now() - last_commit >= shop_.options.commit_every;
}

// Archive files where they are the faster way; over REST the others, what files could not bring, and what they lack.
Result<void> Fill::get_bars(const std::vector<TimeRange>& ranges, Claims::Ticket& ticket) {
  auto route = sources::route_of(series_, ranges, *connector_, now_);
  over_rest_ = std::move(route.rest);
  if (!route.files.empty()) {
    const auto each = route.file_requests / static_cast<std::int64_t>(route.files.size());
    auto got = get_order(
        {.pages = std::move(route.files), .in_flight = kFilesInFlight, .requests_each = each, .archived = true},
        ticket);
    if (!got) return got;
    // What lies before a first bar that was found meanwhile is accounted for by the next plan.
    if (life_.proven) over_rest_ = subtract_all(over_rest_, {TimeRange::of(TimePoint::min(), *life_.proven)});
  }
  return get_pages(merge(std::move(over_rest_)), ticket);
}

Result<void> Fill::get_pages(const std::vector<TimeRange>& ranges, Claims::Ticket& ticket) {
  if (ranges.empty()) return {};
  Order order{.pages = {}, .in_flight = pages_in_flight(connector_->page_cost(series_), shop_.options)};
  for (const auto range : ranges) {
    const auto pages = connector_->pages(series_, range);
    order.pages.insert(order.pages.end(), pages.begin(), pages.end());
  }
  return get_order(std::move(order), ticket);
}

// A file that is not to be had costs nothing but the way around it, a host that fails all that it was to bring. False:
// the order is at its end.
bool Fill::do_without(PageStream& stream, const PageStream::Failure& failure) {
  const bool only_this = failure.error.code == ErrorCode::not_found || failure.error.code == ErrorCode::corrupt_data;
  telemetry::log(only_this ? telemetry::Level::info : telemetry::Level::warn, "REST is asked instead of the archive",
                 {{"series", series_.text()}, {"reason", std::string_view{failure.error.message}}});
  telemetry::counter(
      "tdm_ingest_archive_files_missed_total", "Archive files that REST was asked instead of, by reason",
      {{"exchange", series_.instrument.exchange.text()}, {"reason", std::string{to_string(failure.error.code)}}})
      .add();
  const auto without = only_this ? std::vector{failure.range} : stream.left();
  over_rest_.insert(over_rest_.end(), without.begin(), without.end());
  if (only_this) stream.skip();
  return only_this;
}

Result<void> Fill::get_order(Order order, Claims::Ticket& ticket) {
  std::vector<TimeRange> windows;
  for (const auto& page : order.pages) windows.push_back(page.range);
  PageStream stream{connector_, shop_.executor, series_, std::move(order.pages), order.in_flight, caller_.bell()};
  const Fetchers::Place place{shop_.fetchers, series_.instrument.exchange.text()};
  std::optional<Pending> pending;
  std::size_t counted = 0;
  auto last_commit = steady_clock::now();
  auto last_move = last_commit;
  for (;;) {
    if (caller_.stopped()) return Caller::cancelled();
    if (pending && pending->commit.ready()) {
      auto account = pending->commit.result.get();
      if (!account) return error_of(account);
      absorb(*account, ticket);
      report_.exchange_time = std::max(report_.exchange_time, account->heard_time);
      stream.settle(pending->pages);
      pending.reset();
      last_commit = last_move = steady_clock::now();
    }
    const bool skips = life_.proven && stream.unasked_from() && *stream.unasked_from() < *life_.proven;
    // Until a bar is seen every page may be one too many: it may lie before the first.
    const bool begun = life_.earliest_bar || life_.proven;
    stream.set_limit(place.share(begun ? order.in_flight : std::min(order.in_flight, kBlindPages)));
    if (!skips) stream.top_up();  // pages before the first bar are accounted for by the next plan
    report_.requests += static_cast<std::int64_t>(stream.asked() - counted) * order.requests_each;
    counted = stream.asked();
    caller_.reporter.requests(report_.requests);
    if (!pending) {
      if (is_due(stream, last_commit) || (skips && stream.ready() > 0)) {
        auto pages = stream.take();
        if (auto seen = see_first_bar(pages); !seen) return seen;
        const auto count = pages.size();
        auto work = [this, pages = std::move(pages), life = life_]() mutable { return commit(std::move(pages), life); };
        pending.emplace(caller_.start(std::move(work)), count);
        continue;
      }
      if (auto failure = stream.failure()) {
        if (!order.archived) return std::unexpected{named(std::move(failure->error), failure->range)};
        if (!do_without(stream, *failure)) return {};
        continue;
      }
      if (skips) return {};
      if (stream.exhausted()) {
        if (!order.archived) asked_.insert(asked_.end(), windows.begin(), windows.end());
        return {};
      }
    }
    if (steady_clock::now() - last_move > Caller::kAnswerLimit)
      return std::unexpected{named({ErrorCode::unavailable, "no answer from the exchange"}, windows.front())};
    // Pages and the end of a commit ring; only pages that lie here for a batch to grow wait for a time.
    const bool batch_grows = !pending && stream.ready() > 0;
    caller_.rest(batch_grows ? last_commit + shop_.options.commit_every : steady_clock::time_point::max());
  }
}

// ---- Durable

Result<Account> Fill::commit(std::vector<sources::Page> pages, const Life& life) {
  static auto& seconds = telemetry::histogram("tdm_ingest_commit_seconds", "Time of one durable step of an ingest");
  const auto began = steady_clock::now();
  const auto window = TimeRange::of(pages.front().request.range.begin(), pages.back().request.range.end());
  auto account = lease_->access([&](store::Writer& writer) -> Result<Account> {
    auto manifest = shop_.store->manifest(series_);
    if (!manifest) return error_of(manifest);
    auto stored = may_hold(*manifest, window) ? writer.current(series_, window) : Result<BarColumns>{};
    if (!stored) return error_of(stored);
    const auto instrument = with_first_bar(*instrument_, *manifest, life, series_.timeframe);
    auto accounted = account_for(std::move(pages), *manifest, *stored, instrument, life, desk_, shop_.clock.now());
    if (auto durable = writer.commit(accounted.batch); !durable) return error_of(durable);
    return accounted;
  });
  if (account) merge_before(window.begin());
  seconds.observe(std::chrono::duration<double>(steady_clock::now() - began).count());
  return account;
}

// In a turn of its own: bars that another fill brought become durable first. What cannot be merged now is merged at the
// end of the fill, which says so if it cannot.
void Fill::merge_before(TimePoint begin) {
  const auto sealed = lease_->access([&](store::Writer& writer) { return writer.seal(series_, begin); });
  if (!sealed)
    telemetry::log(telemetry::Level::warn, "segments were not merged",
                   {{"series", series_.text()}, {"error", std::string_view{sealed.error().message}}});
}

void Fill::absorb(const Account& account, Claims::Ticket& ticket) {
  committed_ = true;
  report_.fetched += account.fetched;
  report_.stored += static_cast<std::int64_t>(account.batch.validated.size());
  report_.revised += std::ranges::count(account.batch.validated.finality, Finality::revised);
  report_.unchanged += account.unchanged;
  report_.rejected += static_cast<std::int64_t>(account.batch.quarantine.size());
  caller_.reporter.durable(account.answered_bars);
  over_rest_.insert(over_rest_.end(), account.holes.begin(), account.holes.end());
  for (const auto range : account.requested) ticket.done(range);
  asked_.insert(asked_.end(), account.requested.begin(), account.requested.end());
  asked_ = merge(std::move(asked_));

  const telemetry::Labels labels{{"exchange", series_.instrument.exchange.text()}};
  const auto add = [&](std::string_view name, std::string_view help, std::int64_t by, const telemetry::Labels& with) {
    if (by > 0) telemetry::counter(name, help, with).add(static_cast<std::uint64_t>(by));
  };
  const auto rows = [&](std::string outcome, std::int64_t by) {
    auto with = labels;
    with.emplace_back("outcome", std::move(outcome));
    add("tdm_ingest_rows_total", "Rows that came, by what became of them", by, with);
  };
  rows("stored", static_cast<std::int64_t>(account.batch.validated.size()));
  rows("unchanged", account.unchanged);
  rows("rejected", static_cast<std::int64_t>(account.batch.quarantine.size()));
  auto kind = labels;  // a hole in the mark prices is none in the traded ones (rule F4)
  kind.emplace_back("price_kind", std::string{to_string(series_.price_kind)});
  add("tdm_ingest_gaps_opened_total", "Gaps that entered the ledger", account.new_gaps, kind);
  add("tdm_ingest_gaps_closed_total", "Gaps whose bars came after all", account.closed_gaps, kind);
  for (const auto& count : account.rule_counts)
    add("tdm_validate_findings_total", "Findings of the validation rules", count.count, {{"rule", count.rule}});
}

// ---- The end

// Ends the run in the store's books and merges what its commits left.
Result<void> Fill::close(const Result<void>& outcome) {
  if (!lease_) return {};
  const std::string word{outcome ? "done" : to_string(outcome.error().code)};
  const bool seals = outcome.has_value() && committed_;
  auto closed = caller_.aside([&] {
    return lease_->access([&](store::Writer& writer) -> Result<void> {
      Result<void> sealed;
      if (seals) sealed = writer.seal(series_, TimePoint::max());
      const auto ended = writer.end_run(desk_.ingest_id, word);
      return sealed ? ended : sealed;
    });
  });
  lease_.reset();
  return closed;
}

void Fill::tell(const Result<void>& outcome) const {
  const auto seconds = std::chrono::duration<double>(steady_clock::now() - started_).count();
  if (report_.requests == 0 && outcome) return;
  const telemetry::Labels labels{{"exchange", series_.instrument.exchange.text()}};
  telemetry::counter("tdm_ingest_requests_total", "Requests that fills asked of the exchange", labels)
      .add(static_cast<std::uint64_t>(report_.requests));
  telemetry::histogram("tdm_ingest_fill_seconds", "Time of a fill that had something to do", labels).observe(seconds);
  const auto series = series_.text();
  const auto level =
      outcome || outcome.error().code == ErrorCode::cancelled ? telemetry::Level::info : telemetry::Level::warn;
  telemetry::log(level, "fill ended",
                 {{"series", series},
                  {"outcome", outcome ? std::string_view{"done"} : to_string(outcome.error().code)},
                  {"error", outcome ? std::string_view{} : std::string_view{outcome.error().message}},
                  {"requests", report_.requests},
                  {"fetched", report_.fetched},
                  {"stored", report_.stored},
                  {"rejected", report_.rejected},
                  {"seconds", seconds}});
}

// A connector has named what it was asked for already; the store and the rules do not know it.
Error Fill::named(Error error, TimeRange range) const {
  if (error.message.starts_with(series_.text())) return error;
  error.message = fmt::format("{} {}: {}", series_.text(), to_string(range), error.message);
  return error;
}

}  // namespace tdm::ingest::detail
