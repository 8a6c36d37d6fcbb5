#include "tdm/serve/detail/routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <stop_token>
#include <string>
#include <utility>

#include "tdm/serve/detail/bars.hpp"     // render, choose_format
#include "tdm/serve/detail/body.hpp"     // Body, json_reply
#include "tdm/serve/detail/problem.hpp"  // problem
#include "tdm/telemetry/metrics.hpp"     // exposition

namespace tdm::serve {
namespace {

using Kind = Parameter::Kind;
using query::MarketData;
using Reply = Result<net::ServerReply>;

constexpr std::int64_t kListPage = 1'000;
constexpr std::int64_t kListPageMaximum = 10'000;

// ---- parameters that several routes take

bool is_name(std::string_view text) {
  return std::ranges::all_of(
      text, [](char letter) { return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9'); });
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text,
                             [](char letter) { return static_cast<unsigned char>(letter) >= 0x20 && letter != 0x7f; });
}

Parameter text(std::string_view name, std::string_view meaning, std::string_view example = {}) {
  return {.name = name,
          .kind = Kind::text,
          .meaning = meaning,
          .pattern = "^[^\\x00-\\x1f\\x7f]+$",
          .accepts = is_printable,
          .example = example};
}

Parameter name(std::string_view name, std::string_view meaning, std::string_view example = {}) {
  return {.name = name,
          .kind = Kind::text,
          .meaning = meaning,
          .maximum = 16,
          .pattern = "^[a-z0-9]+$",
          .accepts = is_name,
          .example = example};
}

Parameter word(std::string_view name, std::string_view meaning, std::vector<std::string_view> words) {
  return {.name = name, .kind = Kind::word, .meaning = meaning, .words = std::move(words)};
}

Parameter time(std::string_view name, std::string_view meaning, std::string_view example = {}) {
  return {.name = name, .kind = Kind::time, .meaning = meaning, .example = example};
}

Parameter integer(std::string_view name, std::string_view meaning, std::int64_t minimum, std::int64_t maximum) {
  return {.name = name, .kind = Kind::integer, .meaning = meaning, .minimum = minimum, .maximum = maximum};
}

Parameter required(Parameter parameter) {
  parameter.required = true;
  return parameter;
}

std::vector<std::string_view> timeframes() {
  std::vector<std::string_view> names;
  for (const auto& timeframe : Timeframe::all()) names.push_back(timeframe.name());
  return names;
}

Parameter series_list() {
  auto parameter = text("series", "a series or a pattern; may be repeated; all that is stored when absent",
                        "bybit.linear.BTCUSDT@1h");
  parameter.repeated = true;
  return parameter;
}

Parameter list_cursor() { return text("cursor", "next_cursor of the page before"); }
Parameter list_limit() { return integer("limit", "entries of a page", 1, kListPageMaximum); }

// ---- lists in pages

struct Page {
  std::size_t first = 0, last = 0;
  Json next_cursor = nullptr;
};

// Cursors of lists are positions: the lists are short and ordered, and nothing in them moves for long.
Result<Page> page_of(const Arguments& arguments, std::size_t size) {
  Page page;
  if (const auto cursor = arguments.text("cursor")) {
    const auto* end = cursor->data() + cursor->size();
    const auto parsed = std::from_chars(cursor->data(), end, page.first);
    if (parsed.ec != std::errc{} || parsed.ptr != end || page.first > size)
      return fail(ErrorCode::invalid_argument, "cursor is not one that this list gave", "cursor");
  }
  const auto limit = static_cast<std::size_t>(arguments.integer("limit").value_or(kListPage));
  page.last = std::min(size, page.first + limit);
  if (page.last < size) page.next_cursor = std::to_string(page.last);
  return page;
}

template <class T>
Reply list_reply(std::string_view key, const std::vector<T>& items, const Arguments& arguments,
                 Json (*to_document)(const T&)) {
  const auto page = page_of(arguments, items.size());
  if (!page) return std::unexpected{page.error()};
  Json list = Json::array();
  for (auto at = page->first; at < page->last; ++at) list.push_back(to_document(items[at]));
  Json document;
  document[std::string{key}] = std::move(list);
  document["next_cursor"] = page->next_cursor;
  return json_reply(document);
}

Json ms(const std::optional<TimePoint>& time) { return time ? Json(to_ms(*time)) : Json{}; }

Json document_of(const Instrument& instrument) {
  return {{"name", instrument.id.text()},
          {"exchange", instrument.id.exchange.text()},
          {"market", instrument.id.market.text()},
          {"symbol", instrument.id.symbol.text()},
          {"base", instrument.base},
          {"quote", instrument.quote},
          {"settle", instrument.settle},
          {"contract_type", instrument.contract_type},
          {"status", instrument.status},
          {"active", instrument.active},
          {"tick_size", instrument.tick_size},
          {"lot_size", instrument.lot_size},
          {"contract_size", instrument.contract_size},
          {"launch_time", ms(instrument.launch_time)},
          {"delivery_time", ms(instrument.delivery_time)},
          {"valid_from", ms(instrument.valid_from)},
          {"valid_to", ms(instrument.valid_to)}};
}

Json document_of(const query::SeriesInfo& info) {
  return {{"series", info.series.text()},
          {"first", ms(info.first)},
          {"last", ms(info.last)},
          {"watermark", ms(info.watermark)},
          {"rows", info.rows},
          {"bytes", info.bytes},
          {"gaps", info.gaps}};
}

Json document_of(const query::Coverage& coverage) {
  return {{"series", coverage.series.text()},    {"first", ms(coverage.first)},    {"last", ms(coverage.last)},
          {"watermark", ms(coverage.watermark)}, {"expected", coverage.expected},  {"present", coverage.present},
          {"confirmed", coverage.confirmed},     {"gap_count", coverage.gap_count}};
}

Json document_of(const Gap& gap) { return Json::parse(query::to_json(gap)); }

Json document_of(const query::Estimate& estimate) {
  return {{"series", estimate.series.text()},
          {"start", to_ms(estimate.range.begin())},
          {"end", to_ms(estimate.range.end())},
          {"bars", estimate.bars},
          {"missing_bars", estimate.missing_bars},
          {"requests", estimate.requests},
          {"bytes", estimate.bytes},
          {"seconds", estimate.seconds},
          {"archive_files", estimate.archive_files},
          {"archive_bars", estimate.archive_bars}};
}

Json document_of(const JobState& state) {
  Json document{{"id", state.id},     {"state", to_string(state.phase)}, {"expected", state.expected},
                {"done", state.done}, {"eta_s", state.eta_seconds},      {"error", nullptr}};
  if (state.error) document["error"] = Json::parse(problem(*state.error, {state.id, false}).body);
  return document;
}

// ---- bars

Result<query::ReadRequest> read_request(const Arguments& arguments, const ApiOptions& options) {
  query::ReadRequest request;
  request.exchange = arguments.required("exchange");
  request.symbol = arguments.required("symbol");
  request.timeframe = arguments.required("timeframe");
  request.market = arguments.text("market");
  request.price_kind = arguments.text("price_kind");
  request.start = arguments.text("start");
  request.end = arguments.text("end");
  request.as_of = arguments.text("as_of");
  request.min_quality = arguments.number("min_quality");
  request.limit = arguments.integer("limit").value_or(options.page_rows);
  request.cursor = arguments.text("cursor");
  request.day_start = arguments.text("day_start");
  request.include_open = arguments.flag("include_open");
  request.read_through_bars = options.read_through_bars;
  for (auto columns = arguments.text("columns").value_or(""); !columns.empty();) {
    const auto comma = columns.find(',');
    request.columns.push_back(columns.substr(0, comma));
    columns = comma == std::string::npos ? std::string{} : columns.substr(comma + 1);
  }
  // The words were checked against the table already; the engine's parsers know the same ones.
  if (const auto value = arguments.text("layer")) request.layer = query::parse_layer(*value).value();
  if (const auto value = arguments.text("fetch")) request.fetch = query::parse_fetch(*value).value();
  if (const auto value = arguments.text("on_gap")) request.on_gap = query::parse_on_gap(*value).value();
  if (const auto value = arguments.text("straddle")) request.straddle = query::parse_straddle(*value).value();
  if (const auto value = arguments.text("fill")) request.fill = query::parse_fill(*value).value();
  return request;
}

bool matches(std::string_view if_none_match, std::string_view etag) {
  return if_none_match == "*" || if_none_match.find(etag) != std::string_view::npos;
}

Reply bars(MarketData& data, const Call& call, const ApiOptions& options, const std::stop_token& stop) {
  const auto format = choose_format(call.arguments.text("format"), net::find_header(call.request.headers, "Accept"));
  if (!format)
    return problem(406, ErrorCode::invalid_argument,
                   "Accept names no form we have: application/json, text/csv, application/vnd.apache.arrow.stream",
                   {call.request_id, false});
  const auto request = read_request(call.arguments, options);
  if (!request) return std::unexpected{request.error()};
  // A client that left must not keep a worker busy with its fetch; what was fetched is kept.
  std::stop_source either;
  const auto end = [&either] { either.request_stop(); };
  const std::stop_callback at_shutdown{stop, end};
  const std::stop_callback when_gone{call.request.gone, end};
  auto read = data.read(*request, {}, either.get_token());
  if (!read) return std::unexpected{std::move(read).error()};
  const auto answer = std::make_shared<const query::Answer>(*std::move(read));

  const auto etag = fmt::format("\"{}-{}\"", answer->etag, static_cast<int>(*format));
  const auto if_none_match = net::find_header(call.request.headers, "If-None-Match");
  net::ServerReply reply;
  if (if_none_match && matches(*if_none_match, etag)) {
    reply.status = 304;
  } else {
    auto rendered = render(answer, *format);
    if (!rendered) return rendered;
    reply = *std::move(rendered);
  }
  reply.headers.emplace_back("ETag", etag);
  reply.headers.emplace_back("Cache-Control", "no-cache");
  reply.headers.emplace_back("Vary", "Accept");
  return reply;
}

Parameter day_start() {
  auto one = text("day_start", "UTC time of day at which 1d, 1w and 1M begin; they are derived then", "08:00");
  one.pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$";
  one.accepts = [](std::string_view value) { return query::parse_day_start(value).has_value(); };
  return one;
}

Route bars_route(std::shared_ptr<MarketData> data, const ApiOptions& options, const std::stop_token& stop) {
  Route route;
  route.method = "GET";
  route.path = "/api/v1/ohlcv";
  route.summary = "Bars of one series, oldest first. What the store lacks is fetched first.";
  route.parameters = {
      required(name("exchange", "exchange", "bybit")),
      required(text("symbol",
                    "symbol: the exchange's own, bybit.linear.BTCUSDT, or BTC/USDT:USDT; :mark behind it is price_kind",
                    "BTCUSDT")),
      required(word("timeframe", "length of a bar", timeframes())),
      name("market", "market; the exchange's default when absent", "linear"),
      word("price_kind", "what the prices are", {"last", "mark", "index", "premium"}),
      time("start", "first bar: a date, an RFC 3339 instant or integer milliseconds", "2023-01-01"),
      time("end", "a date means the whole day, an instant is excluded; the last closed bar when absent", "2023-01-31"),
      text("columns", "comma-separated stored columns, or all", "open,close"),
      word("layer", "validated bars, or raw text as the exchange sent it", {"validated", "raw"}),
      word("fetch", "auto fetches what is missing, never answers from what is held", {"auto", "never"}),
      word("on_gap", "raise answers 409 when bars are missing", {"raise", "warn", "ignore", "by_cause"}),
      word("straddle", "keep a longer bar that crosses the end", {"withhold", "keep"}),
      day_start(),
      word("fill", "fill missing bars; filled ones carry a flag", {"none", "nan", "ffill"}),
      {.name = "include_open", .kind = Kind::flag, .meaning = "provisional bars too"},
      time("as_of", "what was known then"),
      {.name = "min_quality",
       .kind = Kind::number,
       .meaning = "days below it are gaps of low quality",
       .minimum = 0,
       .maximum = 1},
      word("format", "wins over Accept", {"json", "columns", "csv", "arrow"}),
      integer("limit", "rows of a page", 1, options.page_rows),
      text("cursor", "next_cursor of the page before"),
  };
  route.answers = {{200, "application/json", "Bars"},
                   {200, "text/csv", ""},
                   {200, "application/vnd.apache.arrow.stream", ""},
                   {304, "", ""}};
  route.errors = {ErrorCode::unknown_symbol, ErrorCode::incomplete_data, ErrorCode::rate_limited,
                  ErrorCode::storage_full};
  route.handle = [data = std::move(data), options, stop](const Call& call) { return bars(*data, call, options, stop); };
  return route;
}

// ---- catalogue, coverage, gaps

Reply instruments(MarketData& data, const Call& call, const std::stop_token& stop) {
  const auto& arguments = call.arguments;
  if (const auto symbol = arguments.text("symbol")) {
    const auto found = data.instrument(arguments.required("exchange"), *symbol, arguments.text("market"), stop);
    if (!found) return std::unexpected{found.error()};
    return list_reply<Instrument>("instruments", {*found}, arguments, document_of);
  }
  query::InstrumentsRequest request{.exchange = arguments.required("exchange"),
                                    .market = arguments.text("market"),
                                    .pattern = arguments.text("pattern"),
                                    .as_of = arguments.text("as_of"),
                                    .active_only = arguments.flag("active_only")};
  const auto found = data.instruments(request, stop);
  if (!found) return std::unexpected{found.error()};
  return list_reply<Instrument>("instruments", *found, arguments, document_of);
}

Route get(std::string_view path, std::string_view summary, std::string_view schema, std::vector<Parameter> parameters,
          std::function<Reply(const Call&)> handle) {
  Route route;
  route.method = "GET";
  route.path = path;
  route.summary = summary;
  route.parameters = std::move(parameters);
  route.answers = {{200, "application/json", schema}};
  route.errors = {ErrorCode::not_found, ErrorCode::rate_limited};
  route.handle = std::move(handle);
  return route;
}

Route instruments_route(std::shared_ptr<MarketData> data, const std::stop_token& stop) {
  return get("/api/v1/instruments", "Instruments of an exchange, the dead included", "Instruments",
             {required(name("exchange", "exchange", "bybit")),
              name("market", "market", "linear"),
              text("symbol", "only this one, resolved as a read resolves it", "BTCUSDT"),
              text("pattern", "glob over symbols, any case", "BTC*"),
              time("as_of", "the universe of that day"),
              {.name = "active_only", .kind = Kind::flag, .meaning = "only what trades now"},
              list_limit(),
              list_cursor()},
             [data = std::move(data), stop](const Call& call) { return instruments(*data, call, stop); });
}

Route series_route(std::shared_ptr<MarketData> data) {
  return get("/api/v1/series", "Stored series", "SeriesList", {series_list(), list_limit(), list_cursor()},
             [data = std::move(data)](const Call& call) -> Reply {
               const auto found = data->list(call.arguments.all("series"));
               if (!found) return std::unexpected{found.error()};
               return list_reply<query::SeriesInfo>("series", *found, call.arguments, document_of);
             });
}

Route coverage_route(std::shared_ptr<MarketData> data) {
  return get("/api/v1/coverage", "What is held of what there should be", "CoverageList",
             {series_list(), time("start", "of the range"), time("end", "of the range"), list_limit(), list_cursor()},
             [data = std::move(data)](const Call& call) -> Reply {
               const auto& arguments = call.arguments;
               const auto found =
                   data->coverage(arguments.all("series"), arguments.text("start"), arguments.text("end"));
               if (!found) return std::unexpected{found.error()};
               return list_reply<query::Coverage>("coverage", *found, arguments, document_of);
             });
}

Route gaps_route(std::shared_ptr<MarketData> data) {
  return get("/api/v1/gaps", "Expected bars that are absent, with causes", "GapList",
             {series_list(), time("start", "of the range"), time("end", "of the range"), list_limit(), list_cursor()},
             [data = std::move(data)](const Call& call) -> Reply {
               const auto& arguments = call.arguments;
               const auto found = data->gaps(arguments.all("series"), arguments.text("start"), arguments.text("end"));
               if (!found) return std::unexpected{found.error()};
               return list_reply<Gap>("gaps", *found, arguments, document_of);
             });
}

Route accept_route(std::shared_ptr<MarketData> data, const std::stop_token& stop) {
  Route route;
  route.method = "POST";
  route.path = "/api/v1/gaps/accept";
  route.summary = "Say that the gaps in a range (START..END) are to be lived with, and why";
  route.body_schema = "AcceptRequest";
  route.answers = {{200, "application/json", "Accepted"}};
  route.errors = {ErrorCode::not_found};
  route.handle = [data = std::move(data), stop](const Call& call) -> Reply {
    const auto body = Body::parse(call.request, {"series", "range", "reason"});
    if (!body) return std::unexpected{body.error()};
    const auto name = body->text("series"), range = body->text("range"), reason = body->text("reason");
    if (!name) return std::unexpected{name.error()};
    if (!range) return std::unexpected{range.error()};
    if (!reason) return std::unexpected{reason.error()};
    const auto series = Series::parse(*name);
    if (!series) return std::unexpected{series.error()};
    const auto accepted = data->accept_gaps(*series, *range, *reason, stop);
    if (!accepted) return std::unexpected{accepted.error()};
    return json_reply({{"accepted", *accepted}});
  };
  return route;
}

// ---- backfills

Route estimate_route(std::shared_ptr<MarketData> data, const std::stop_token& stop) {
  auto one = required(text("series", "one series", "bybit.linear.BTCUSDT@1h"));
  one.pattern = kSeriesPattern;
  one.accepts = [](std::string_view series) { return Series::parse(series).has_value(); };
  return get("/api/v1/estimate", "What a backfill would cost", "Estimate",
             {std::move(one), time("start", "of the range", "2023-01-01"), time("end", "of the range", "2023-01-31")},
             [data = std::move(data), stop](const Call& call) -> Reply {
               const auto& arguments = call.arguments;
               const auto series = Series::parse(arguments.required("series"));
               if (!series) return std::unexpected{series.error()};
               const auto estimate = data->estimate(*series, arguments.text("start"), arguments.text("end"), stop);
               if (!estimate) return std::unexpected{estimate.error()};
               return json_reply(document_of(*estimate));
             });
}

Reply add_backfill(MarketData& data, Jobs& jobs, const Call& call, const std::stop_token& stop) {
  const auto body = Body::parse(call.request, {"series", "start", "end"});
  if (!body) return std::unexpected{body.error()};
  const auto name = body->text("series");
  const auto start = body->optional_text("start"), end = body->optional_text("end");
  if (!name) return std::unexpected{name.error()};
  if (!start) return std::unexpected{start.error()};
  if (!end) return std::unexpected{end.error()};
  const auto series = Series::parse(*name);
  if (!series) return std::unexpected{series.error()};
  // Also the check of exchange, symbol, timeframe and range: a job that cannot work is never queued.
  const auto estimate = data.estimate(*series, *start, *end, stop);
  if (!estimate) return std::unexpected{estimate.error()};
  const auto job = jobs.add(JobRequest{*series, *start, *end}, estimate->missing_bars);
  if (!job) return std::unexpected{job.error()};
  auto reply = json_reply(document_of(*job), 202);
  reply.headers.emplace_back("Location", "/api/v1/backfills/" + job->id);
  return reply;
}

Route add_backfill_route(std::shared_ptr<MarketData> data, std::shared_ptr<Jobs> jobs, const std::stop_token& stop) {
  Route route;
  route.method = "POST";
  route.path = "/api/v1/backfills";
  route.summary = "Fetch what a range lacks; without start and end, from the watermark to now";
  route.body_schema = "BackfillRequest";
  route.answers = {{202, "application/json", "Backfill"}};
  route.errors = {ErrorCode::unknown_symbol, ErrorCode::rate_limited};
  route.handle = [data = std::move(data), jobs = std::move(jobs), stop](const Call& call) {
    return add_backfill(*data, *jobs, call, stop);
  };
  return route;
}

Route find_backfill_route(std::shared_ptr<Jobs> jobs) {
  return get("/api/v1/backfills/{id}", "Progress of a backfill", "Backfill", {},
             [jobs = std::move(jobs)](const Call& call) -> Reply {
               const auto job = jobs->find(call.path_argument);
               if (job) return json_reply(document_of(*job));
               return fail(ErrorCode::not_found,
                           fmt::format("there is no backfill {}; the newest are kept", call.path_argument), "id");
             });
}

// ---- operations

Route info_route(std::shared_ptr<MarketData> data) {
  return get("/api/v1/info", "Version, exchanges and backends", "Info", {},
             [data = std::move(data)](const Call&) -> Reply {
               const auto info = data->info();
               if (!info) return std::unexpected{info.error()};
               return json_reply({{"version", info->version},
                                  {"environment", info->environment},
                                  {"exchanges", info->exchanges},
                                  {"backends", info->backends}});
             });
}

std::vector<Route> operations(const std::shared_ptr<MarketData>& data, const ApiOptions& options) {
  const auto info = data->info();
  const auto version = info ? info->version : std::string{};
  auto health = get("/healthz", "That it runs, and what it is", "Health", {}, [=](const Call&) -> Reply {
    return json_reply({{"status", "ok"}, {"version", version}, {"environment", options.environment}});
  });
  auto live = get("/livez", "That it answers", "Status", {},
                  [](const Call&) -> Reply { return json_reply({{"status", "ok"}}); });
  auto ready = get("/readyz", "That it can serve: the store is open", "Status", {}, [=](const Call&) -> Reply {
    const auto state = options.ready ? options.ready() : Result<void>{};
    if (!state) return fail(ErrorCode::unavailable, state.error().message);
    return json_reply({{"status", "ready"}});
  });
  auto metrics = get("/metrics", "Prometheus text exposition", "", {}, [=](const Call&) -> Reply {
    net::ServerReply reply;
    reply.headers.emplace_back("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    reply.body = telemetry::exposition(options.environment);
    return reply;
  });
  metrics.answers = {{200, "text/plain", ""}};
  std::vector<Route> routes{std::move(health), std::move(live), std::move(ready), std::move(metrics)};
  for (auto& route : routes) route.errors.clear();
  return routes;
}

}  // namespace

std::vector<Route> public_routes(std::shared_ptr<MarketData> data, std::shared_ptr<Jobs> jobs,
                                 const ApiOptions& options, std::stop_token stop) {
  std::vector<Route> routes{bars_route(data, options, stop),
                            instruments_route(data, stop),
                            series_route(data),
                            coverage_route(data),
                            gaps_route(data),
                            accept_route(data, stop),
                            estimate_route(data, stop),
                            add_backfill_route(data, jobs, stop),
                            find_backfill_route(std::move(jobs)),
                            info_route(data)};
  for (auto& route : operations(data, options)) routes.push_back(std::move(route));
  return routes;
}

}  // namespace tdm::serve
