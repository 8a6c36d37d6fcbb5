#include "tdm/app/detail/logging.hpp"

namespace tdm::app::detail {

telemetry::Level log_level_of(std::string_view level) {
  using enum telemetry::Level;
  if (level == "trace") return trace;
  if (level == "debug") return debug;
  if (level == "warn") return warn;
  if (level == "error") return error;
  return info;
}

bool is_production(const config::Config& config) { return config.environment == "production"; }

telemetry::LogOptions log_options_of(const config::Config& config) {
  return {
      .level = log_level_of(config.api.log_level), .json = is_production(config), .environment = config.environment};
}

}  // namespace tdm::app::detail
