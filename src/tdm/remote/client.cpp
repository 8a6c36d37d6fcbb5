#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "tdm/remote/detail/documents.hpp"   // read_*
#include "tdm/remote/detail/frames.hpp"      // FrameJoiner
#include "tdm/remote/detail/provenance.hpp"  // join, series_of
#include "tdm/remote/detail/session.hpp"     // Session
#include "tdm/remote/detail/targets.hpp"     // bars_target
#include "tdm/remote/remote.hpp"

namespace tdm::remote {
namespace {

using namespace std::chrono_literals;
using query::Answer;
using query::ReadRequest;
using Text = std::optional<std::string>;
template <class T>
using Parse = T (*)(const Json&);

constexpr std::size_t kPageBytes = 512UL * 1024 * 1024;
constexpr int kMostPages = 100'000;
constexpr int kReadAttempts = 3;                       // whole reads, when the data changes between two pages
constexpr std::chrono::milliseconds kPatience{5'000};  // of a read that may fetch, before it is watched as a backfill
constexpr std::chrono::milliseconds kPollFirst{100}, kPollLongest{1'000};
constexpr std::size_t kPatternsPerRequest = 50;
constexpr std::string_view kBeginning = "1970-01-01";  // a backfill without start and end would be an update

// A page of an answer over HTTP.
struct BarPage {
  query::Provenance provenance;
  Text next_cursor;
  std::string etag;
};

Text header_text(const net::HttpReply& reply, std::string_view name) {
  const auto found = net::find_header(reply.headers, name);
  return found ? Text{std::string{*found}} : std::nullopt;
}

std::string without_quotes(std::string text) {
  std::erase(text, '"');
  return text;
}

bool is_stale_cursor(const Error& error) {
  return error.code == ErrorCode::invalid_argument && error.parameter == "cursor";
}

class RemoteData final : public query::MarketData {
 public:
  RemoteData(net::Url base, const RemoteOptions& options)
      : session_{std::move(base), options}, timeout_{options.timeout} {}

  Result<Answer> read(const ReadRequest& request, const query::OnProgress& on_progress, std::stop_token stop) override {
    auto answer = read_pages(request, first_page_call(request), stop);
    if (!answer && may_be_fetching(request, answer.error())) {
      if (auto filled = fill(request, on_progress, stop); !filled) return std::unexpected{std::move(filled).error()};
      answer = read_pages(request, page_call(request, request.cursor), stop);
    }
    // A commit between two pages makes the cursor stale: the answer is one version of the data or none.
    for (int attempt = 1; !answer && !request.cursor && is_stale_cursor(answer.error()) && attempt < kReadAttempts;
         ++attempt)
      answer = read_pages(request, page_call(request, std::nullopt), stop);
    if (!answer) return answer;
    return apply_gap_policy(request, *std::move(answer), stop);
  }

  Result<std::vector<Series>> expand(const std::vector<std::string>& patterns, bool stored_only,
                                     std::stop_token stop) override {
    std::set<Series> found;
    if (stored_only) {
      const auto infos = list(patterns);
      if (!infos) return std::unexpected{infos.error()};
      for (const auto& info : *infos) found.insert(info.series);
      return std::vector<Series>(found.begin(), found.end());
    }
    for (const auto& text : patterns) {
      auto expanded = is_glob(text) ? expand_symbols(text, stop) : resolve_one(text, stop);
      if (!expanded) return expanded;
      found.insert(expanded->begin(), expanded->end());
    }
    return std::vector<Series>(found.begin(), found.end());
  }

  Result<query::Estimate> estimate(const Series& series, Text start, Text end, std::stop_token stop) override {
    return document(list_target("/api/v1/estimate", {series.text()}, start, end), read_estimate, stop);
  }

  Result<ingest::FillReport> backfill(const Series& series, Text start, Text end, const query::OnProgress& on_progress,
                                      std::stop_token stop) override {
    if (!start && !end) start = kBeginning;
    return run_job(series, start, end, on_progress, stop);
  }

  Result<ingest::FillReport> update(const Series& series, const query::OnProgress& on_progress,
                                    std::stop_token stop) override {
    return run_job(series, std::nullopt, std::nullopt, on_progress, stop);
  }

  Result<Instrument> instrument(const std::string& exchange, const std::string& symbol, const Text& market,
                                std::stop_token stop) override {
    std::string target = "/api/v1/instruments";
    add_parameter(target, "exchange", exchange);
    add_parameter(target, "symbol", symbol);
    if (market) add_parameter(target, "market", *market);
    auto found = all_pages(target, "instruments", read_instrument, stop);
    if (!found) return std::unexpected{std::move(found).error()};
    if (found->size() != 1)
      return fail(ErrorCode::corrupt_data,
                  fmt::format("the server names {} instruments for {}", found->size(), symbol));
    return std::move(found->front());
  }

  Result<std::vector<Instrument>> instruments(const query::InstrumentsRequest& request, std::stop_token stop) override {
    return all_pages(instruments_target(request), "instruments", read_instrument, stop);
  }

  Result<std::vector<query::SeriesInfo>> list(const std::vector<std::string>& patterns) override {
    return all_lists("/api/v1/series", "series", patterns, {}, {}, read_series_info);
  }

  Result<std::vector<query::Coverage>> coverage(const std::vector<std::string>& patterns, Text start,
                                                Text end) override {
    return all_lists("/api/v1/coverage", "coverage", patterns, start, end, read_coverage);
  }

  Result<std::vector<Gap>> gaps(const std::vector<std::string>& patterns, Text start, Text end) override {
    return all_lists("/api/v1/gaps", "gaps", patterns, start, end, read_gap);
  }

  Result<std::int64_t> accept_gaps(const Series& series, const std::string& range, const std::string& reason,
                                   std::stop_token stop) override {
    const Json body{{"series", series.text()}, {"range", range}, {"reason", reason}};
    const auto accepted = post("/api/v1/gaps/accept", body, stop);
    if (!accepted) return std::unexpected{accepted.error()};
    return read_document(*accepted, read_accepted);
  }

  Result<ingest::FillReport> import_bars(ingest::ImportRequest) override {
    return fail(ErrorCode::invalid_argument,
                "import writes to the store itself: run it where the store lies, without a server's address", "url");
  }

  Result<query::Removal> remove(const query::RemoveRequest&, std::stop_token) override {
    return fail(ErrorCode::invalid_argument,
                "rm writes to the store itself: run it where the store lies, without a server's address", "url");
  }

  Result<std::vector<query::CheckReport>> verify(const std::vector<std::string>&) override {
    return fail(ErrorCode::invalid_argument,
                "verify reads the files of the store: run it where the store lies, without a server's address", "url");
  }

  Result<query::ServerInfo> info() override { return document("/api/v1/info", read_server_info, {}); }

 private:
  // ---- bars

  static Session::Call page_call(const ReadRequest& request, const Text& cursor) {
    Session::Call call;
    call.target = bars_target(request, cursor);
    call.body_limit = kPageBytes;
    return call;
  }

  // A read that the server answers from its store comes at once; one that has to fetch first is waited for elsewhere.
  Session::Call first_page_call(const ReadRequest& request) const {
    auto call = page_call(request, request.cursor);
    if (!fetches(request)) return call;
    call.timeout = std::min(timeout_, kPatience);
    call.attempts = 1;
    return call;
  }

  // Moved days are made of a timeframe that only the server chooses: it fetches that within the read.
  static bool fetches(const ReadRequest& request) {
    return request.fetch == query::Fetch::automatic && !request.as_of && !request.cursor && !request.day_start;
  }
  static bool may_be_fetching(const ReadRequest& request, const Error& error) {
    return fetches(request) && is_retryable(error.code);
  }

  // Has the server fetch what the read lacks, with its progress. What fails here fails by its own name.
  Result<void> fill(const ReadRequest& request, const query::OnProgress& on_progress, const std::stop_token& stop) {
    const auto priced = query::parse_priced_symbol(request.symbol, request.price_kind);
    if (!priced) return std::unexpected{priced.error()};
    const auto found = instrument(request.exchange, priced->symbol, request.market, stop);
    if (!found) return std::unexpected{found.error()};
    auto timeframe = Timeframe::parse(request.timeframe);
    if (!timeframe) return std::unexpected{std::move(timeframe).error()};
    const auto report =
        backfill(Series{found->id, priced->price_kind, *timeframe}, request.start, request.end, on_progress, stop);
    if (!report) return std::unexpected{report.error()};
    return {};
  }

  Result<BarPage> read_page(const Session::Call& call, FrameJoiner& frames, const std::stop_token& stop) {
    const auto reply = session_.send(call, stop);
    if (!reply) return std::unexpected{reply.error()};
    const auto text = frames.add(reply->body);
    if (!text) return std::unexpected{text.error()};
    const auto parsed = parse_document(*text);
    if (!parsed) return std::unexpected{parsed.error()};
    auto provenance = read_document(*parsed, read_provenance);
    if (!provenance) return std::unexpected{std::move(provenance).error()};
    return BarPage{*std::move(provenance), header_text(*reply, "X-TDM-Next-Cursor"),
                   without_quotes(header_text(*reply, "ETag").value_or(""))};
  }

  Result<Answer> read_pages(const ReadRequest& request, const Session::Call& first, const std::stop_token& stop) {
    FrameJoiner frames;
    auto page = read_page(first, frames, stop);
    if (!page) return std::unexpected{std::move(page).error()};
    auto whole = page->provenance;
    const auto etag = page->etag;
    for (int pages = 1; page->next_cursor && !request.limit; ++pages) {
      if (pages >= kMostPages)
        return fail(ErrorCode::corrupt_data, fmt::format("the answer does not end after {} pages", kMostPages));
      page = read_page(page_call(request, page->next_cursor), frames, stop);
      if (!page) return std::unexpected{std::move(page).error()};
      join(whole, page->provenance);
    }
    auto series = series_of(whole);
    if (!series) return fail(ErrorCode::corrupt_data, "the provenance names no series: " + series.error().message);
    auto frame = std::move(frames).finish();
    if (static_cast<std::int64_t>(frame.rows) != whole.rows)
      return fail(ErrorCode::corrupt_data,
                  fmt::format("{}: the server says {} rows and sent {}", series->text(), whole.rows, frame.rows));
    const auto range = whole.range;
    return Answer{.series = *std::move(series),
                  .range = range,
                  .frame = std::move(frame),
                  .provenance = std::move(whole),
                  .warn_gaps = {},
                  .next_cursor = page->next_cursor,
                  .etag = etag};
  }

  Result<Answer> apply_gap_policy(const ReadRequest& request, Answer answer, const std::stop_token& stop) {
    if (request.on_gap == query::OnGap::ignore || answer.provenance.gap_count == 0) return answer;
    const auto gaps = all_gaps(answer, stop);
    if (!gaps) return std::unexpected{gaps.error()};
    auto warn = query::apply_on_gap(answer.series, answer.range, *gaps, request.on_gap);
    if (!warn) return std::unexpected{std::move(warn).error()};
    answer.warn_gaps = *std::move(warn);
    return answer;
  }

  // A provenance lists the first gaps only; when there are more, the ledger is asked for the rest.
  Result<std::vector<Gap>> all_gaps(const Answer& answer, const std::stop_token& stop) {
    const auto& provenance = answer.provenance;
    auto gaps = provenance.gaps;
    if (static_cast<std::int64_t>(gaps.size()) >= provenance.gap_count) return gaps;
    const auto target = list_target("/api/v1/gaps", {provenance.derived.value_or(answer.series.text())},
                                    to_iso(answer.range.begin()), to_iso(answer.range.end()));
    auto ledger = all_pages(target, "gaps", read_gap, stop);
    if (ledger && provenance.derived) ledger = query::gaps_of_derived(answer.series, provenance.day_start, *ledger);
    if (!ledger) return ledger;
    std::erase_if(gaps, [](const Gap& gap) { return gap.id != 0; });  // the ledger has those
    for (auto& gap : *ledger)
      if (gap.state != GapState::closed && gap.range.overlaps(answer.range)) gaps.push_back(std::move(gap));
    std::ranges::stable_sort(gaps, {}, [](const Gap& gap) { return gap.range.begin(); });
    return gaps;
  }

  // ---- backfills

  Result<ingest::FillReport> run_job(const Series& series, const Text& start, const Text& end,
                                     const query::OnProgress& on_progress, const std::stop_token& stop) {
    Json body{{"series", series.text()}};
    if (start) body["start"] = *start;
    if (end) body["end"] = *end;
    auto job = start_job(body, stop);
    for (auto wait = kPollFirst; job && job->state != "done" && job->state != "failed";
         wait = std::min(wait * 2, kPollLongest)) {
      if (on_progress) on_progress(progress_of(*job));
      if (!rest_for(wait, stop))
        return fail(ErrorCode::cancelled, series.text() + ": no longer waited for; the server goes on");
      job = document("/api/v1/backfills/" + net::percent_encode(job->id), read_job, stop);
    }
    if (!job) return std::unexpected{std::move(job).error()};
    if (on_progress) on_progress(progress_of(*job));
    if (job->state == "failed")
      return std::unexpected{
          job->error.value_or(Error{ErrorCode::internal, "the backfill failed without a reason", {}, {}, {}})};
    ingest::FillReport report;
    report.fetched = report.stored = job->done;
    return report;
  }

  Result<Job> start_job(const Json& body, const std::stop_token& stop) {
    const auto posted = post("/api/v1/backfills", body, stop);
    if (!posted) return std::unexpected{posted.error()};
    return read_document(*posted, read_job);
  }

  static ingest::Progress progress_of(const Job& job) {
    ingest::Progress progress;
    progress.total_bars = job.expected;
    progress.done_bars = job.done;
    progress.eta_seconds = job.eta_seconds;
    progress.planned = job.state != "queued";
    return progress;
  }

  // ---- names

  Result<std::vector<Series>> resolve_one(const std::string& text, const std::stop_token& stop) {
    auto series = Series::parse(text);
    if (!series) return std::unexpected{std::move(series).error()};
    const auto found = instrument(series->instrument.exchange.text(), series->instrument.symbol.text(),
                                  series->instrument.market.text(), stop);
    if (!found) return std::unexpected{found.error()};
    series->instrument = found->id;
    return std::vector{*std::move(series)};
  }

  Result<std::vector<Series>> expand_symbols(const std::string& text, const std::stop_token& stop) {
    const auto pattern = SymbolPattern::parse(text);
    if (!pattern) return std::unexpected{pattern.error()};
    query::InstrumentsRequest request;
    request.exchange = pattern->exchange;
    request.market = pattern->market;
    request.pattern = pattern->symbol;
    const auto found = instruments(request, stop);
    if (!found) return std::unexpected{found.error()};
    if (found->empty()) return fail(ErrorCode::not_found, fmt::format("no series matches '{}'", text), "series");
    std::vector<Series> all;
    for (const auto& one : *found) {
      auto series = Series::parse(one.id.text() + pattern->rest);
      if (!series) return std::unexpected{std::move(series).error()};
      all.push_back(*std::move(series));
    }
    return all;
  }

  // ---- documents

  template <class T>
  Result<T> document(std::string target, Parse<T> parse, const std::stop_token& stop) {
    const auto reply = session_.get(std::move(target), stop);
    if (!reply) return std::unexpected{reply.error()};
    const auto parsed = parse_document(reply->body);
    if (!parsed) return std::unexpected{parsed.error()};
    return read_document(*parsed, parse);
  }

  Result<Json> post(std::string target, const Json& body, const std::stop_token& stop) {
    Session::Call call;
    call.target = std::move(target);
    call.method = "POST";
    call.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
    const auto reply = session_.send(call, stop);
    if (!reply) return std::unexpected{reply.error()};
    return parse_document(reply->body);
  }

  // Follows next_cursor to the end of a list.
  template <class T>
  Result<std::vector<T>> all_pages(const std::string& target, const char* key, Parse<T> parse,
                                   const std::stop_token& stop) {
    std::vector<T> all;
    auto next = target;
    for (int pages = 0; pages < kMostPages; ++pages) {
      const auto reply = session_.get(next, stop);
      if (!reply) return std::unexpected{reply.error()};
      const auto page = parse_document(reply->body);
      if (!page) return std::unexpected{page.error()};
      const auto list = page->find(key);
      if (list == page->end() || !list->is_array())
        return fail(ErrorCode::corrupt_data, fmt::format("the answer has no list '{}'", key));
      for (const auto& entry : *list) {
        auto item = read_document(entry, parse);
        if (!item) return std::unexpected{std::move(item).error()};
        all.push_back(*std::move(item));
      }
      const auto cursor = page->find("next_cursor");
      if (cursor == page->end() || !cursor->is_string()) return all;
      next = target;
      add_parameter(next, "cursor", cursor->get_ref<const std::string&>());
    }
    return fail(ErrorCode::corrupt_data, fmt::format("the list does not end after {} pages", kMostPages));
  }

  // Patterns in portions that one request may name; no pattern means everything.
  template <class T>
  Result<std::vector<T>> all_lists(const std::string& path, const char* key, const std::vector<std::string>& patterns,
                                   const Text& start, const Text& end, Parse<T> parse) {
    std::vector<T> all;
    std::size_t first = 0;
    do {
      const auto last = std::min(patterns.size(), first + kPatternsPerRequest);
      const std::vector<std::string> portion{patterns.begin() + static_cast<std::ptrdiff_t>(first),
                                             patterns.begin() + static_cast<std::ptrdiff_t>(last)};
      auto some = all_pages(list_target(path, portion, start, end), key, parse, {});
      if (!some) return some;
      all.insert(all.end(), std::make_move_iterator(some->begin()), std::make_move_iterator(some->end()));
      first = last;
    } while (first < patterns.size());
    return all;
  }

  Session session_;
  std::chrono::milliseconds timeout_;
};

}  // namespace

Result<std::shared_ptr<query::MarketData>> connect(const RemoteOptions& options) {
  auto base = net::Url::parse(options.url, "url");
  if (!base) return std::unexpected{std::move(base).error()};
  if (options.api_key.find_first_of("\r\n") != std::string::npos)
    return fail(ErrorCode::invalid_argument, "api_key holds a line break", "api_key");
  return std::make_shared<RemoteData>(*std::move(base), options);
}

}  // namespace tdm::remote
