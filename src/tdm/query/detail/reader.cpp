#include "tdm/query/detail/reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tdm/query/detail/bases.hpp"  // bases_of, most_complete
#include "tdm/query/detail/gaps.hpp"   // unrecorded, low_quality_days
#include "tdm/query/detail/held.hpp"   // held
#include "tdm/query/detail/pages.hpp"  // Cursor, page_of
#include "tdm/store/rows.hpp"          // check_as_of

namespace tdm::query::detail {
namespace {

constexpr int kReadAttempts = 3;
constexpr std::size_t kProvenanceGaps = 20;

bool is_loopback(std::string_view origin) {
  return origin == "localhost" || origin == "::1" || origin == "[::1]" || origin.starts_with("127.");
}

Result<void> check_numbers(const ReadRequest& request, std::int64_t page_rows) {
  if (request.limit && (*request.limit < 1 || *request.limit > page_rows))
    return fail(ErrorCode::invalid_argument,
                fmt::format("limit is {}; expected 1 to {} rows", *request.limit, page_rows), "limit");
  if (request.min_quality && !(*request.min_quality >= 0 && *request.min_quality <= 1))
    return fail(ErrorCode::invalid_argument,
                fmt::format("min_quality is {}; expected a number from 0 to 1", *request.min_quality), "min_quality");
  return {};
}

// Raw rows are what was sent: nothing is made among them, and they never change.
Result<void> check_layer(const ReadRequest& request) {
  if (request.layer == Layer::validated) return {};
  const auto refuse = [](std::string_view name) {
    return fail(ErrorCode::invalid_argument, fmt::format("{} is for layer=validated; layer is raw", name),
                std::string{name});
  };
  if (request.fill != Fill::none) return refuse("fill");
  if (request.as_of) return refuse("as_of");
  if (request.min_quality) return refuse("min_quality");
  return {};
}

std::vector<TimeRange> with(std::vector<TimeRange> ranges, const std::vector<TimeRange>& more) {
  ranges.insert(ranges.end(), more.begin(), more.end());
  return merge(std::move(ranges));
}

void count_texts(std::map<std::string, std::int64_t>& counts, const Column& column) {
  const auto& texts = *std::get<const TextColumn*>(column.data);
  std::string_view last;
  std::int64_t* count = nullptr;  // rows come in runs of one channel
  for (std::size_t row = 0; row < texts.size(); ++row) {
    const auto text = texts[row].value_or("unknown");
    if (count == nullptr || text != last) count = &counts[std::string{text}];
    last = text;
    ++*count;
  }
}

// Which column says that a part had no trade, where a bar opens at its first one. Where it opens at the close before,
// such a part is flat there and changes no bar.
std::string_view traded_by(const sources::MarketTraits& traits, PriceKind kind) {
  if (kind != PriceKind::last || traits.open_rule != "first_trade") return {};
  return traits.has_trade_count ? "trade_count" : "volume";
}

std::optional<Error> cancelled(const std::stop_token& stop) {
  if (!stop.stop_requested()) return std::nullopt;
  return Error{ErrorCode::cancelled, "the read was cancelled; what was fetched is kept", {}, {}, std::nullopt};
}

}  // namespace

TimePoint ExchangeClock::now(const std::string& exchange) const {
  const std::lock_guard guard{mutex_};
  const auto ahead = ahead_.find(exchange);
  return clock_.now() + (ahead == ahead_.end() ? Micros{0} : ahead->second);
}

void ExchangeClock::learn(const std::string& exchange, TimePoint exchange_time) {
  if (exchange_time == TimePoint{}) return;
  const std::lock_guard guard{mutex_};
  ahead_.insert_or_assign(exchange, exchange_time - clock_.now());
}

Reader::Reader(store::Store& store, ingest::Filler& filler, Resolver& resolver, ExchangeClock& clock,
               const EngineOptions& options)
    : store_{store}, filler_{filler}, resolver_{resolver}, clock_{clock}, options_{options} {}

Result<Answer> Reader::read(const ReadRequest& request, const OnProgress& on_progress, std::stop_token stop) {
  auto task = prepare(request, stop);
  if (!task) return std::unexpected{std::move(task).error()};
  std::int64_t fetched = 0;
  for (int attempt = 1;; ++attempt) {
    auto scope = open_scope(*task, on_progress, stop);
    if (!scope) return std::unexpected{std::move(scope).error()};
    fetched = scope->fetched += fetched;
    if (auto error = cancelled(stop)) return std::unexpected{*std::move(error)};
    const auto version = scope->manifest.version;
    const auto base = scope->base();
    auto result = answer(*task, *std::move(scope));
    if (result || attempt == kReadAttempts) return result;
    // A compaction may have taken a segment away between the manifest and the read: the next manifest names its heir.
    const auto now = manifest_of(*task, base);
    if (!now || now->version == version) return result;
  }
}

Result<Reader::Task> Reader::prepare(const ReadRequest& request, std::stop_token stop) {
  if (auto checked = check_numbers(request, options_.page_rows); !checked) return std::unexpected{checked.error()};
  if (auto checked = check_layer(request); !checked) return std::unexpected{checked.error()};
  auto timeframe = Timeframe::parse(request.timeframe);
  if (!timeframe) return std::unexpected{std::move(timeframe).error()};
  auto grid = parse_grid(*timeframe, request.day_start);
  if (!grid) return std::unexpected{std::move(grid).error()};
  auto priced = parse_priced_symbol(request.symbol, request.price_kind);
  if (!priced) return std::unexpected{std::move(priced).error()};
  auto bounds = parse_bounds(request.start, request.end);
  if (!bounds) return std::unexpected{std::move(bounds).error()};
  auto selection = select(request.columns, request.layer);
  if (!selection) return std::unexpected{std::move(selection).error()};
  std::optional<TimePoint> as_of;
  if (request.as_of) {
    auto bound = parse_time_bound(*request.as_of, "as_of");
    if (!bound) return std::unexpected{std::move(bound).error()};
    as_of = bound->first;  // a day is known as it began, so that nothing is known too early
  }
  auto resolved = resolver_.resolve({.exchange = request.exchange,
                                     .symbol = priced->symbol,
                                     .market = request.market,
                                     .timeframe = *timeframe,
                                     .price_kind = priced->price_kind},
                                    as_of ? Fetch::never : request.fetch, std::move(stop));
  if (!resolved) return std::unexpected{std::move(resolved).error()};
  Series series{resolved->id, priced->price_kind, *timeframe};
  auto traits = resolver_.check_served(series, *grid);
  if (!traits) return std::unexpected{std::move(traits).error()};
  const auto connector = resolver_.connector(series.instrument.exchange.text());
  if (!connector) return std::unexpected{connector.error()};
  auto bases = bases_of(series, *grid, **traits);
  auto fetched = fetched_of(bases, **traits).value();  // check_served knows that there is one
  if (request.layer == Layer::raw && fetched != series)
    return fail(ErrorCode::invalid_argument,
                fmt::format("layer=raw: {} sends no bars of {}; these are derived from {}",
                            series.instrument.exchange.text(), timeframe->name(), fetched.text()),
                "layer");
  const auto request_digest = digest(series, request);
  return Task{request,
              std::move(series),
              *grid,
              *connector,
              *traits,
              std::move(bases),
              std::move(fetched),
              *bounds,
              *std::move(selection),
              as_of,
              request_digest,
              std::move(resolved->note)};
}

std::uint64_t Reader::Task::digest_over(const Series& base) const {
  return base == series ? digest : hash(base.text(), digest);
}

// What is stored answers where it can: the series itself, else a shorter one that holds the whole range. Where neither
// does, the series is fetched, or the most complete one has to do.
Result<store::Manifest> Reader::choose(const Task& task) const {
  if (task.request.layer == Layer::raw) return manifest_of(task, task.series);
  if (task.request.cursor) {
    for (const auto& base : task.bases)
      if (belongs(*task.request.cursor, task.digest_over(base))) return manifest_of(task, base);
    return manifest_of(task, task.fetched);
  }
  auto held = most_complete(store_, task.series, task.grid, task.bases, task.as_of,
                            [&](const store::Manifest& manifest) { return window_of(task, manifest); });
  if (!held) return std::unexpected{std::move(held).error()};
  if (*held && ((*held)->whole || !task.fetches())) return std::move((*held)->manifest);
  return manifest_of(task, task.fetched);
}

Result<store::Manifest> Reader::manifest_of(const Task& task, const Series& base) const {
  auto found = store_.manifest(base);
  if (!found) return std::unexpected{std::move(found).error()};
  if (*found) return **std::move(found);
  // Nothing was written yet: an empty answer has the same shape as any other.
  store::Manifest empty{.series = base, .instrument = Instrument{.id = base.instrument}};
  empty.origin = task.connector->origin();
  return empty;
}

Result<Reader::Scope> Reader::open_scope(const Task& task, const OnProgress& on_progress, std::stop_token stop) {
  auto manifest = choose(task);
  if (!manifest) return std::unexpected{std::move(manifest).error()};
  if (task.as_of && manifest->version == 0)
    return fail(ErrorCode::invalid_argument,
                fmt::format("as_of={}: nothing of {} has been recorded yet", to_iso(*task.as_of), task.series.text()),
                "as_of");
  if (auto known = store::check_as_of(*manifest, task.as_of); !known) return std::unexpected{known.error()};

  auto window = window_of(task, *manifest);
  Scope scope{.manifest = *std::move(manifest), .window = window};
  if (task.fetches())
    if (auto done = fill_missing(task, scope, on_progress, std::move(stop)); !done)
      return std::unexpected{std::move(done).error()};
  TimePoint next = scope.window.bars.begin();
  if (task.request.cursor) {
    auto cursor = decode(*task.request.cursor, task.digest_over(scope.base()), scope.manifest.version);
    if (!cursor) return std::unexpected{std::move(cursor).error()};
    scope.window = Window{.stated = cursor->stated, .bars = cursor->bars};
    scope.skip = cursor->skip;
    next = cursor->next;
  }
  account(task, scope);
  scope.page = TimeRange::of(next, scope.window.bars.end());
  choose_page(task, scope);
  return scope;
}

Window Reader::window_of(const Task& task, const store::Manifest& manifest) const {
  const auto held_part = held(manifest);
  auto begin = task.bounds.begin;
  if (!begin && manifest.instrument.valid_from) begin = task.grid.open_of(*manifest.instrument.valid_from);
  if (!begin && !task.fetches() && held_part) begin = task.grid.ceil(held_part->begin());
  auto end = task.bounds.end;
  if (!end && !task.fetches() && held_part) end = task.grid.open_of(held_part->end());
  return settle(begin.value_or(kBeginning), end, task.grid, clock_.now(task.series.instrument.exchange.text()),
                task.request.straddle);
}

Result<void> Reader::fill_missing(const Task& task, Scope& scope, const OnProgress& on_progress, std::stop_token stop) {
  const auto& exchange = task.series.instrument.exchange.text();
  const auto base = scope.base();
  const auto* stored = scope.manifest.version == 0 ? nullptr : &scope.manifest;
  const auto plan = ingest::make_plan(base, scope.window.bars, stored, *task.connector, clock_.now(exchange));
  if (!plan.missing.empty()) {
    const auto limit = task.request.read_through_bars.value_or(options_.read_through_bars);
    if (plan.missing_bars > limit) {
      const auto listed = since_launch(base, scope.window.bars, stored);
      std::int64_t bars = 0;
      for (const auto range : plan.missing) bars += base.timeframe.count(range.intersect(listed));
      if (bars > limit) return std::unexpected{backfill_required(plan, bars, limit)};
    }
    // Parts that closed after the last whole bar are no part of the answer.
    const bool to_now = scope.window.to_now && base == task.series;
    ingest::FillRequest wanted{base, scope.window.bars, to_now, on_progress, std::move(stop)};
    auto report = filler_.fill(wanted);
    if (!report) {
      auto error = std::move(report).error();
      if (is_retryable(error.code)) error.message += "; fetch=\"never\" reads what is stored";
      return std::unexpected{std::move(error)};
    }
    clock_.learn(exchange, report->exchange_time);
    scope.fetched += report->fetched;
    auto manifest = manifest_of(task, base);
    if (!manifest) return std::unexpected{std::move(manifest).error()};
    scope.manifest = *std::move(manifest);
    scope.window = window_of(task, scope.manifest);
    if (!task.bounds.begin && !scope.manifest.instrument.valid_from)
      if (const auto part = held(scope.manifest))
        scope.window = settle(task.grid.ceil(part->begin()), task.bounds.end, task.grid, clock_.now(exchange),
                              task.request.straddle);
  }
  // A bar may have closed since the exchange was asked: the answer ends where the looking ended.
  if (scope.window.to_now && !scope.manifest.looked.empty()) {
    const auto looked_until = task.grid.open_of(scope.manifest.looked.back().end());
    if (scope.window.bars.begin() < looked_until) scope.window = cut(scope.window, looked_until);
  }
  return {};
}

TimeRange Reader::since_launch(const Series& series, TimeRange range, const store::Manifest* manifest) const {
  std::optional<TimePoint> launch;
  if (manifest != nullptr) launch = manifest->instrument.valid_from;
  if (!launch && manifest != nullptr) launch = manifest->instrument.launch_time;
  if (!launch)
    if (const auto listed = resolver_.stored_instrument(series.instrument)) launch = listed->launch_time;
  if (!launch) return range;
  return TimeRange::of(std::clamp(series.timeframe.open_of(*launch), range.begin(), range.end()), range.end());
}

Error Reader::backfill_required(const ingest::Plan& plan, std::int64_t bars, std::int64_t limit) const {
  const auto& range = plan.range;
  const auto series = plan.series.text();
  return Error{
      ErrorCode::backfill_required,
      fmt::format("{}: {} bars of {} are not stored, and a read fetches at most {} by itself. Fetch them first "
                  "(about {} requests, {:.0f} s): tdm backfill '{}' --start {} --end {}, or POST "
                  "/api/v1/backfills; fetch=\"never\" reads what is stored",
                  series, bars, to_string(range), limit, plan.requests, plan.seconds, series, to_iso(range.begin()),
                  to_iso(range.end())),
      "start",
      {},
      std::nullopt};
}

// What of the range is absent, as far as manifests know.
void Reader::account(const Task& task, Scope& scope) const {
  const auto account = scope.account(task);
  scope.gaps = account.gaps(scope.window.bars);
  if (!task.include_tail()) scope.withheld_tail = account.tail(scope.window.bars);
}

void Reader::choose_page(const Task& task, Scope& scope) const {
  if (!task.request.limit) return;
  // Filled and raw pages count slots of the grid: made rows stand in gaps, and so may refused raw ones.
  const bool counts_slots = task.request.fill != Fill::none || task.request.layer == Layer::raw;
  const auto holes = counts_slots ? std::vector<TimeRange>{} : with(ranges_of(scope.gaps), scope.withheld_tail);
  scope.page = page_of(task.grid, scope.page, holes, *task.request.limit);
}

Result<Answer> Reader::answer(const Task& task, Scope scope) const {
  auto rows = read_page(task, scope);
  if (!rows) return std::unexpected{std::move(rows).error()};
  auto& frame = rows->frame;
  Answer answer{.series = task.series,
                .range = scope.window.stated,
                .frame = {},
                .provenance = {},
                .warn_gaps = {},
                .next_cursor = std::nullopt,
                .etag = {}};
  const auto next = [&](TimePoint time, std::int64_t skip) {
    answer.next_cursor = encode(
        {task.digest_over(scope.base()), scope.manifest.version, scope.window.stated, scope.window.bars, time, skip});
  };
  const auto rest = TimeRange::of(scope.page.end(), scope.window.bars.end());

  if (task.request.layer == Layer::raw) {
    // One open time may have several rows, so a page of raw rows may end between two of them.
    const auto first = std::min(static_cast<std::size_t>(scope.skip), frame.rows);
    const auto last =
        task.request.limit ? std::min(frame.rows, first + static_cast<std::size_t>(*task.request.limit)) : frame.rows;
    const auto times = open_times(frame);
    if (last < frame.rows) {
      const auto same = std::ranges::equal_range(times.first(last), times[last]);
      next(times[last], static_cast<std::int64_t>(same.size()));
    } else if (!rest.empty()) {
      next(rest.begin(), 0);
    }
    if (first != 0 || last != frame.rows) frame = rows_of(frame, first, last);
  } else {
    note_unexplained(task, scope, frame);
    const bool more = task.request.fill != Fill::none
                          ? !rest.empty()
                          : !subtract(rest, with(ranges_of(scope.gaps), scope.withheld_tail)).empty();
    if (more) next(rest.begin(), 0);
  }
  if (auto applied = apply_gap_policy(task, scope, frame, answer); !applied)
    return std::unexpected{std::move(applied).error()};
  if (auto described = describe(task, scope, *rows, answer); !described)
    return std::unexpected{std::move(described).error()};

  auto columns = task.selection.answer;
  if (task.request.fill != Fill::none) {
    auto made = filled(task, scope, frame);
    if (!made) return std::unexpected{std::move(made).error()};
    frame = *std::move(made);
    columns.emplace_back("filled");
  }
  answer.frame = arrange(frame, columns, task.grid);
  answer.provenance.rows = static_cast<std::int64_t>(answer.frame.rows);
  return answer;
}

Result<Reader::Rows> Reader::read_page(const Task& task, const Scope& scope) const {
  auto columns = task.selection.stored;
  if (task.request.layer == Layer::raw) {
    if (std::ranges::find(columns, "channel") == columns.end()) columns.emplace_back("channel");
    auto frame = store_.read_raw(scope.manifest, scope.page, columns);
    if (!frame) return std::unexpected{std::move(frame).error()};
    return Rows{*std::move(frame)};
  }
  if (task.request.fill != Fill::none && std::ranges::find(columns, "close") == columns.end())
    columns.emplace_back("close");
  return read_bars(task, scope, scope.page, columns);
}

// Validated bars of the series that was asked for, as they are stored or made of those that are.
Result<Reader::Rows> Reader::read_bars(const Task& task, const Scope& scope, TimeRange range,
                                       const std::vector<std::string>& columns) const {
  const auto account = scope.account(task);
  const Derivation derivation{task.grid, scope.base().timeframe,
                              account.derived() ? account.excused(range) : std::vector<TimeRange>{},
                              traded_by(*task.traits, task.series.price_kind)};
  auto stored = account.derived() ? columns_of_parts(columns, derivation) : columns;
  auto frame = store_.read(scope.manifest, range,
                           {.columns = std::move(stored), .as_of = task.as_of, .include_tail = task.include_tail()});
  if (!frame) return std::unexpected{std::move(frame).error()};
  Rows rows{*std::move(frame)};
  rows.stored = rows.frame.rows;
  if (account.derived()) rows.frame = derive(rows.frame, columns, derivation);
  return rows;
}

// Absent bars that neither a gap nor the tail explains: a promise broken somewhere, and never silent.
void Reader::note_unexplained(const Task& task, Scope& scope, const Frame& frame) const {
  const auto holes = with(ranges_of(scope.gaps), scope.withheld_tail);
  if (static_cast<std::int64_t>(frame.rows) >= bars_outside(task.grid, scope.page, holes)) return;
  const auto* evidence = task.as_of ? "not known at as_of" : "absent without a record";
  for (const auto hole : absent(open_times(frame), task.grid, scope.page))
    for (const auto range : subtract(hole, holes))
      scope.gaps.push_back(unrecorded(task.series, task.grid, range, GapCause::unknown, evidence));
  std::ranges::stable_sort(scope.gaps, {}, [](const Gap& gap) { return gap.range.begin(); });
}

Result<void> Reader::apply_gap_policy(const Task& task, Scope& scope, const Frame& frame, Answer& answer) const {
  if (task.request.min_quality) {
    auto days = low_quality_days(task.series, task.grid, scope.page, open_times(frame), scope.gaps, scope.withheld_tail,
                                 *task.request.min_quality);
    scope.gaps.insert(scope.gaps.end(), std::make_move_iterator(days.begin()), std::make_move_iterator(days.end()));
  }
  auto warned = apply_on_gap(task.series, scope.window.stated, scope.gaps, task.request.on_gap);
  if (!warned) return std::unexpected{std::move(warned).error()};
  answer.warn_gaps = *std::move(warned);
  return {};
}

Result<Frame> Reader::filled(const Task& task, const Scope& scope, const Frame& frame) const {
  std::optional<double> before;
  if (task.request.fill == Fill::ffill) {
    auto close = close_before(task, scope);
    if (!close) return std::unexpected{std::move(close).error()};
    before = *close;
  }
  const auto bars = task.grid.count(scope.page);
  if (bars > options_.filled_rows)
    return fail(ErrorCode::invalid_argument,
                fmt::format("fill would make {} rows of {}; at most {} can be filled at once", bars,
                            to_string(scope.page), options_.filled_rows),
                "fill");
  std::vector<TimePoint> slots;
  slots.reserve(static_cast<std::size_t>(bars));
  // The provisional tail is no gap, and nothing is made in its place.
  for (const auto range : subtract(scope.page, scope.withheld_tail))
    for (auto slot = task.grid.ceil(range.begin()); slot < range.end(); slot = task.grid.close_of(slot))
      slots.push_back(slot);
  return fill(frame, slots, task.request.fill, before);
}

// The close that a filled page begins with: of the last bar of the range before the page.
Result<std::optional<double>> Reader::close_before(const Task& task, const Scope& scope) const {
  const auto earlier = TimeRange::of(scope.window.bars.begin(), scope.page.begin());
  const auto runs = subtract(earlier, with(ranges_of(scope.gaps), scope.withheld_tail));
  if (runs.empty()) return std::nullopt;
  const auto last = task.grid.open_of(runs.back().end() - Micros{1});
  const auto rows = read_bars(task, scope, TimeRange::of(last, runs.back().end()), {"close"});
  if (!rows) return std::unexpected{rows.error()};
  if (rows->frame.rows == 0) return std::nullopt;
  return std::get<std::span<const double>>(rows->frame.find("close")->data).back();
}

Result<void> Reader::describe(const Task& task, const Scope& scope, const Rows& rows, Answer& answer) const {
  auto& provenance = answer.provenance;
  const auto& manifest = scope.manifest;
  provenance.instrument = task.series.instrument.text();
  provenance.price_kind = to_string(task.series.price_kind);
  provenance.timeframe = task.series.timeframe.name();
  provenance.origin = manifest.origin;
  provenance.simulated = is_loopback(manifest.origin);
  provenance.range = scope.window.stated;
  provenance.dataset_version = manifest.version;
  provenance.expected = task.grid.count(scope.window.bars);
  provenance.gap_count = static_cast<std::int64_t>(scope.gaps.size());
  provenance.gaps.assign(scope.gaps.begin(), scope.gaps.begin() + static_cast<std::ptrdiff_t>(
                                                                      std::min(scope.gaps.size(), kProvenanceGaps)));
  provenance.open_rule = task.traits->open_rule;
  if (scope.account(task).derived()) provenance.derived = scope.base().text();
  provenance.day_start = task.request.day_start;
  if (task.as_of) provenance.as_of = to_iso(*task.as_of);
  provenance.fetched = scope.fetched;

  const auto& tail = manifest.tail.open_time;
  const auto first = std::ranges::lower_bound(tail, scope.window.bars.begin());
  provenance.finality = first != tail.end() && *first < scope.window.bars.end()
                            ? fmt::format("provisional from {}", to_iso(task.grid.open_of(*first)))
                            : "confirmed";

  if (!task.note.empty()) provenance.notes.push_back(task.note);
  if (scope.window.straddling)
    provenance.notes.push_back(
        fmt::format("the bar of {} ends after the range and is withheld; straddle=\"keep\" keeps it",
                    to_iso(*scope.window.straddling)));
  answer.etag =
      fmt::format("{:016x}-{}",
                  hash(fmt::format("{:x} {} {} {}", task.digest_over(scope.base()), to_string(scope.window.stated),
                                   to_us(scope.page.begin()), task.request.limit.value_or(0))),
                  manifest.version);
  return count_sources(task, scope, rows, provenance);
}

// Where the rows, or the parts they are made of, came from: as the segments say when they are of one mind, else from
// the rows.
Result<void> Reader::count_sources(const Task& task, const Scope& scope, const Rows& page,
                                   Provenance& provenance) const {
  if (page.frame.rows == 0) return {};
  if (task.request.layer == Layer::raw) {
    count_texts(provenance.sources, *page.frame.find("channel"));
    return {};
  }
  if (!task.as_of && count_by_segments(task, scope, page.stored, provenance)) return {};
  const auto rows =
      store_.read(scope.manifest, scope.page,
                  {.columns = {"source", "rule_version"}, .as_of = task.as_of, .include_tail = task.include_tail()});
  if (!rows) return std::unexpected{rows.error()};
  count_texts(provenance.sources, *rows->find("source"));
  const auto versions = std::get<std::span<const std::int32_t>>(rows->find("rule_version")->data);
  if (!versions.empty()) provenance.rule_version = std::ranges::max(versions);
  return {};
}

bool Reader::count_by_segments(const Task& task, const Scope& scope, std::size_t rows, Provenance& provenance) const {
  const auto& manifest = scope.manifest;
  std::string source;
  std::int64_t sealed = 0;
  int rule_version = 0;
  for (const auto& segment : manifest.segments) {
    if (segment.layer != store::Layer::validated) continue;
    sealed += segment.rows;
    if (segment.rows == 0 || segment.last < scope.page.begin() || segment.first >= scope.page.end()) continue;
    if (segment.sources.size() != 1) return false;
    const auto& name = segment.sources.begin()->first;
    if (!source.empty() && name != source) return false;
    source = name;
    rule_version = std::max(rule_version, segment.rule_version);
  }
  // Rows that no segment holds are the tail's, or the backend keeps its rows elsewhere.
  const auto& tail = manifest.tail;
  if (sealed + static_cast<std::int64_t>(tail.size()) != manifest.rows) return false;
  auto left = static_cast<std::int64_t>(rows);
  if (task.include_tail()) {
    for (std::size_t row = 0; row < tail.size(); ++row) {
      if (!scope.page.contains(tail.open_time[row])) continue;
      ++provenance.sources[std::string{to_string(tail.source[row])}];
      rule_version = std::max(rule_version, static_cast<int>(tail.rule_version[row]));
      --left;
    }
  }
  if (left > 0) provenance.sources[source] += left;
  provenance.rule_version = rule_version;
  return true;
}

}  // namespace tdm::query::detail
