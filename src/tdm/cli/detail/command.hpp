#pragma once

#include <fmt/format.h>

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/cli/cli.hpp"

namespace tdm::cli::detail {

// What every command is given.
struct Context {
  const Services& services;
  const Streams& streams;
  std::stop_token stop;

  std::ostream& out() const { return streams.out; }
  std::ostream& err() const { return streams.err; }

  // One line for a person.
  template <class... Args>
  void say(fmt::format_string<Args...> text, Args&&... args) const {
    err() << "tdm: " << fmt::format(text, std::forward<Args>(args)...) << '\n' << std::flush;
  }
};

// Options that several commands have.
struct Common {
  DoorRequest door{};
  bool json = false;
};

struct Span {
  std::optional<std::string> start{};
  std::optional<std::string> end{};
};

struct BackfillOptions {
  Common common{};
  std::vector<std::string> patterns{};
  Span span{};
  bool dry_run = false;
};

struct UpdateOptions {
  Common common{};
  std::vector<std::string> patterns{};
};

struct QueryOptions {
  Common common{};
  std::string series{};
  Span span{};
  std::optional<std::string> format{};
  std::optional<std::string> output{};
  std::string layer = "validated";
  std::string fetch = "auto";
  std::string on_gap = "warn";
  std::optional<std::string> day_start{};
};

struct ExportOptions {
  Common common{};
  std::string format{};
  std::string series{};
  Span span{};
  std::optional<std::string> output{};
};

struct ImportOptions {
  Common common{};
  std::string file{};
  std::string series{};
  std::vector<std::string> columns{};      // ours=theirs
  std::optional<std::string> time_unit{};  // nothing: by the type, or by the size of the numbers
};

struct RemoveOptions {
  Common common{};
  std::string series{};
  bool raw = false;
  bool yes = false;
  bool dry_run = false;
};

struct InspectOptions {
  Common common{};
  std::vector<std::string> patterns{};
  Span span{};
};

struct AcceptOptions {
  Common common{};
  std::string series{};
  std::string range{};
  std::string reason{};
};

struct ConfigOptions {
  Common common{};
  std::optional<std::string> file{};
};

struct DecodeOptions {
  Common common{};
  std::string exchange{};
  std::string market{};
  std::string channel{};
  std::string target{};
  std::vector<std::string> files{};
};

struct ServeOptions {
  Common common{};
  std::optional<std::string> host{};
  std::optional<std::uint16_t> port{};
};

// The commands. Each writes its result and returns, or says why it could not.
Result<void> backfill(const Context& context, const BackfillOptions& options);
Result<void> update(const Context& context, const UpdateOptions& options);
Result<void> query_bars(const Context& context, const QueryOptions& options);
Result<void> export_bars(const Context& context, const ExportOptions& options);
Result<void> import_file(const Context& context, const ImportOptions& options);
Result<void> remove_series(const Context& context, const RemoveOptions& options);
Result<void> list(const Context& context, const InspectOptions& options);
Result<void> coverage(const Context& context, const InspectOptions& options);
Result<void> gaps(const Context& context, const InspectOptions& options);
Result<void> accept_gaps(const Context& context, const AcceptOptions& options);
Result<void> verify(const Context& context, const InspectOptions& options);
Result<void> check_config(const Context& context, const ConfigOptions& options);
Result<void> show_config(const Context& context, const ConfigOptions& options);
Result<void> show_schema(const Context& context, const ConfigOptions& options);
Result<void> decode(const Context& context, const DecodeOptions& options);
Result<void> serve(const Context& context, const ServeOptions& options);
Result<void> version(const Context& context, const Common& options);

// The door of a command; TDM_URL counts when it names neither a configuration nor an address.
DoorRequest door_of(const Context& context, const Common& common);
Result<std::shared_ptr<query::MarketData>> open(const Context& context, const Common& common);

}  // namespace tdm::cli::detail
