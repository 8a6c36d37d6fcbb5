#include "tdm/app/server.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "tdm/app/detail/collector.hpp"
#include "tdm/app/detail/embedded.hpp"
#include "tdm/app/detail/logging.hpp"
#include "tdm/telemetry/log.hpp"

namespace tdm::app {
namespace {

using namespace std::chrono_literals;
using telemetry::Level;

// With what comes after it (closing the store) within the ten seconds that a supervisor waits.
constexpr std::size_t kWorkers = 16;  // a read that fetches keeps one for as long as the exchange takes
constexpr auto kGrace = 4s;           // for requests in flight to end by themselves; then they are told to
constexpr auto kDrain = 6s;           // until every connection is closed

void wait_for(const std::stop_token& stop, std::optional<std::chrono::milliseconds> longest = std::nullopt) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock{mutex};
  if (longest)
    never.wait_for(lock, stop, *longest, [] { return false; });
  else
    never.wait(lock, stop, [] { return false; });
}

bool is_open_to_all(std::string_view host) { return host == "0.0.0.0" || host == "::"; }

serve::ApiOptions api_options(const config::Config& config, const std::atomic<bool>& ending) {
  serve::ApiOptions options;
  options.environment = config.environment;
  options.hide_error_details = detail::is_production(config);
  options.page_rows = config.limits.page_rows;
  options.read_through_bars = config.limits.read_through_bars;
  options.ready = [&ending]() -> Result<void> {
    if (ending) return fail(ErrorCode::unavailable, "the server is ending");
    return {};
  };
  return options;
}

// What a supervisor asks while every worker waits for the exchange.
bool never_waits(const net::ServerRequest& request) {
  constexpr std::array<std::string_view, 4> kPaths{"/healthz", "/livez", "/readyz", "/metrics"};
  return std::ranges::find(kPaths, request.path) != kPaths.end();
}

net::ServerOptions server_options(const config::Config& config) {
  net::ServerOptions options;
  options.host = config.api.host;
  options.port = config.api.port;
  options.connections = static_cast<std::size_t>(config.limits.connections);
  options.header_bytes = static_cast<std::size_t>(config.limits.header_bytes);
  options.body_bytes = static_cast<std::size_t>(config.limits.body_bytes);
  options.write_timeout = config.limits.request_timeout;
  options.workers = kWorkers;
  options.quick = never_waits;
  return options;
}

void warn_about(const config::Config& config) {
  if (is_open_to_all(config.api.host))
    telemetry::log(Level::warn, "api.host is open to every network and asks for no key",
                   {{"host", std::string_view{config.api.host}}});
  if (config.cache.type != "memory")
    telemetry::log(Level::warn, "cache.type is not built in; answers are not cached",
                   {{"type", std::string_view{config.cache.type}}});
}

// The server keeps the lock for its life; when somebody has it already, the log says what is waited for.
Result<ingest::WriterHub::Lease> take_lock(detail::Embedded& embedded, const std::stop_token& stop) {
  const auto patience = embedded.config().limits.lock_timeout;
  const auto quiet = std::min<std::chrono::milliseconds>(patience, 1s);
  auto lease = embedded.hub().acquire(quiet, stop);
  if (lease || lease.error().code != ErrorCode::unavailable || quiet == patience) return lease;
  telemetry::log(Level::warn, "waiting: another process writes to this store",
                 {{"db_path", std::string_view{embedded.config().storage.db_path}},
                  {"seconds", std::chrono::duration<double>(patience).count()}});
  return embedded.hub().acquire(patience - quiet, stop);
}

// Requests in flight end by themselves, or with an answer that says why they could not, or are cut off.
void drain(net::HttpServer& server, serve::Api& api) {
  const std::jthread hurry{[&api](const std::stop_token& drained) {
    wait_for(drained, kGrace);
    api.stop();
  }};
  server.drain(kDrain);
}

}  // namespace

Result<void> run_server(config::Config config, const std::stop_token& stop,
                        const std::function<void(std::uint16_t port)>& on_listening) {
  telemetry::configure_log(detail::log_options_of(config));
  auto embedded = detail::Embedded::open(std::move(config));
  if (!embedded) return std::unexpected{std::move(embedded).error()};
  const auto& settings = (*embedded)->config();
  const auto lease = take_lock(**embedded, stop);
  if (!lease) return std::unexpected{lease.error()};

  std::atomic<bool> ending{false};
  serve::Api api{(*embedded)->shared_data(), api_options(settings, ending)};
  auto server = net::HttpServer::start(
      server_options(settings), [&api](const net::ServerRequest& request) { return api.handle(request); },
      [&api](int status, std::string_view detail) { return api.refuse(status, detail); });
  if (!server) return std::unexpected{std::move(server).error()};
  warn_about(settings);
  telemetry::log(Level::info, "listening",
                 {{"host", std::string_view{settings.api.host}}, {"port", std::int64_t{(*server)->port()}}});
  if (on_listening) on_listening((*server)->port());

  detail::Collector collector{(*embedded)->data(), settings.collect};
  wait_for(stop);
  telemetry::log(Level::info, "ending: requests in flight may finish");
  ending = true;
  collector.stop();
  (*embedded)->stop_listening();
  drain(**server, api);
  server->reset();
  telemetry::log(Level::info, "ended");
  return {};
}

}  // namespace tdm::app
