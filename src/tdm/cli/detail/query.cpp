// tdm query: one read, in the format that was asked for.
#include "tdm/cli/detail/command.hpp"
#include "tdm/cli/detail/output.hpp"
#include "tdm/cli/detail/text.hpp"
#include "tdm/cli/detail/write_answer.hpp"

namespace tdm::cli::detail {
namespace {

const std::vector<std::string> kFormats{"table", "csv", "json", "arrow", "parquet"};

Result<Format> format_of(const Context& context, const QueryOptions& options) {
  if (!options.format) return options.common.json ? Format::json : Format::table;
  const auto format = parse_format(*options.format);
  if (!format)
    return fail(ErrorCode::invalid_argument,
                fmt::format("format '{}' is not one of table, csv, json, arrow, parquet", *options.format), "format",
                nearest(*options.format, kFormats, 1));
  if (is_binary(*format) && !options.output && context.streams.out_is_terminal)
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} is not for a terminal; name a file with --output", *options.format), "output");
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

}  // namespace

Result<void> query_bars(const Context& context, const QueryOptions& options) {
  const auto format = format_of(context, options);
  if (!format) return std::unexpected{format.error()};
  const auto request = request_of(options);
  if (!request) return std::unexpected{request.error()};
  const auto data = open(context, options.common);
  if (!data) return std::unexpected{data.error()};
  auto answer = (*data)->read(*request, FetchNotice{context}, context.stop);
  if (!answer) return std::unexpected{std::move(answer).error()};
  auto output = Output::open(context, options.output);
  if (!output) return std::unexpected{output.error()};
  const auto kept = std::make_shared<const query::Answer>(*std::move(answer));
  if (auto written = write_answer(*format, kept, output->stream()); !written) return written;
  state(context, *kept);
  return output->commit();
}

}  // namespace tdm::cli::detail
