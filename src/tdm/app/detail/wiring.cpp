#include "tdm/app/detail/wiring.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <mutex>
#include <set>

#include "tdm/app/engine.hpp"  // version
#include "tdm/sources/registry.hpp"
#include "tdm/store/registry.hpp"
#include "tdm/telemetry/log.hpp"

namespace tdm::app::detail {
namespace {

// An error of a room about a value that came from the file.
Error placed(const config::Config& config, Error error) {
  if (error.code != ErrorCode::invalid_argument) return error;
  auto at = config::error_at(config, error.parameter, error.message);
  at.suggestions = std::move(error.suggestions);
  return at;
}

void log_once(const std::string& exchange) {
  static std::mutex mutex;
  static std::set<std::string> logged;
  const std::lock_guard guard{mutex};
  if (logged.insert(exchange).second)
    telemetry::log(telemetry::Level::warn, "exchange is configured but not built in; its section is ignored",
                   {{"exchange", std::string_view{exchange}}});
}

sources::ConnectorOptions connector_options(const config::Config& config, const std::string& exchange,
                                            const store::Store& store) {
  sources::ConnectorOptions options;
  options.memory_file = store.quota_file();
  options.proxy = proxy_of_environment();
  const auto section = config.exchange_clients.find(exchange);
  if (section == config.exchange_clients.end()) return options;
  options.base_url = section->second.base_url.value_or("");
  options.history_url = section->second.history_url.value_or("");
  options.archive_url = section->second.archive_url.value_or("");
  options.rate_limit = section->second.rate_limit;
  for (const auto& [market, endpoint] : section->second.markets)
    if (endpoint.base_url) options.market_base_urls[market] = *endpoint.base_url;
  return options;
}

Result<void> check_default_market(const config::Config& config, const sources::Connector& connector) {
  const std::string exchange{connector.exchange()};
  const auto section = config.exchange_clients.find(exchange);
  if (section == config.exchange_clients.end() || !section->second.default_market) return {};
  if (sources::find_market(connector, *section->second.default_market) != nullptr) return {};
  std::vector<std::string> names;
  for (const auto& market : connector.markets()) names.push_back(market.name);
  return std::unexpected{config::error_at(config, fmt::format("exchange_clients.{}.default_market", exchange),
                                          fmt::format("{} has the markets {}", exchange, fmt::join(names, ", ")))};
}

std::vector<std::pair<std::string, std::string>> parse_alias(std::string_view exchange, std::string_view alias) {
  const auto* module = sources::find_exchange(exchange);
  return module == nullptr ? std::vector<std::pair<std::string, std::string>>{} : module->parse_alias(alias);
}

}  // namespace

std::optional<std::string> proxy_of_environment() {
  for (const char* name : {"HTTPS_PROXY", "https_proxy"})
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  return std::nullopt;
}

std::vector<std::string> exchange_names() {
  std::vector<std::string> names;
  for (const auto* module : sources::exchange_modules()) names.emplace_back(module->name);
  return names;
}

std::vector<std::string> backend_names() {
  std::vector<std::string> names;
  for (const auto* module : store::backend_modules()) names.emplace_back(module->name);
  return names;
}

Result<std::shared_ptr<store::Store>> open_store(const config::Config& config, const Clock& clock) {
  const auto& storage = config.storage;
  const auto* backend = store::find_backend(storage.type);
  if (backend == nullptr)
    return std::unexpected{config::error_at(
        config, "storage.type",
        fmt::format("the backend '{}' is not built in; there is {}", storage.type, fmt::join(backend_names(), ", ")))};
  store::StoreOptions options{.db_path = storage.db_path, .parquet_path = storage.parquet_path, .other = {}};
  for (const auto& [key, value] : {std::pair{"project_id", &storage.project_id},
                                   {"dataset", &storage.dataset},
                                   {"raw_table", &storage.raw_table},
                                   {"validated_table", &storage.validated_table},
                                   {"gcs_bucket", &storage.gcs_bucket}})
    if (!value->empty()) options.other[key] = *value;
  return backend->open(options, clock);
}

Result<ingest::Connectors> make_connectors(const config::Config& config, const store::Store& store,
                                           const boost::asio::any_io_executor& executor, const Clock& clock) {
  ingest::Connectors connectors;
  for (const auto* module : sources::exchange_modules()) {
    const std::string name{module->name};
    auto connector = module->make(connector_options(config, name, store), executor, clock);
    if (!connector) return std::unexpected{placed(config, std::move(connector).error())};
    if (auto right = check_default_market(config, **connector); !right) return std::unexpected{right.error()};
    connectors[name] = *std::move(connector);
  }
  for (const auto& [name, section] : config.exchange_clients)
    if (!connectors.contains(name)) log_once(name);
  return connectors;
}

Result<validate::RuleSet> make_rules(const config::Config& config) {
  std::map<std::string, validate::RuleSetting> settings;
  for (const auto& [id, rule] : config.validation.rules) {
    validate::RuleSetting setting{.enabled = rule.enabled, .severity = std::nullopt, .parameters = rule.parameters};
    if (rule.severity)
      for (const auto severity : {validate::Severity::reject, validate::Severity::flag, validate::Severity::warn})
        if (to_string(severity) == *rule.severity) setting.severity = severity;
    settings[id] = std::move(setting);
  }
  auto rules = validate::RuleSet::make(settings);
  if (!rules) return std::unexpected{placed(config, std::move(rules).error())};
  return rules;
}

ingest::IngestOptions ingest_options(const config::Config& config) {
  ingest::IngestOptions options;
  options.pages_in_flight = config.limits.pages_in_flight;
  options.lock_wait = config.limits.lock_timeout;
  options.settle_seconds = config.validation.settle_seconds;
  return options;
}

query::EngineOptions engine_options(const config::Config& config) {
  query::EngineOptions options;
  for (const auto& [exchange, section] : config.exchange_clients)
    if (section.default_market) options.default_market[exchange] = *section.default_market;
  options.read_through_bars = config.limits.read_through_bars;
  options.page_rows = config.limits.page_rows;
  options.version = version();
  options.environment = config.environment;
  options.exchanges = exchange_names();
  options.backends = backend_names();
  options.parse_alias = parse_alias;
  return options;
}

}  // namespace tdm::app::detail
