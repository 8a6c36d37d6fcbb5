// list, coverage, gaps, verify: what the store has and what it lacks.
#include <nlohmann/json.hpp>

#include "tdm/cli/detail/command.hpp"
#include "tdm/cli/detail/text.hpp"

namespace tdm::cli::detail {
namespace {

using Json = nlohmann::ordered_json;
using enum Table::Align;

Json ms_or_null(const std::optional<TimePoint>& time) { return time ? Json(to_ms(*time)) : Json{}; }

void print(const Context& context, const Json& document) { context.out() << document.dump() << '\n'; }

Json to_document(const query::SeriesInfo& info) {
  return {{"series", info.series.text()},
          {"first", ms_or_null(info.first)},
          {"last", ms_or_null(info.last)},
          {"watermark", ms_or_null(info.watermark)},
          {"rows", info.rows},
          {"bytes", info.bytes},
          {"gaps", info.gaps}};
}

Json to_document(const query::Coverage& coverage) {
  return {{"series", coverage.series.text()},  {"first", ms_or_null(coverage.first)},
          {"last", ms_or_null(coverage.last)}, {"watermark", ms_or_null(coverage.watermark)},
          {"expected", coverage.expected},     {"present", coverage.present},
          {"confirmed", coverage.confirmed},   {"gap_count", coverage.gap_count}};
}

Json to_document(const Gap& gap) { return Json::parse(query::to_json(gap)); }

Json to_document(const query::CheckReport& report) {
  return {{"series", report.series.text()},
          {"segments", report.segments},
          {"rows", report.rows},
          {"problems", report.problems}};
}

template <class T>
Json to_documents(const std::vector<T>& items) {
  auto documents = Json::array();
  for (const auto& item : items) documents.push_back(to_document(item));
  return documents;
}

void print_table(const Context& context, const std::vector<query::SeriesInfo>& all) {
  Table table{{{"series"}, {"first"}, {"last"}, {"rows", right}, {"bytes", right}, {"gaps", right}}};
  for (const auto& info : all)
    table.add({info.series.text(), iso_or_dash(info.first), iso_or_dash(info.last), fmt::to_string(info.rows),
               fmt::to_string(info.bytes), fmt::to_string(info.gaps)});
  context.out() << table.text();
}

void print_table(const Context& context, const std::vector<query::Coverage>& all) {
  Table table{{{"series"},
               {"first"},
               {"last"},
               {"watermark"},
               {"expected", right},
               {"present", right},
               {"confirmed", right},
               {"gaps", right}}};
  for (const auto& coverage : all)
    table.add({coverage.series.text(), iso_or_dash(coverage.first), iso_or_dash(coverage.last),
               iso_or_dash(coverage.watermark), fmt::to_string(coverage.expected), fmt::to_string(coverage.present),
               fmt::to_string(coverage.confirmed), fmt::to_string(coverage.gap_count)});
  context.out() << table.text();
}

void print_table(const Context& context, const std::vector<Gap>& all) {
  Table table{{{"series"},
               {"start"},
               {"end"},
               {"bars", right},
               {"cause"},
               {"state"},
               {"looks", right},
               {"evidence"},
               {"accepted"}}};
  for (const auto& gap : all)
    table.add({gap.series.text(), to_iso(gap.range.begin()), to_iso(gap.range.end()), fmt::to_string(gap.bars),
               std::string{to_string(gap.cause)}, std::string{to_string(gap.state)}, fmt::to_string(gap.looks),
               gap.evidence, gap.accepted_reason});
  context.out() << table.text();
}

void print_table(const Context& context, const std::vector<query::CheckReport>& all) {
  Table table{{{"series"}, {"segments", right}, {"rows", right}, {"result"}}};
  for (const auto& report : all)
    table.add(
        {report.series.text(), fmt::to_string(report.segments), fmt::to_string(report.rows),
         report.problems.empty() ? "holds" : plural(static_cast<std::int64_t>(report.problems.size()), "problem")});
  context.out() << table.text();
  for (const auto& report : all)
    for (const auto& problem : report.problems) context.out() << report.series.text() << ": " << problem << '\n';
}

}  // namespace

Result<void> list(const Context& context, const InspectOptions& options) {
  const auto data = open(context, options.common);
  if (!data) return std::unexpected{data.error()};
  const auto all = (*data)->list(options.patterns);
  if (!all) return std::unexpected{all.error()};
  if (options.common.json)
    print(context, {{"series", to_documents(*all)}});
  else
    print_table(context, *all);
  return {};
}

Result<void> coverage(const Context& context, const InspectOptions& options) {
  const auto data = open(context, options.common);
  if (!data) return std::unexpected{data.error()};
  const auto all = (*data)->coverage(options.patterns, options.span.start, options.span.end);
  if (!all) return std::unexpected{all.error()};
  if (options.common.json)
    print(context, {{"coverage", to_documents(*all)}});
  else
    print_table(context, *all);
  return {};
}

Result<void> gaps(const Context& context, const InspectOptions& options) {
  const auto data = open(context, options.common);
  if (!data) return std::unexpected{data.error()};
  const auto all = (*data)->gaps(options.patterns, options.span.start, options.span.end);
  if (!all) return std::unexpected{all.error()};
  if (options.common.json)
    print(context, {{"gaps", to_documents(*all)}, {"next_cursor", nullptr}});
  else
    print_table(context, *all);
  return {};
}

Result<void> accept_gaps(const Context& context, const AcceptOptions& options) {
  const auto series = Series::parse(options.series);
  if (!series) return std::unexpected{series.error()};
  const auto data = open(context, options.common);
  if (!data) return std::unexpected{data.error()};
  const auto accepted = (*data)->accept_gaps(*series, options.range, options.reason, context.stop);
  if (!accepted) return std::unexpected{accepted.error()};
  if (options.common.json)
    print(context, {{"series", series->text()}, {"accepted", *accepted}});
  else
    context.out() << fmt::format("{}: {} accepted\n", series->text(), plural(*accepted, "gap"));
  return {};
}

Result<void> verify(const Context& context, const InspectOptions& options) {
  const auto data = open(context, options.common);
  if (!data) return std::unexpected{data.error()};
  const auto all = (*data)->verify(options.patterns);
  if (!all) return std::unexpected{all.error()};
  std::int64_t problems = 0;
  for (const auto& report : *all) problems += static_cast<std::int64_t>(report.problems.size());
  if (options.common.json)
    print(context, {{"ok", problems == 0}, {"series", to_documents(*all)}});
  else
    print_table(context, *all);
  if (problems > 0) return fail(ErrorCode::corrupt_data, fmt::format("{} found", plural(problems, "problem")));
  return {};
}

}  // namespace tdm::cli::detail
