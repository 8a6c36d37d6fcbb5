// tdm import: a file's bars on the road of all bars.
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "tdm/cli/detail/bar_file.hpp"
#include "tdm/cli/detail/command.hpp"
#include "tdm/cli/detail/progress.hpp"
#include "tdm/cli/detail/text.hpp"

namespace tdm::cli::detail {

Result<void> import_file(const Context& context, const ImportOptions& options) {
  auto series = Series::parse(options.series);
  if (!series) return std::unexpected{std::move(series).error()};
  auto file = read_bars(options.file, options.columns, options.time_unit);
  if (!file) return std::unexpected{std::move(file).error()};
  if (!file->ignored.empty()) context.say("columns that are not imported: {}", fmt::join(file->ignored, ", "));

  constexpr std::size_t kShown = 10;
  const auto doubts = doubts_of(*file, *series, kShown);
  for (const auto& line : doubts.lines) context.say("{}", line);
  if (const auto rest = doubts.count - static_cast<std::int64_t>(doubts.lines.size()); rest > 0)
    context.say("and {} more like these", count_text(rest));

  const auto data = open(context, options.common);
  if (!data) return std::unexpected{data.error()};
  const auto rows = static_cast<std::int64_t>(file->rows.size());
  const auto name = series->text();
  ProgressDisplay display{context, {rows}};
  auto report = (*data)->import_bars({.series = *std::move(series),
                                      .rows = std::move(file->rows),
                                      .on_progress = [&](const auto& progress) { display.update(0, progress); },
                                      .stop = context.stop});
  if (!report) {
    auto error = std::move(report).error();
    if (error.code == ErrorCode::cancelled) error.message += "; the same command goes on from there";
    return std::unexpected{std::move(error)};
  }
  display.finish(0);
  if (report->revised > 0)
    context.say("other values of {} are stored as revisions; as_of still reads those before",
                plural(report->revised, "confirmed bar"));
  if (report->rejected > 0)
    context.say("rejected rows are kept in quarantine with the rule that refused them; tdm gaps {} names the rules",
                name);
  const auto not_ended = rows - report->stored - report->unchanged - report->rejected;
  if (options.common.json) {
    context.out() << nlohmann::ordered_json{{"series", name},
                                            {"rows", rows},
                                            {"stored", report->stored},
                                            {"revised", report->revised},
                                            {"unchanged", report->unchanged},
                                            {"rejected", report->rejected},
                                            {"not_ended", not_ended}}
                         .dump()
                  << '\n';
    return {};
  }
  context.out() << fmt::format(
      "{}: {} read, {} stored, {} unchanged, {} rejected{}\n", name, plural(rows, "row"), count_text(report->stored),
      count_text(report->unchanged), count_text(report->rejected),
      not_ended > 0 ? fmt::format(", {} of bars that have not ended", count_text(not_ended)) : std::string{});
  return {};
}

}  // namespace tdm::cli::detail
