#include "tdm/telemetry/log.hpp"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <utility>

#include "tdm/core/clock.hpp"  // system_clock

namespace tdm::telemetry {
namespace {

using Json = nlohmann::ordered_json;

// What lines are written with. Never destroyed: a thread may still log while the process ends.
struct State {
  std::atomic<Level> level{Level::warn};
  std::atomic<std::shared_ptr<const LogOptions>> options{
      std::make_shared<LogOptions>(LogOptions{.level = Level::warn})};
  spdlog::logger logger{"tdm", std::make_shared<spdlog::sinks::stderr_sink_mt>()};

  State() {
    logger.set_pattern("%v");
    logger.set_level(spdlog::level::trace);  // what passes is decided by `level`
    logger.set_error_handler(
        [](const std::string&) {});  // a log that cannot be written must not become a second failure
  }
};

State& state() {
  static auto& state = *new State;
  return state;
}

std::string_view word(Level level) {
  switch (level) {
    case Level::trace: return "trace";
    case Level::debug: return "debug";
    case Level::info: return "info";
    case Level::warn: return "warn";
    case Level::error: return "error";
    case Level::off: return "off";
  }
  std::abort();  // not a level at all: memory is corrupt
}

spdlog::level::level_enum severity(Level level) {
  switch (level) {
    case Level::trace: return spdlog::level::trace;
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warn: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
    case Level::off: return spdlog::level::off;
  }
  std::abort();
}

// Bytes that are no text become U+FFFD, so whatever an exchange sent, a line stays one line that a program can read.
std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json value_of(const Field& field) {
  return std::visit(
      []<class T>(const T& value) -> Json {
        if constexpr (std::is_same_v<T, std::string_view>)
          return std::string{value};
        else
          return value;
      },
      field.value);
}

std::string json_line(const LogOptions& options, Level level, std::string_view event,
                      std::initializer_list<Field> fields) {
  Json line;
  line["time"] = to_iso(system_clock().now());
  line["level"] = word(level);
  line["event"] = std::string{event};
  if (!options.environment.empty()) line["environment"] = options.environment;
  for (const auto& field : fields) line.emplace(std::string{field.key}, value_of(field));  // never over one of ours
  return dump(line);
}

// Bare where it can be read unambiguously, quoted like JSON where not.
std::string plain(std::string_view text) {
  const bool bare = !text.empty() && std::ranges::all_of(text, [](char c) {
    return c > ' ' && c < 0x7F && c != '"' && c != '=' && c != '\\';
  });
  return bare ? std::string{text} : dump(Json(std::string{text}));
}

std::string text_line(const LogOptions& options, Level level, std::string_view event,
                      std::initializer_list<Field> fields) {
  auto line = fmt::format("{} {:5} {}", to_iso(system_clock().now()), word(level), event);
  for (const auto& field : fields) {
    const auto* text = std::get_if<std::string_view>(&field.value);
    line += fmt::format(" {}={}", field.key, text != nullptr ? plain(*text) : dump(value_of(field)));
  }
  if (!options.environment.empty()) line += " environment=" + plain(options.environment);
  return line;
}

}  // namespace

void configure_log(const LogOptions& options) {
  state().options.store(std::make_shared<const LogOptions>(options));
  state().level.store(options.level);
}

Level log_level() { return state().level.load(std::memory_order_relaxed); }

void log(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (level == Level::off || level < log_level()) return;
  const auto options = state().options.load();
  const auto line =
      options->json ? json_line(*options, level, event, fields) : text_line(*options, level, event, fields);
  state().logger.log(severity(level), spdlog::string_view_t{line});
}

}  // namespace tdm::telemetry
