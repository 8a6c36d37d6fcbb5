#include "tdm/cli/cli.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <deque>
#include <sstream>

#include "tdm/cli/detail/command.hpp"

namespace tdm::cli {
namespace {

using detail::Context;

constexpr int kUsage = 2;

int exit_status(ErrorCode code) {
  return code == ErrorCode::configuration || code == ErrorCode::invalid_argument ? kUsage : 1;
}

void print_error(std::ostream& err, const Error& error) {
  // A configuration error begins as it is written, so that editors find file and line.
  err << (error.code == ErrorCode::configuration ? "" : "tdm: ") << error.message;
  // Many messages name the suggestion themselves.
  if (!error.suggestions.empty() && error.message.find("did you mean") == std::string::npos) {
    err << (error.message.ends_with('.') ? " Did you mean " : "; did you mean ");
    for (std::size_t i = 0; i < error.suggestions.size(); ++i) err << (i == 0 ? "" : ", ") << error.suggestions[i];
    err << '?';
  }
  err << '\n' << std::flush;
}

// The commands with their options. CLI11 keeps references into it while it parses.
class CommandLine {
 public:
  explicit CommandLine(const Context& context) : context_{context} {
    app_.require_subcommand(1);
    app_.set_version_flag("--version", "tdm " + context.services.version);
    add_writing();
    add_reading();
    add_gaps();
    add_config();
    add_tools();
  }

  int run(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return report(error, argc, argv);
    }
    for (const auto& command : commands_)
      if (command.app->parsed() && command.app->get_subcommands().empty()) return finish(command.work());
    return kUsage;
  }

 private:
  struct Command {
    CLI::App* app;
    std::function<Result<void>()> work;
  };

  template <class Options>
  CLI::App& command(CLI::App& parent, const std::string& name, const std::string& meaning, Options& options,
                    Result<void> (*work)(const Context&, const Options&)) {
    auto* sub = parent.add_subcommand(name, meaning);
    commands_.push_back({sub, [this, &options, work] { return work(context_, options); }});
    return *sub;
  }

  static void add_config_option(CLI::App& sub, detail::Common& common) {
    sub.add_option("--config", common.door.config_path,
                   "The configuration file; else CONFIG_PATH, else config/local.yaml")
        ->type_name("FILE");
  }

  static void add_common(CLI::App& sub, detail::Common& common) {
    add_config_option(sub, common);
    sub.add_option("--url", common.door.url, "Ask the server at this address instead of opening a store")
        ->type_name("URL");
    sub.add_flag("--json", common.json, "Print JSON");
  }

  static void add_span(CLI::App& sub, detail::Span& span, bool start_required, bool end_required) {
    sub.add_option("--start", span.start, "First moment: a date, an RFC 3339 instant or integer milliseconds")
        ->type_name("T")
        ->required(start_required);
    sub.add_option("--end", span.end, "End: a date means the whole day, an instant is excluded")
        ->type_name("T")
        ->required(end_required);
  }

  static void add_patterns(CLI::App& sub, std::vector<std::string>& patterns, bool required) {
    sub.add_option("series", patterns, "Series or patterns, such as 'bybit.linear.*USDT@1m'")
        ->type_name("PATTERN")
        ->required(required);
  }

