#pragma once

#include "tdm/config/config.hpp"
#include "tdm/telemetry/log.hpp"

namespace tdm::app::detail {

// `level` is one of api.log_level as the loader leaves it.
telemetry::Level log_level_of(std::string_view level);
telemetry::LogOptions log_options_of(const config::Config& config);
bool is_production(const config::Config& config);

}  // namespace tdm::app::detail
