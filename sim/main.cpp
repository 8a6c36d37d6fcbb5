#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/binance/binance.hpp"
#include "sim/bybit/bybit.hpp"
#include "sim/deribit/deribit.hpp"
#include "sim/simulator.hpp"
#include "sim/truth_file.hpp"
#include "tdm/core/clock.hpp"
#include "tdm/net/http_server.hpp"

namespace tdm::sim {
namespace {

constexpr int kUsageError = 2;
constexpr std::chrono::milliseconds kDrain{1'000};

struct Options {
  std::uint16_t port = 0;
  std::string ready_file, truth, log, script, replay, instruments;
  std::uint64_t seed = 1;
  double speed = 1;
  std::string from = "2020-01-01";
  std::string now;
  std::vector<std::string> truth_timeframes, truth_symbols, truth_price_kinds;
  std::vector<std::string> exchanges;
};

constexpr std::string_view kExchanges[] = {"bybit", "binance", "deribit"};

void describe(CLI::App& app, Options& options) {
  app.add_option("--port", options.port, "port on 127.0.0.1; 0 takes a free one")->capture_default_str();
  app.add_option("--ready-file", options.ready_file, "written when it listens: {\"port\":…,\"base_urls\":{…}}");
  app.add_option("--seed", options.seed, "the same seed gives the same truth")->capture_default_str();
  app.add_option("--truth", options.truth, "Parquet file for the closed bars of every instrument");
  app.add_option("--truth-timeframes", options.truth_timeframes, "timeframes in it (1m)")->delimiter(',');
  app.add_option("--exchanges", options.exchanges, "which exchanges it simulates (all)")
      ->delimiter(',')
      ->check(CLI::IsMember(std::vector<std::string>(std::begin(kExchanges), std::end(kExchanges))));
  app.add_option("--truth-symbols", options.truth_symbols, "symbols or canonical names in it (all)")->delimiter(',');
  app.add_option("--truth-price-kinds", options.truth_price_kinds, "prices in it: last mark index premium (last)")
      ->delimiter(',');
  app.add_option("--log", options.log, "one JSON line per request");
  app.add_option("--script", options.script, "YAML file of faults and limits");
  app.add_option("--replay", options.replay, "folder of recorded answers that are served instead of the truth");
  app.add_option("--speed", options.speed, "how fast its clock goes; 0 stands still")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  app.add_option("--from", options.from, "no bar opens before")->capture_default_str();
  app.add_option("--now", options.now, "where its clock begins (the host's time)");
  app.add_option("--instruments", options.instruments, "YAML or JSON file of the instruments");
}

// Everything that the command line decided.
struct Setup {
  Options options;
  TimePoint from;
  TimePoint now;
  std::vector<Listing> listings;
  ScriptFile script;
  TruthSelection truth;
  std::unique_ptr<const bybit::Recordings> bybit_recordings;
  std::unique_ptr<const binance::Recordings> binance_recordings;
  std::unique_ptr<const deribit::Recordings> deribit_recordings;

  bool simulates(std::string_view exchange) const {
    return options.exchanges.empty() || std::ranges::find(options.exchanges, exchange) != options.exchanges.end();
  }
};

// The recordings of one exchange lie in the folder, or in one of its name below it.
std::string folder_of(const std::string& replay, std::string_view exchange) {
  const std::filesystem::path below = std::filesystem::path{replay} / exchange;
  return std::filesystem::is_directory(below) ? below.string() : replay;
}

// An exchange without recordings answers from the truth; a folder that has some for none is an error.
Result<void> load_recordings(Setup& setup) {
  const std::string& replay = setup.options.replay;
  if (replay.empty()) return {};
  auto of_bybit = bybit::Recordings::load(folder_of(replay, "bybit"));
  auto of_binance = binance::Recordings::load(folder_of(replay, "binance"));
  auto of_deribit = deribit::Recordings::load(folder_of(replay, "deribit"));
  const bool none = !of_bybit && !of_binance && !of_deribit;
  for (const Error* error : {of_bybit ? nullptr : &of_bybit.error(), of_binance ? nullptr : &of_binance.error(),
                             of_deribit ? nullptr : &of_deribit.error()}) {
    const bool damaged = error != nullptr && error->code == ErrorCode::corrupt_data;
    if (damaged || none) return std::unexpected{*error};
  }
  if (of_bybit) setup.bybit_recordings = *std::move(of_bybit);
  if (of_binance) setup.binance_recordings = *std::move(of_binance);
  if (of_deribit) setup.deribit_recordings = *std::move(of_deribit);
  return {};
}

Result<TimePoint> instant(const std::string& text, std::string_view parameter) {
  const auto bound = parse_time_bound(text, parameter);
  if (!bound) return std::unexpected{bound.error()};
  return bound->first;
}

Result<Setup> prepare(Options options) {
  Setup setup;
  setup.options = std::move(options);
  const Options& given = setup.options;
  const auto from = instant(given.from, "from");
  if (!from) return std::unexpected{from.error()};
  const auto now = given.now.empty() ? Result<TimePoint>{system_clock().now()} : instant(given.now, "now");
  if (!now) return std::unexpected{now.error()};
  setup.from = *from;
  setup.now = *now;
  auto listings = given.instruments.empty() ? default_listings() : load_listings(given.instruments);
  if (!listings) return std::unexpected{listings.error()};
  setup.listings = *std::move(listings);
  std::erase_if(setup.listings, [&](const Listing& listing) { return !setup.simulates(listing.id.exchange.text()); });
  if (!given.script.empty()) {
    auto script = load_script(given.script);
    if (!script) return std::unexpected{script.error()};
    setup.script = *std::move(script);
  }
  for (const std::string& name : given.truth_timeframes) {
    const auto timeframe = Timeframe::parse(name);
    if (!timeframe) return std::unexpected{timeframe.error()};
    setup.truth.timeframes.push_back(*timeframe);
  }
  setup.truth.symbols = given.truth_symbols;
  for (const std::string& name : given.truth_price_kinds) {
    const auto kind = parse_price_kind(name);
    if (!kind) return std::unexpected{kind.error()};
    setup.truth.price_kinds.push_back(*kind);
  }
  if (const auto loaded = load_recordings(setup); !loaded) return std::unexpected{loaded.error()};
  return setup;
}

Result<void> write_ready_file(const std::string& file, std::uint16_t port, const Simulator& simulator) {
  nlohmann::ordered_json ready{{"port", port}, {"base_urls", nlohmann::ordered_json::object()}};
  for (const std::string_view name : simulator.exchange_names()) {
    ready["base_urls"][std::string{name}] = fmt::format("http://127.0.0.1:{}/{}", port, name);
  }
  const std::string temporary = file + ".part";
  std::ofstream{temporary} << ready.dump() << '\n';
  std::error_code failure;
  std::filesystem::rename(temporary, file, failure);
  if (failure) return fail(ErrorCode::invalid_argument, fmt::format("{}: {}", file, failure.message()), "ready-file");
  return {};
}

// Blocks until the process is asked to end. The signals were blocked before any thread began.
void wait_for_end(const sigset_t& signals) {
  int received = 0;
  sigwait(&signals, &received);
}

TimePoint minute_of(TimePoint t) { return std::chrono::floor<std::chrono::minutes>(t); }

Result<void> run(Setup setup, const sigset_t& signals) {
  const Options& options = setup.options;
  const World world{std::move(setup.listings), options.seed, setup.from};
  if (!options.truth.empty()) {
    if (const auto rows = write_truth(world, setup.truth, setup.now, options.truth); !rows) {
      return std::unexpected{rows.error()};
    }
  }
  std::unique_ptr<RequestLog> log;
  if (!options.log.empty()) {
    auto opened = RequestLog::open(options.log);
    if (!opened) return std::unexpected{opened.error()};
    log = *std::move(opened);
  }

  const ExchangeClock clock{setup.now, options.speed};
  FaultPlan plan{setup.script.rules, options.seed};
  std::vector<std::unique_ptr<SimulatedExchange>> exchanges;
  if (setup.simulates("bybit")) {
    exchanges.push_back(std::make_unique<bybit::Bybit>(
        world, setup.script, options.speed, [&clock] { return clock.elapsed(); }, std::move(setup.bybit_recordings)));
  }
  if (setup.simulates("binance")) {
    exchanges.push_back(std::make_unique<binance::Binance>(
        world, setup.script, [&clock, start = setup.now] { return start + clock.elapsed(); },
        std::move(setup.binance_recordings)));
  }
  if (setup.simulates("deribit")) {
    exchanges.push_back(std::make_unique<deribit::Deribit>(
        world, setup.script, options.seed, [&clock, start = setup.now] { return start + clock.elapsed(); },
        std::move(setup.deribit_recordings)));
  }
  Simulator simulator{std::move(exchanges), clock, system_clock(), plan, log.get()};
  auto server = net::HttpServer::start(
      {.port = options.port}, [&simulator](const net::ServerRequest& request) { return simulator.reply(request); });
  if (!server) return std::unexpected{server.error()};
  if (!options.ready_file.empty()) {
    if (auto written = write_ready_file(options.ready_file, (*server)->port(), simulator); !written) return written;
  } else {
    fmt::print(stderr, "tdm-sim listens on http://127.0.0.1:{}\n", (*server)->port());
  }

  wait_for_end(signals);
  (*server)->drain(kDrain);
  const TimePoint now = clock.now();
  if (options.truth.empty() || minute_of(now) == minute_of(setup.now)) return {};  // nothing more has closed
  const auto rows = write_truth(world, setup.truth, now, options.truth);
  if (!rows) return std::unexpected{rows.error()};
  return {};
}

int main_with(int argc, char** argv) {
  CLI::App app{"A simulated exchange on this machine: market data from one seeded truth.", "tdm-sim"};
  Options options;
  describe(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : kUsageError;
  }
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  auto setup = prepare(std::move(options));
  if (!setup) {
    fmt::print(stderr, "tdm-sim: {}\n", setup.error().message);
    return kUsageError;
  }
  const auto done = run(*std::move(setup), signals);
  if (done) return 0;
  fmt::print(stderr, "tdm-sim: {}\n", done.error().message);
  return 1;
}

}  // namespace
}  // namespace tdm::sim

int main(int argc, char** argv) { return tdm::sim::main_with(argc, argv); }
