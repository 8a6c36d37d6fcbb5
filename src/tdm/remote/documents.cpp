#include "tdm/remote/detail/documents.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "tdm/core/clock.hpp"  // system_clock
#include "tdm/net/retry.hpp"   // parse_retry_after

namespace tdm::remote {
namespace {

// Thrown inside this file: a value that is there and means nothing.
class BadValue : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class T>
T value_or_throw(Result<T> result) {
  if (!result) throw BadValue{result.error().message};
  return *std::move(result);
}

std::optional<TimePoint> optional_ms(const Json& document, const char* key) {
  const auto found = document.find(key);
  if (found == document.end() || found->is_null()) return std::nullopt;
  return from_ms(found->get<std::int64_t>());
}

std::optional<std::string> optional_text(const Json& document, const char* key) {
  const auto found = document.find(key);
  if (found == document.end() || found->is_null()) return std::nullopt;
  return found->get<std::string>();
}

std::string text_or_empty(const Json& document, const char* key) { return optional_text(document, key).value_or(""); }

Series read_series(const Json& document) {
  return value_or_throw(Series::parse(document.at("series").get_ref<const std::string&>()));
}

TimeRange read_range(const Json& document) {
  return value_or_throw(TimeRange::make(from_ms(document.at("start").get<std::int64_t>()),
                                        from_ms(document.at("end").get<std::int64_t>())));
}

ErrorCode code_of_status(int status) {
  switch (status) {
    case 400:
    case 401:
    case 403:
    case 406:
    case 422: return ErrorCode::invalid_argument;
    case 404: return ErrorCode::not_found;
    case 429: return ErrorCode::rate_limited;
    case 408:
    case 502:
    case 503:
    case 504: return ErrorCode::unavailable;
    case 507: return ErrorCode::storage_full;
    default: return ErrorCode::internal;
  }
}

}  // namespace

std::optional<ErrorCode> parse_error_code(std::string_view name) {
  for (int number = 0; number <= static_cast<int>(ErrorCode::internal); ++number)
    if (const auto code = static_cast<ErrorCode>(number); to_string(code) == name) return code;
  return std::nullopt;
}

Result<Json> parse_document(std::string_view text) {
  auto document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object())
    return fail(ErrorCode::corrupt_data, fmt::format("the answer is not a JSON object: {}", text.substr(0, 80)));
  return document;
}

Error error_of_document(const Json& problem) {
  Error error;
  const auto text = [&](const char* key) {
    const auto found = problem.find(key);
    return found != problem.end() && found->is_string() ? found->get<std::string>() : std::string{};
  };
  error.code = parse_error_code(text("code")).value_or(ErrorCode::internal);
  error.message = problem.contains("detail") ? text("detail") : text("message");
  error.parameter = text("parameter");
  if (const auto found = problem.find("suggestions"); found != problem.end() && found->is_array())
    for (const auto& suggestion : *found)
      if (suggestion.is_string()) error.suggestions.push_back(suggestion.get<std::string>());
  if (const auto found = problem.find("retry_after_ms"); found != problem.end() && found->is_number_integer())
    error.retry_after = std::chrono::milliseconds{found->get<std::int64_t>()};
  if (error.code == ErrorCode::internal && !text("request_id").empty())
    error.message += fmt::format(" (request {})", text("request_id"));
  return error;
}

Error error_of(const net::HttpReply& reply, std::string url) {
  const auto document = parse_document(reply.body);
  Error error;
  if (document && document->contains("code") && parse_error_code(document->value("code", ""))) {
    error = error_of_document(*document);
  } else {
    error.code = code_of_status(reply.status);
    error.message = fmt::format("the server answered HTTP {} without a problem document", reply.status);
    if (reply.status == 401 || reply.status == 403) error.parameter = "api_key";
  }
  if (const auto header = net::find_header(reply.headers, "Retry-After"))
    error.retry_after = net::parse_retry_after(*header, system_clock().now());
  const auto request_id = net::find_header(reply.headers, "X-Request-Id");
  error.answer = HttpAnswer{reply.status, std::move(url), std::string{request_id.value_or("")}, reply.body};
  return error;
}

template <class T>
Result<T> read_document(const Json& document, T (*read)(const Json&)) {
  try {
    return read(document);
  } catch (const Json::exception& error) {
    return fail(ErrorCode::corrupt_data, fmt::format("the answer is not of the expected shape: {}", error.what()));
  } catch (const BadValue& bad) {
    return fail(ErrorCode::corrupt_data, fmt::format("the answer is not of the expected shape: {}", bad.what()));
  }
}