  void add_writing() {
    auto& serve = command(app_, "serve", "Run the server", serve_, detail::serve);
    add_config_option(serve, serve_.common);
    serve.add_option("--host", serve_.host, "Address to listen on")->type_name("H");
    serve.add_option("--port", serve_.port, "TCP port; 0 takes a free one")->type_name("P");

    auto& backfill = command(app_, "backfill", "Fetch history and store it", backfill_, detail::backfill);
    add_common(backfill, backfill_.common);
    add_patterns(backfill, backfill_.patterns, true);
    add_span(backfill, backfill_.span, true, false);
    backfill.add_flag("--dry-run", backfill_.dry_run, "Say requests, time and bytes, and stop there");

    auto& imported =
        command(app_, "import", "Store the bars of a file, judged like all others", import_, detail::import_file);
    add_config_option(imported, import_.common);
    imported.add_flag("--json", import_.common.json, "Print JSON");
    imported.add_option("file", import_.file, "CSV with a header line, Parquet, Feather or an Arrow stream")
        ->type_name("FILE")
        ->required();
    imported
        .add_option("--series", import_.series, "The series that the bars belong to, such as bybit.linear.BTCUSDT@1h")
        ->type_name("SERIES")
        ->required();
    imported.add_option("--column", import_.columns, "A column by name, such as open_time=ts; may be repeated")
        ->type_name("OURS=THEIRS");
    imported.add_option("--time-unit", import_.time_unit, "Unit of numeric times: s, ms, us or ns; else by their size")
        ->type_name("UNIT");

    auto& removed = command(app_, "rm", "Remove a series from the store", remove_, detail::remove_series);
    add_config_option(removed, remove_.common);
    removed.add_flag("--json", remove_.common.json, "Print JSON");
    removed.add_option("series", remove_.series, "The series by its whole name, such as bybit.linear.BTCUSDT@1h")
        ->type_name("SERIES")
        ->required();
    removed.add_flag("--yes", remove_.yes, "Do not ask");
    removed.add_flag("--dry-run", remove_.dry_run, "Say what would go, and stop there");
    removed.add_flag("--raw", remove_.raw,
                     "Remove its raw observations too: what an exchange no longer sends is then lost for ever");

    auto& update = command(app_, "update", "Fetch from each watermark to now", update_, detail::update);
    add_common(update, update_.common);
    add_patterns(update, update_.patterns, false);
  }

  void add_reading() {
    auto& query = command(app_, "query", "Read bars", query_, detail::query_bars);
    add_common(query, query_.common);
    query.add_option("series", query_.series, "The series, such as bybit.linear.BTCUSDT@1h")
        ->type_name("SERIES")
        ->required();
    add_span(query, query_.span, true, true);
    query.add_option("--format", query_.format, "table, csv, json, arrow or parquet")->type_name("FORMAT");
    query.add_option("--output", query_.output, "Write to this file instead of standard output")->type_name("FILE");
    query.add_option("--layer", query_.layer, "validated or raw")->capture_default_str()->type_name("LAYER");
    query.add_option("--fetch", query_.fetch, "auto fetches what the store lacks; never does not")
        ->capture_default_str()
        ->type_name("FETCH");
    query.add_option("--on-gap", query_.on_gap, "raise, warn or ignore")->capture_default_str()->type_name("ON_GAP");
    query.add_option("--day-start", query_.day_start, "UTC time of day at which 1d, 1w and 1M begin, such as 08:00")
        ->type_name("HH:MM");

    auto& exported =
        command(app_, "export", "Write stored bars with every column to a file", export_, detail::export_bars);
    add_common(exported, export_.common);
    exported.add_option("format", export_.format, "parquet, csv or feather")->type_name("FORMAT")->required();
    exported.add_option("series", export_.series, "The series, such as bybit.linear.BTCUSDT@1h")
        ->type_name("SERIES")
        ->required();
    add_span(exported, export_.span, false, false);
    exported.add_option("--output", export_.output, "Write to this file instead of standard output")->type_name("FILE");

    add_inspection("list", "Series with first, last, rows, bytes and gaps", list_, detail::list, false);
    add_inspection("coverage", "What the store has of each series", coverage_, detail::coverage, true);
    add_inspection("verify", "Check every segment, watermark and gap; changes nothing", verify_, detail::verify, false);
  }

  CLI::App& add_inspection(const std::string& name, const std::string& meaning, detail::InspectOptions& options,
                           Result<void> (*work)(const Context&, const detail::InspectOptions&), bool spans) {
    auto& sub = command(app_, name, meaning, options, work);
    add_common(sub, options.common);
    add_patterns(sub, options.patterns, false);
    if (spans) add_span(sub, options.span, false, false);
    return sub;
  }

  void add_gaps() {
    auto& gaps = add_inspection("gaps", "Absent bars and why they are absent", gaps_, detail::gaps, true);
    auto& accept = command(gaps, "accept", "Live with a gap, with a reason that is stored and shown", accept_,
                           detail::accept_gaps);
    add_common(accept, accept_.common);
    accept.add_option("series", accept_.series, "The series")->type_name("SERIES")->required();
    accept.add_option("range", accept_.range, "START..END, half-open")->type_name("RANGE")->required();
    accept.add_option("--reason", accept_.reason, "Why it is accepted")->type_name("TEXT")->required();
  }

