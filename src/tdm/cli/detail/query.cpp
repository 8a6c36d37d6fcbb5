// tdm query and tdm export: one read, in the format that was asked for.
#include <algorithm>

#include "tdm/cli/detail/command.hpp"
#include "tdm/cli/detail/output.hpp"
#include "tdm/cli/detail/text.hpp"
#include "tdm/cli/detail/write_answer.hpp"

namespace tdm::cli::detail {
namespace {

const std::vector<std::string> kFormats{"table", "csv", "json", "arrow", "parquet"};

const std::vector<std::string> kExportFormats{"parquet", "csv", "feather"};

Result<void> check_terminal(const Context& context, Format format, const std::string& name,
                            const std::optional<std::string>& output) {
  if (!is_binary(format) || output || !context.streams.out_is_terminal) return {};
  return fail(ErrorCode::invalid_argument, fmt::format("{} is not for a terminal; name a file with --output", name),
              "output");
}

Result<Format> export_format_of(const Context& context, const ExportOptions& options) {
  if (std::ranges::find(kExportFormats, options.format) == kExportFormats.end())
    return fail(ErrorCode::invalid_argument,
                fmt::format("format '{}' is not one of parquet, csv, feather", options.format), "format",
                nearest(options.format, kExportFormats, 1));
  const auto format = options.format == "feather" ? Format::feather : *parse_format(options.format);
  if (auto fits = check_terminal(context, format, options.format, options.output); !fits)
    return std::unexpected{fits.error()};
  return format;
}

Result<Format> format_of(const Context& context, const QueryOptions& options) {
  if (!options.format) return options.common.json ? Format::json : Format::table;
  const auto format = parse_format(*options.format);
  if (!format)
    return fail(ErrorCode::invalid_argument,
                fmt::format("format '{}' is not one of table, csv, json, arrow, parquet", *options.format), "format",
                nearest(*options.format, kFormats, 1));
  if (auto fits = check_terminal(context, *format, *options.format, options.output); !fits)
    return std::unexpected{fits.error()};
  return *format;
}

// The series is taken apart and not resolved: how a symbol may be written is the engine's knowledge.
Result<query::ReadRequest> request_of(const QueryOptions& options) {
  const auto series = Series::parse(options.series);
  if (!series) return std::unexpected{series.error()};
  const auto layer = query::parse_layer(options.layer);
  if (!layer) return std::unexpected{layer.error()};
  const auto fetch = query::parse_fetch(options.fetch);
  if (!fetch) return std::unexpected{fetch.error()};
  const auto on_gap = query::parse_on_gap(options.on_gap);
  if (!on_gap) return std::unexpected{on_gap.error()};
  query::ReadRequest request;
  request.exchange = series->instrument.exchange.text();
  request.market = series->instrument.market.text();
  request.symbol = series->instrument.symbol.text();
  request.price_kind = to_string(series->price_kind);
  request.timeframe = series->timeframe.name();
  request.start = options.span.start;
  request.end = options.span.end;
  request.layer = *layer;
  request.fetch = *fetch;
  request.on_gap = *on_gap;
  request.day_start = options.day_start;
  return request;
}

void state(const Context& context, const query::Answer& answer) {
  const auto& provenance = answer.provenance;
  context.say("{} {}: {} of {} expected, {}, {}{}", answer.series.text(), to_string(answer.range),
              plural(provenance.rows, "row"), count_text(provenance.expected), plural(provenance.gap_count, "gap"),
              provenance.fetched > 0 ? count_text(provenance.fetched) + " fetched" : "none fetched",
              provenance.simulated ? ", simulated" : "");
  if (provenance.derived) context.say("derived from {}", *provenance.derived);
  for (const auto& note : provenance.notes) context.say("note: {}", note);
  for (const auto& gap : answer.warn_gaps)
    context.say("warning: {} are absent in {}: {}", plural(gap.bars, "bar"), to_string(gap.range),
                to_string(gap.cause));
}

// A read says nothing for a while when it fetches; one line now and then shows that it lives.
class FetchNotice {
 public:
  explicit FetchNotice(const Context& context) : context_{context} {}
  void operator()(const ingest::Progress& progress) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::seconds{2}) return;
    last_ = now;
    context_.say("fetching: {} of {}", count_text(progress.done_bars), plural(progress.total_bars, "bar"));
  }

 private:
  const Context& context_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

Result<query::Answer> read(const Context& context, const Common& common, const query::ReadRequest& request) {
  const auto data = open(context, common);
  if (!data) return std::unexpected{data.error()};
  return (*data)->read(request, FetchNotice{context}, context.stop);
}

Result<void> write(const Context& context, Format format, query::Answer answer,
                   const std::optional<std::string>& path) {
  auto output = Output::open(context, path);
  if (!output) return std::unexpected{output.error()};
  const auto kept = std::make_shared<const query::Answer>(std::move(answer));
  if (auto written = write_answer(format, kept, output->stream()); !written) return written;
  state(context, *kept);
  return output->commit();
}

}  // namespace

Result<void> query_bars(const Context& context, const QueryOptions& options) {
  const auto format = format_of(context, options);
  if (!format) return std::unexpected{format.error()};
  const auto request = request_of(options);
  if (!request) return std::unexpected{request.error()};
  auto answer = read(context, options.common, *request);
  if (!answer) return std::unexpected{std::move(answer).error()};
  return write(context, *format, *std::move(answer), options.output);
}

Result<void> export_bars(const Context& context, const ExportOptions& options) {
  const auto format = export_format_of(context, options);
  if (!format) return std::unexpected{format.error()};
  auto request = request_of({.series = options.series, .span = options.span, .fetch = "never"});
  if (!request) return std::unexpected{request.error()};
  request->columns = {"all"};
  auto answer = read(context, options.common, *request);
  if (!answer) return std::unexpected{std::move(answer).error()};
  if (answer->frame.rows == 0)
    return fail(ErrorCode::not_found,
                fmt::format("nothing of {} is stored in {}; tdm backfill fetches it", answer->series.text(),
                            to_string(answer->range)),
                "series");
  return write(context, *format, *std::move(answer), options.output);
}

}  // namespace tdm::cli::detail