template Result<query::Provenance> read_document(const Json&, query::Provenance (*)(const Json&));
template Result<Gap> read_document(const Json&, Gap (*)(const Json&));
template Result<Instrument> read_document(const Json&, Instrument (*)(const Json&));
template Result<query::SeriesInfo> read_document(const Json&, query::SeriesInfo (*)(const Json&));
template Result<query::Coverage> read_document(const Json&, query::Coverage (*)(const Json&));
template Result<query::Estimate> read_document(const Json&, query::Estimate (*)(const Json&));
template Result<query::ServerInfo> read_document(const Json&, query::ServerInfo (*)(const Json&));
template Result<ingest::Progress> read_document(const Json&, ingest::Progress (*)(const Json&));
template Result<ingest::FillReport> read_document(const Json&, ingest::FillReport (*)(const Json&));
template Result<Job> read_document(const Json&, Job (*)(const Json&));
template Result<std::int64_t> read_document(const Json&, std::int64_t (*)(const Json&));
template Result<store::Resolution> read_document(const Json&, store::Resolution (*)(const Json&));
template Result<store::Footprint> read_document(const Json&, store::Footprint (*)(const Json&));

Gap read_gap(const Json& document) {
  return Gap{.id = document.at("id").get<std::int64_t>(),
             .series = read_series(document),
             .range = read_range(document),
             .bars = document.at("bars").get<std::int64_t>(),
             .cause = value_or_throw(parse_gap_cause(document.at("cause").get_ref<const std::string&>())),
             .evidence = text_or_empty(document, "evidence"),
             .state = value_or_throw(parse_gap_state(document.at("state").get_ref<const std::string&>())),
             .first_look = optional_ms(document, "first_look").value_or(TimePoint{}),
             .last_look = optional_ms(document, "last_look").value_or(TimePoint{}),
             .looks = document.value("looks", 0),
             .accepted_reason = text_or_empty(document, "accepted_reason")};
}

query::Provenance read_provenance(const Json& document) {
  query::Provenance provenance;
  provenance.instrument = document.at("instrument").get<std::string>();
  provenance.price_kind = document.at("price_kind").get<std::string>();
  provenance.timeframe = document.at("timeframe").get<std::string>();
  provenance.origin = text_or_empty(document, "origin");
  provenance.simulated = document.value("simulated", false);
  provenance.range = read_range(document.at("range"));
  provenance.dataset_version = document.at("dataset_version").get<std::int64_t>();
  provenance.rule_version = document.value("rule_version", 0);
  provenance.rows = document.at("rows").get<std::int64_t>();
  provenance.expected = document.at("expected").get<std::int64_t>();
  provenance.gap_count = document.at("gap_count").get<std::int64_t>();
  for (const auto& gap : document.at("gaps")) provenance.gaps.push_back(read_gap(gap));
  if (document.contains("sources"))
    provenance.sources = document.at("sources").get<std::map<std::string, std::int64_t>>();
  provenance.finality = text_or_empty(document, "finality");
  provenance.open_rule = text_or_empty(document, "open_rule");
  provenance.derived = optional_text(document, "derived");
  provenance.day_start = optional_text(document, "day_start");
  provenance.as_of = optional_text(document, "as_of");
  provenance.fetched = document.value("fetched", std::int64_t{0});
  if (document.contains("notes")) provenance.notes = document.at("notes").get<std::vector<std::string>>();
  return provenance;
}

Instrument read_instrument(const Json& document) {
  return Instrument{.id = value_or_throw(InstrumentId::parse(document.at("name").get_ref<const std::string&>())),
                    .base = text_or_empty(document, "base"),
                    .quote = text_or_empty(document, "quote"),
                    .settle = text_or_empty(document, "settle"),
                    .contract_type = text_or_empty(document, "contract_type"),
                    .status = text_or_empty(document, "status"),
                    .active = document.value("active", true),
                    .tick_size = text_or_empty(document, "tick_size"),
                    .lot_size = text_or_empty(document, "lot_size"),
                    .contract_size = text_or_empty(document, "contract_size"),
                    .launch_time = optional_ms(document, "launch_time"),
                    .delivery_time = optional_ms(document, "delivery_time"),
                    .valid_from = optional_ms(document, "valid_from"),
                    .valid_to = optional_ms(document, "valid_to"),
                    .details = text_or_empty(document, "details")};
}