  void add_config() {
    auto* config = app_.add_subcommand("config", "Judge or show a configuration");
    config->require_subcommand(1);
    const auto add = [&](const char* name, const char* meaning, auto work) {
      auto& options = config_.emplace_back();
      auto& sub = command(*config, name, meaning, options, +work);
      add_config_option(sub, options.common);
      sub.add_flag("--json", options.common.json, "Print JSON");
      sub.add_option("file", options.file, "The configuration file")->type_name("FILE");
    };
    add("check", "Say whether the file's form is right", detail::check_config);
    add("show", "Print the whole configuration with every default", detail::show_config);
    add("schema", "Print the JSON schema of the file", detail::show_schema);
  }

  void add_tools() {
    auto& decode =
        command(app_, "decode", "What a recording of an exchange means, as JSON lines", decode_, detail::decode);
    add_config_option(decode, decode_.common);
    decode.add_flag("--json", decode_.common.json, "JSON lines, as always");
    decode.add_option("exchange", decode_.exchange, "The exchange, such as bybit")->type_name("EXCHANGE")->required();
    decode.add_option("files", decode_.files, "Recordings: one JSON document each, or one a line; .gz is read")
        ->type_name("FILE")
        ->required();
    decode.add_option("--market", decode_.market, "The market, such as linear")->type_name("M")->required();
    decode.add_option("--channel", decode_.channel, "rest, ws or archive")->type_name("CHANNEL")->required();
    decode.add_option("--request", decode_.target, "Target of the request that was answered")->type_name("TARGET");

    auto& version = command(app_, "version", "Print the version", version_, detail::version);
    add_config_option(version, version_);
    version.add_flag("--json", version_.json, "Print JSON");
  }

  int finish(const Result<void>& result) {
    context_.out().flush();
    if (!result) {
      print_error(context_.err(), result.error());
      return exit_status(result.error().code);
    }
    if (context_.out()) return 0;
    context_.say("standard output cannot be written");
    return 1;
  }

  // Help and version are answers and go to standard output; everything else is a mistake in usage.
  int report(const CLI::ParseError& error, int argc, const char* const* argv) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
      app_.exit(error, context_.out(), context_.err());
      return 0;
    }
    print_error(context_.err(),
                {.code = ErrorCode::invalid_argument, .message = error.what(), .suggestions = suggest(argc, argv)});
    context_.say("{} --help says how it is used", invocation(argc, argv));
    return kUsage;
  }

  const CLI::App* named(std::string_view name) const {
    for (const auto* sub : app_.get_subcommands([](const CLI::App*) { return true; }))
      if (sub->get_name() == name) return sub;
    return nullptr;
  }

  std::string invocation(int argc, const char* const* argv) const {
    return argc > 1 && named(argv[1]) != nullptr ? fmt::format("tdm {}", argv[1]) : "tdm";
  }

  std::vector<std::string> suggest(int argc, const char* const* argv) const {
    if (argc < 2) return {};
    const auto* sub = named(argv[1]);
    if (sub == nullptr) {
      std::vector<std::string> names;
      for (const auto* known : app_.get_subcommands([](const CLI::App*) { return true; }))
        names.push_back(known->get_name());
      return nearest(argv[1], names, 1);
    }
    std::vector<std::string> options;
    for (const auto* option : sub->get_options())
      for (const auto& name : option->get_lnames()) options.push_back("--" + name);
    for (int i = 2; i < argc; ++i) {
      const std::string_view word = argv[i];
      const auto name = word.substr(0, word.find('='));
      if (name.starts_with("--") && std::ranges::count(options, name) == 0) return nearest(name, options, 1);
    }
    return {};
  }

  const Context& context_;
  CLI::App app_{"Trading Data Market: collects, proves, stores and serves market data", "tdm"};
  std::deque<Command> commands_;
  detail::ServeOptions serve_;
  detail::BackfillOptions backfill_;
  detail::UpdateOptions update_;
  detail::ImportOptions import_;
  detail::RemoveOptions remove_;
  detail::QueryOptions query_;
  detail::ExportOptions export_;
  detail::InspectOptions list_, coverage_, verify_, gaps_;
  detail::AcceptOptions accept_;
  std::deque<detail::ConfigOptions> config_;
  detail::DecodeOptions decode_;
  detail::Common version_;
};

}  // namespace

int run(int argc, const char* const* argv, const Services& services, const Streams& streams, std::stop_token stop) {
  const Context context{services, streams, std::move(stop)};
  CommandLine command_line{context};
  return command_line.run(argc, argv);
}

}  // namespace tdm::cli
