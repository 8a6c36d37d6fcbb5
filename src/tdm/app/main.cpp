// tdm: reads the command line, builds the rooms behind the door that a command needs, and hands them to it.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <malloc.h>
#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>
#include <string>

#include "tdm/app/detail/logging.hpp"
#include "tdm/app/detail/signals.hpp"
#include "tdm/app/detail/wiring.hpp"
#include "tdm/app/engine.hpp"
#include "tdm/app/server.hpp"
#include "tdm/cli/cli.hpp"
#include "tdm/sources/registry.hpp"

namespace tdm::app {
namespace {

Result<std::shared_ptr<query::MarketData>> open_door(const cli::DoorRequest& request) {
  OpenOptions options;
  options.url = request.url;
  options.config_path = request.config_path;
  auto door = Door::open(options);
  if (!door) return std::unexpected{std::move(door).error()};
  auto& data = (*door)->data();
  return std::shared_ptr<query::MarketData>{*std::move(door), &data};
}

// Ends within a moment of `stop`: no read waits for longer.
std::optional<std::string> ask(std::string_view question, const std::stop_token& stop) {
  constexpr int kMoment = 100;  // ms
  constexpr std::size_t kLongest = 256;
  std::cerr << question << std::flush;
  std::string line;
  while (!stop.stop_requested() && line.size() < kLongest) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (::poll(&input, 1, kMoment) <= 0) continue;
    char letter = 0;
    if (::read(STDIN_FILENO, &letter, 1) != 1) break;
    if (letter == '\n') return line;
    line += letter;
  }
  std::cerr << '\n' << std::flush;
  return std::nullopt;
}

Result<void> serve(const cli::ServeRequest& request, const std::stop_token& stop) {
  auto config = config::load(request.config_path, config::environment_of_process());
  if (!config) return std::unexpected{std::move(config).error()};
  if (request.host) config->api.host = *request.host;
  if (request.port) config->api.port = *request.port;
  return run_server(*std::move(config), stop);
}

Result<void> decode(const cli::Recording& recording, const cli::LineSink& sink) {
  const auto* module = sources::find_exchange(recording.exchange);
  if (module == nullptr) {
    const auto names = detail::exchange_names();
    return fail(ErrorCode::unknown_exchange,
                fmt::format("there is no exchange '{}'; there is {}", recording.exchange, fmt::join(names, ", ")),
                "exchange", nearest(recording.exchange, names, 1));
  }
  const sources::DecodeRequest request{recording.market, recording.channel, recording.target};
  module->decode(request, recording.document, recording.line, sink);
  return {};
}

// Commands are quiet unless LOG_LEVEL asks otherwise; the server logs as its configuration says.
void configure_log(const config::Environment& environment) {
  if (!environment.log_level) return;
  if (const auto level = config::normal_log_level(*environment.log_level))
    telemetry::configure_log({.level = detail::log_level_of(*level), .json = false, .environment = {}});
}

int run(int argc, char** argv) {
  const detail::Signals signals;
  std::ios::sync_with_stdio(false);
  cli::Services services;
  services.version = version();
  services.environment = config::environment_of_process();
  if (const char* url = std::getenv("TDM_URL"); url != nullptr && *url != '\0') services.default_url = url;
  services.open = open_door;
  if (::isatty(STDIN_FILENO) == 1) services.ask = ask;
  services.serve = serve;
  services.decode = decode;
  configure_log(services.environment);
  const cli::Streams streams{std::cout, std::cerr, ::isatty(STDOUT_FILENO) == 1, ::isatty(STDERR_FILENO) == 1};
  return cli::run(argc, argv, services, streams, signals.token());
}

}  // namespace
}  // namespace tdm::app

int main(int argc, char** argv) {
  // Batches are made on one thread and freed on another. With an arena per thread, Arrow's own pool, and large pieces
  // among the small ones, what was freed stays with the process: a server that fills four series at once then keeps
  // twice the memory.
  constexpr int kLargePiece = 256 << 10;
  ::mallopt(M_ARENA_MAX, 2);
  ::mallopt(M_MMAP_THRESHOLD, kLargePiece);
  ::mallopt(M_TRIM_THRESHOLD, kLargePiece);
  ::setenv("ARROW_DEFAULT_MEMORY_POOL", "system", /*overwrite=*/0);
  try {
    return tdm::app::run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "tdm: internal error: " << error.what() << '\n';
    return 1;
  }
}
