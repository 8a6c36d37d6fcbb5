#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace tdm::telemetry {

enum class Level : std::uint8_t { trace, debug, info, warn, error, off };

struct LogOptions {
  Level level = Level::info;
  bool json = false;          // one JSON object a line (production), else readable text
  std::string environment{};  // labels every line
};

// Before the first call everything below `warn` is dropped and the rest goes to stderr as text. Logs never go to
// stdout.
void configure_log(const LogOptions& options);
Level log_level();

// One structured line: a constant event text and its facts. Never a secret: callers pass none.
struct Field {
  std::string_view key;
  std::variant<std::string_view, std::int64_t, double, bool> value;
};
void log(Level level, std::string_view event, std::initializer_list<Field> fields = {});

}  // namespace tdm::telemetry
