// The short commands: config, serve, version, and the door that the others open.
#include <nlohmann/json.hpp>

#include "tdm/cli/detail/command.hpp"

namespace tdm::cli::detail {

using Json = nlohmann::ordered_json;

DoorRequest door_of(const Context& context, const Common& common) {
  auto door = common.door;
  if (!door.url && !door.config_path) door.url = context.services.default_url;
  return door;
}

Result<std::shared_ptr<query::MarketData>> open(const Context& context, const Common& common) {
  return context.services.open(door_of(context, common));
}

namespace {

Result<config::Config> load(const Context& context, const ConfigOptions& options) {
  return config::load(options.file ? options.file : options.common.door.config_path, context.services.environment);
}

std::string name_of(const config::Config& config) { return config.file.empty() ? "built-in defaults" : config.file; }

}  // namespace

Result<void> check_config(const Context& context, const ConfigOptions& options) {
  const auto config = load(context, options);
  if (!config) return std::unexpected{config.error()};
  if (options.common.json)
    context.out() << Json{{"ok", true}, {"file", name_of(*config)}}.dump() << '\n';
  else
    context.out() << name_of(*config) << ": the form is right\n";
  return {};
}

Result<void> show_config(const Context& context, const ConfigOptions& options) {
  const auto config = load(context, options);
  if (!config) return std::unexpected{config.error()};
  if (options.common.json)
    context.out() << config::to_json(*config) << '\n';
  else
    context.out() << "# " << name_of(*config) << " with every default\n" << config::to_yaml(*config);
  return {};
}

Result<void> show_schema(const Context& context, const ConfigOptions&) {
  context.out() << config::json_schema();
  return {};
}

Result<void> serve(const Context& context, const ServeOptions& options) {
  return context.services.serve({options.common.door.config_path, options.host, options.port}, context.stop);
}

Result<void> version(const Context& context, const Common& options) {
  if (options.json)
    context.out() << Json{{"version", context.services.version}}.dump() << '\n';
  else
    context.out() << "tdm " << context.services.version << '\n';
  return {};
}

}  // namespace tdm::cli::detail
