#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/error.hpp"  // Result

namespace tdm::config {

// The configuration file as typed values (design: Names that outside programs rely on; config/schema.json). Every key
// has an effect; defaults stand here and nowhere else.
struct Storage {
  std::string type;                                                         // duckdb | bigquery
  std::string db_path;                                                      // duckdb: required
  std::string parquet_path;                                                 // duckdb: required
  std::string project_id, dataset, raw_table, validated_table, gcs_bucket;  // bigquery: required
};
struct Cache {
  std::string type = "memory";  // memory | redis
  std::string host;
  std::uint16_t port = 6379;
  std::chrono::seconds ttl{600};
};
struct Api {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8000;
  std::string log_level = "info";  // trace debug info warn error; also warning and critical, any case
};
struct Endpoint {
  std::optional<std::string> base_url, ws_url;
};
struct ExchangeClient {
  std::optional<std::string> base_url, ws_url, archive_url, history_url;
  std::optional<double> rate_limit;  // requests per second, an even pace
  std::optional<std::string> default_market;
  std::map<std::string, Endpoint> markets;
};
struct Collect {
  std::string series;  // a series or a pattern
  std::string since;   // date or instant
  bool live = false;
};
struct Limits {
  std::int64_t read_through_bars = 2'000'000;
  std::int64_t page_rows = 100'000;  // default and maximum of `limit`
  std::int64_t connections = 1'024;
  std::int64_t header_bytes = 16'384;
  std::int64_t body_bytes = 1'048'576;
  std::chrono::milliseconds request_timeout{30'000};
  std::chrono::milliseconds lock_timeout{60'000};
  std::int64_t pages_in_flight = 128;  // pages asked for and not yet durable, per exchange
};
struct RuleSetting {
  std::optional<bool> enabled;
  std::optional<std::string> severity;  // reject | flag | warn
  std::map<std::string, double> parameters;
};
struct Validation {
  std::map<std::string, RuleSetting> rules;      // by rule id
  std::map<std::string, double> settle_seconds;  // by market name ("linear"), overrides the default
};

// Where a key stands in the file, counted from 1.
struct Place {
  int line = 1;
  int column = 1;
};

struct Config {
  std::string file;                         // as it was named; empty for built-in defaults
  std::string environment = "development";  // development | production | test ... any label
  Storage storage;
  Cache cache;
  Api api;
  std::map<std::string, ExchangeClient> exchange_clients;
  std::vector<Collect> collect;
  Limits limits;
  Validation validation;
  std::map<std::string, Place> places;  // of every key that the file holds, by its path: "storage.type"
};

// Reads and checks one file. Errors are ErrorCode::configuration and begin "configuration error: FILE:LINE:COLUMN:",
// name the nearest valid key or the expected type. `log_level_override` (LOG_LEVEL, any case) wins over api.log_level.
Result<Config> load_file(const std::string& path, const std::optional<std::string>& log_level_override = std::nullopt);
Result<Config> load_text(std::string_view text, std::string file_name,
                         const std::optional<std::string>& log_level_override = std::nullopt);

// A log level as the rest of the house spells it ("warn" for "WARNING"); nothing when it is none.
std::optional<std::string> normal_log_level(std::string_view text);

// The file a command or an embedded engine uses: `explicit_path`, else CONFIG_PATH, else ./config/local.yaml when it
// exists, else built-in defaults with data under TDM_HOME or the user's data directory. `getenv` is passed in for
// tests.
struct Environment {
  std::optional<std::string> config_path, log_level, tdm_home, home, xdg_data_home;
};
Environment environment_of_process();
Result<Config> load(const std::optional<std::string>& explicit_path, const Environment& environment);

// What only a later reader can judge ("this backend is not built in"), worded like the loader's own errors.
Error error_at(const Config& config, std::string_view key, std::string_view message);

// The whole configuration as YAML with every default written out (`tdm config show`).
std::string to_yaml(const Config& config);
std::string to_json(const Config& config);  // the same as one JSON object

// JSON Schema (2020-12) of the file: the text that config/schema.json must hold; made from the same table that the
// loader uses.
std::string json_schema();

}  // namespace tdm::config