query::SeriesInfo read_series_info(const Json& document) {
  return {.series = read_series(document),
          .first = optional_ms(document, "first"),
          .last = optional_ms(document, "last"),
          .watermark = optional_ms(document, "watermark"),
          .rows = document.at("rows").get<std::int64_t>(),
          .bytes = document.value("bytes", std::int64_t{0}),
          .gaps = document.value("gaps", std::int64_t{0})};
}

query::Coverage read_coverage(const Json& document) {
  return {.series = read_series(document),
          .first = optional_ms(document, "first"),
          .last = optional_ms(document, "last"),
          .watermark = optional_ms(document, "watermark"),
          .expected = document.at("expected").get<std::int64_t>(),
          .present = document.at("present").get<std::int64_t>(),
          .confirmed = document.at("confirmed").get<std::int64_t>(),
          .gap_count = document.at("gap_count").get<std::int64_t>()};
}

query::Estimate read_estimate(const Json& document) {
  return {.series = read_series(document),
          .range = read_range(document),
          .bars = document.at("bars").get<std::int64_t>(),
          .missing_bars = document.at("missing_bars").get<std::int64_t>(),
          .requests = document.at("requests").get<std::int64_t>(),
          .bytes = document.at("bytes").get<std::int64_t>(),
          .seconds = document.at("seconds").get<double>(),
          .archive_files = document.value("archive_files", std::int64_t{0}),
          .archive_bars = document.value("archive_bars", std::int64_t{0})};
}

query::ServerInfo read_server_info(const Json& document) {
  return {.version = document.at("version").get<std::string>(),
          .environment = text_or_empty(document, "environment"),
          .door = "http",
          .exchanges = document.at("exchanges").get<std::vector<std::string>>(),
          .backends = document.at("backends").get<std::vector<std::string>>()};
}

ingest::Progress read_progress(const Json& document) {
  return {.total_bars = document.at("total_bars").get<std::int64_t>(),
          .done_bars = document.at("done_bars").get<std::int64_t>(),
          .requests = document.value("requests", std::int64_t{0}),
          .bars_per_second = document.value("bars_per_second", 0.0),
          .eta_seconds = document.value("eta_seconds", 0.0),
          .planned = document.value("planned", false)};
}

ingest::FillReport read_report(const Json& document) {
  return {.fetched = document.at("fetched").get<std::int64_t>(),
          .stored = document.at("stored").get<std::int64_t>(),
          .revised = document.value("revised", std::int64_t{0}),
          .unchanged = document.value("unchanged", std::int64_t{0}),
          .rejected = document.value("rejected", std::int64_t{0}),
          .requests = document.value("requests", std::int64_t{0}),
          .exchange_time = from_us(document.value("exchange_time_us", std::int64_t{0}))};
}

Job read_job(const Json& document) {
  Job job;
  job.id = document.at("id").get<std::string>();
  job.state = document.at("state").get<std::string>();
  job.expected = document.value("expected", std::int64_t{0});
  job.done = document.value("done", std::int64_t{0});
  if (const auto eta = document.find("eta_s"); eta != document.end() && eta->is_number())
    job.eta_seconds = eta->get<double>();
  if (const auto error = document.find("error"); error != document.end() && error->is_object())
    job.error = error_of_document(*error);
  return job;
}

std::int64_t read_accepted(const Json& document) { return document.at("accepted").get<std::int64_t>(); }

store::Footprint read_footprint(const Json& document) {
  return {.rows = document.at("rows").get<std::int64_t>(),
          .bytes = document.at("bytes").get<std::int64_t>(),
          .raw_rows = document.at("raw_rows").get<std::int64_t>(),
          .raw_bytes = document.at("raw_bytes").get<std::int64_t>()};
}

store::Resolution read_resolution(const Json& document) {
  return {.exchange = document.at("exchange").get<std::string>(),
          .symbol = document.at("symbol").get<std::string>(),
          .instrument = value_or_throw(InstrumentId::parse(document.at("instrument").get_ref<const std::string&>())),
          .decided_at = from_us(document.at("decided_at_us").get<std::int64_t>())};
}

}  // namespace tdm::remote
