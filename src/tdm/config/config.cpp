#include "tdm/config/config.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tdm/config/detail/document.hpp"
#include "tdm/config/detail/loader.hpp"

namespace tdm::config {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDefaultFile = "./config/local.yaml";

Error configuration_error(std::string_view file, Place place, std::string_view key, std::string_view message,
                          std::vector<std::string> suggestions = {}) {
  const std::string_view separator = key.empty() ? "" : ": ";
  return {.code = ErrorCode::configuration,
          .message = fmt::format("configuration error: {}:{}:{}: {}{}{}", file, place.line, place.column, key,
                                 separator, message),
          .parameter = std::string{key},
          .suggestions = std::move(suggestions)};
}

Result<std::string> read_file(const std::string& path) {
  const auto unreadable = [&](std::string_view why) {
    return std::unexpected{configuration_error(path, {}, "", fmt::format("cannot read the file: {}", why))};
  };
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return unreadable("it is a directory");
  errno = 0;
  std::ifstream stream{path, std::ios::binary};
  if (!stream) return unreadable(std::strerror(errno));
  std::string text(detail::kMaxFileBytes + 1, '\0');  // one more, so that a file that is too large shows
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return unreadable(std::strerror(errno));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return text;
}

Result<void> override_log_level(Config& config, const std::optional<std::string>& level) {
  if (!level) return {};
  const auto normal = normal_log_level(*level);
  if (!normal)
    return fail(ErrorCode::configuration,
                fmt::format("configuration error: LOG_LEVEL: expected trace, debug, info, warn or error in the "
                            "environment, found '{}'",
                            *level),
                "LOG_LEVEL");
  config.api.log_level = *normal;
  return {};
}

// The user's data directory (XDG base directories), or what TDM_HOME says.
Result<fs::path> data_directory(const Environment& environment) {
  if (environment.tdm_home) return fs::path{*environment.tdm_home};
  if (environment.xdg_data_home) return fs::path{*environment.xdg_data_home} / "trading-data-market";
  if (environment.home) return fs::path{*environment.home} / ".local" / "share" / "trading-data-market";
  return fail(ErrorCode::configuration,
              "configuration error: there is no configuration file and no home directory to keep data in; name a file "
              "with CONFIG_PATH or a directory with TDM_HOME");
}

Result<Config> built_in_defaults(const Environment& environment) {
  const auto directory = data_directory(environment);
  if (!directory) return std::unexpected{directory.error()};
  Config config;
  config.storage.type = "duckdb";
  config.storage.db_path = (*directory / "duckdb" / "market_data.db").string();
  config.storage.parquet_path = (*directory / "parquet").string();
  return config;
}

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>{value};
}

}  // namespace

Result<Config> load_text(std::string_view text, std::string file_name,
                         const std::optional<std::string>& log_level_override) {
  const auto root = detail::parse_document(text);
  if (!root) return std::unexpected{configuration_error(file_name, root.error().place, "", root.error().message)};
  auto config = detail::read_document(*root);
  if (!config) {
    auto& complaint = config.error();
    return std::unexpected{configuration_error(file_name, complaint.place, complaint.key, complaint.message,
                                               std::move(complaint.suggestions))};
  }
  config->file = std::move(file_name);
  if (auto done = override_log_level(*config, log_level_override); !done) return std::unexpected{done.error()};
  return *std::move(config);
}

Result<Config> load_file(const std::string& path, const std::optional<std::string>& log_level_override) {
  const auto text = read_file(path);
  if (!text) return std::unexpected{text.error()};
  return load_text(*text, path, log_level_override);
}

Environment environment_of_process() {
  return {.config_path = variable("CONFIG_PATH"),
          .log_level = variable("LOG_LEVEL"),
          .tdm_home = variable("TDM_HOME"),
          .home = variable("HOME"),
          .xdg_data_home = variable("XDG_DATA_HOME")};
}

Result<Config> load(const std::optional<std::string>& explicit_path, const Environment& environment) {
  const auto& named = explicit_path ? explicit_path : environment.config_path;
  if (named) return load_file(*named, environment.log_level);
  std::error_code ignored;
  if (fs::exists(kDefaultFile, ignored)) return load_file(kDefaultFile, environment.log_level);
  auto config = built_in_defaults(environment);
  if (!config) return config;
  if (auto done = override_log_level(*config, environment.log_level); !done) return std::unexpected{done.error()};
  return config;
}

Error error_at(const Config& config, std::string_view key, std::string_view message) {
  const auto place = config.places.find(std::string{key});
  const std::string_view file = config.file.empty() ? "built-in defaults" : std::string_view{config.file};
  return configuration_error(file, place == config.places.end() ? Place{} : place->second, key, message);
}

}  // namespace tdm::config
