// tdm rm: a series out of the store, after somebody said yes.
#include <fnmatch.h>

#include <nlohmann/json.hpp>

#include "tdm/cli/detail/command.hpp"
#include "tdm/cli/detail/text.hpp"

namespace tdm::cli::detail {
namespace {

void print(const Context& context, const query::Removal& removal, bool dry_run) {
  context.out() << nlohmann::ordered_json{{"series", removal.series.text()},    {"dry_run", dry_run},
                                          {"bars", removal.gone.rows},          {"bytes", removal.gone.bytes},
                                          {"raw_rows", removal.gone.raw_rows},  {"raw_bytes", removal.gone.raw_bytes},
                                          {"kept_raw_rows", removal.kept_rows}, {"kept_raw_bytes", removal.kept_bytes}}
                       .dump()
                << '\n';
}

std::string sentence(const query::Removal& removal, std::string_view verb) {
  const auto& gone = removal.gone;
  auto text = fmt::format("{}: {} ({})", removal.series.text(), plural(gone.rows, "bar"), bytes_text(gone.bytes));
  if (gone.raw_rows > 0)
    text += fmt::format(" and {} ({})", plural(gone.raw_rows, "raw observation"), bytes_text(gone.raw_bytes));
  text += fmt::format(" {}", verb);
  if (removal.kept_rows > 0)
    text += fmt::format("; {} ({}) stay", plural(removal.kept_rows, "raw observation"), bytes_text(removal.kept_bytes));
  return text;
}

Result<void> ask(const Context& context, const query::Removal& removal) {
  if (!context.services.ask)
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}; standard input is no terminal, so nobody can be asked: say --yes, or --dry-run",
                            sentence(removal, "would go")),
                "yes");
  const auto answer = context.services.ask(
      fmt::format("{}. This cannot be undone. Remove? [y/N] ", sentence(removal, "would go")), context.stop);
  if (answer == "y" || answer == "yes" || answer == "Y" || answer == "YES") return {};
  return fail(ErrorCode::cancelled, "nothing was removed");
}

// A server or an update would begin it anew.
Result<void> warn_if_collected(const Context& context, const RemoveOptions& options, const std::string& name) {
  const auto config = config::load(door_of(context, options.common).config_path, context.services.environment);
  if (!config) return std::unexpected{config.error()};
  for (const auto& collect : config->collect)
    if (::fnmatch(collect.series.c_str(), name.c_str(), 0) == 0)
      context.say("the configuration collects {}: a server or the next tdm update begins {} anew", collect.series,
                  name);
  return {};
}

}  // namespace

Result<void> remove_series(const Context& context, const RemoveOptions& options) {
  const auto data = open(context, options.common);
  if (!data) return std::unexpected{data.error()};
  query::RemoveRequest request{.series = options.series, .with_raw = options.raw, .dry_run = true};
  auto removal = (*data)->remove(request, context.stop);
  if (!removal) return std::unexpected{std::move(removal).error()};
  if (!options.dry_run) {
    if (auto warned = warn_if_collected(context, options, removal->series.text()); !warned) return warned;
    if (!options.yes)
      if (auto agreed = ask(context, *removal); !agreed) return agreed;
    request.dry_run = false;
    removal = (*data)->remove(request, context.stop);
    if (!removal) return std::unexpected{std::move(removal).error()};
  }
  if (options.common.json)
    print(context, *removal, options.dry_run);
  else
    context.out() << sentence(*removal, options.dry_run ? "would go" : "removed") << '\n';
  return {};
}

}  // namespace tdm::cli::detail
