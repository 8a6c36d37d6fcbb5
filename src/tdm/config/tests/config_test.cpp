#include "tdm/config/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace tdm::config {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kSmall = "storage:\n  type: duckdb\n  db_path: a.db\n  parquet_path: lake\n";

std::string small_and(std::string_view more) { return std::string{kSmall} + std::string{more}; }

std::string source(std::string_view path) { return std::string{TDM_SOURCE_DIR} + "/" + std::string{path}; }

std::string content(const std::string& path) {
  std::ifstream stream{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{stream}, {}};
}

Config good(std::string_view text) {
  auto config = load_text(text, "f.yaml");
  EXPECT_TRUE(config) << (config ? "" : config.error().message);
  return config.value_or(Config{});
}

Error bad(std::string_view text) {
  const auto config = load_text(text, "f.yaml");
  EXPECT_FALSE(config) << text;
  return config ? Error{} : config.error();
}

class Folder {
 public:
  Folder() : path_{fs::temp_directory_path() / ("tdm_config_test_" + std::to_string(getpid()))} {
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  fs::path operator/(std::string_view name) const { return path_ / name; }

 private:
  fs::path path_;
};

TEST(Config, TheFilesThatUsersStartFromLoadUnchanged) {
  const auto local = load_file(source("config/local.yaml"));
  ASSERT_TRUE(local) << local.error().message;
  EXPECT_EQ(local->environment, "development");
  EXPECT_EQ(local->storage.type, "duckdb");
  EXPECT_EQ(local->storage.db_path, "./data/duckdb/market_data.db");
  EXPECT_EQ(local->storage.parquet_path, "./data/parquet");
  EXPECT_EQ(local->cache.type, "memory");
  EXPECT_EQ(local->cache.ttl, 600s);
  EXPECT_EQ(local->api.host, "0.0.0.0");
  EXPECT_EQ(local->api.port, 8000);
  EXPECT_EQ(local->api.log_level, "debug");
  EXPECT_EQ(local->exchange_clients.at("bybit").base_url, "https://api.bybit.com");
  EXPECT_EQ(local->exchange_clients.at("bybit").rate_limit, 10.0);

  const auto dev = load_file(source("config/dev.yaml"));
  ASSERT_TRUE(dev) << dev.error().message;
  EXPECT_EQ(dev->storage.type, "bigquery");
  EXPECT_EQ(dev->storage.gcs_bucket, "development-market-data");
  EXPECT_EQ(dev->cache.host, "redis-service");

  const auto prod = load_file(source("config/prod.yaml"));
  ASSERT_TRUE(prod) << prod.error().message;
  EXPECT_EQ(prod->environment, "production");
  EXPECT_EQ(prod->api.log_level, "warn");
  EXPECT_EQ(prod->exchange_clients.at("bybit").rate_limit, 20.0);
}

TEST(Config, TheFilesThatUsersStartFromAreTheOnesThatWereGiven) {
  const std::string seeds = std::string{TDM_SHARED_DIR} + "/seed-files/";
  if (!fs::exists(seeds)) GTEST_SKIP() << "needs ../shared";
  for (const char* file :
       {"config/local.yaml", "config/dev.yaml", "config/prod.yaml", "docker-compose.yml", "k8s/dev/deployment.yaml"})
    EXPECT_EQ(content(source(file)), content(seeds + file)) << file;
  EXPECT_EQ(content(source("examples/backtest_example.py")), content(seeds + "backtest_example.py"));
}

TEST(Config, WhatIsLeftOutHasItsDefault) {
  const auto config = good(kSmall);
  EXPECT_EQ(config.file, "f.yaml");
  EXPECT_EQ(config.environment, "development");
  EXPECT_EQ(config.api.host, "127.0.0.1");
  EXPECT_EQ(config.api.port, 8000);
  EXPECT_EQ(config.cache.ttl, 600s);
  EXPECT_EQ(config.limits.read_through_bars, 2'000'000);
  EXPECT_EQ(config.limits.lock_timeout, 60s);
  EXPECT_TRUE(config.exchange_clients.empty());
}

TEST(Config, EveryKeyReachesItsMember) {
  const auto config = good(small_and(R"(
environment: test-1
cache: {type: redis, host: redis-service, port: 6380, ttl_seconds: 5}
api: {host: "::1", port: 0, log_level: Error}
exchange_clients:
  bybit:
    base_url: http://127.0.0.1:9000/bybit
    ws_url: wss://stream.bybit.com
    archive_url: https://public.bybit.com
    history_url: https://history.example.com
    rate_limit: 110.5
    default_market: linear
    markets: {spot: {base_url: "https://spot.example.com", ws_url: "ws://spot.example.com"}}
  okx: {}
collect:
  - {series: bybit.linear.*USDT@1m, since: 2024-01-01, live: true}
  - {series: bybit.spot.BTCUSDT@1d, since: 1704067200000}
limits: {read_through_bars: 5, page_rows: 6, connections: 7, header_bytes: 2048, body_bytes: 4096,
         request_timeout_ms: 1500, lock_timeout_ms: 0, pages_in_flight: 8}
validation:
  rules: {T5: {enabled: false}, S2: {severity: flag, parameters: {tolerance: 0.5}}}
  settle_seconds: {linear: 90}
)"));
  EXPECT_EQ(config.environment, "test-1");
  EXPECT_EQ(config.cache.type, "redis");
  EXPECT_EQ(config.cache.host, "redis-service");
  EXPECT_EQ(config.cache.port, 6380);
  EXPECT_EQ(config.cache.ttl, 5s);
  EXPECT_EQ(config.api.host, "::1");
  EXPECT_EQ(config.api.port, 0);
  EXPECT_EQ(config.api.log_level, "error");
  const auto& bybit = config.exchange_clients.at("bybit");
  EXPECT_EQ(bybit.base_url, "http://127.0.0.1:9000/bybit");
  EXPECT_EQ(bybit.ws_url, "wss://stream.bybit.com");
  EXPECT_EQ(bybit.archive_url, "https://public.bybit.com");
  EXPECT_EQ(bybit.history_url, "https://history.example.com");
  EXPECT_EQ(bybit.rate_limit, 110.5);
  EXPECT_EQ(bybit.default_market, "linear");
  EXPECT_EQ(bybit.markets.at("spot").base_url, "https://spot.example.com");
  EXPECT_EQ(bybit.markets.at("spot").ws_url, "ws://spot.example.com");
  EXPECT_TRUE(config.exchange_clients.contains("okx"));
  ASSERT_EQ(config.collect.size(), 2u);
  EXPECT_EQ(config.collect[0].series, "bybit.linear.*USDT@1m");
  EXPECT_EQ(config.collect[0].since, "2024-01-01");
  EXPECT_TRUE(config.collect[0].live);
  EXPECT_EQ(config.collect[1].since, "1704067200000");
  EXPECT_FALSE(config.collect[1].live);
  EXPECT_EQ(config.limits.read_through_bars, 5);
  EXPECT_EQ(config.limits.page_rows, 6);
  EXPECT_EQ(config.limits.connections, 7);
  EXPECT_EQ(config.limits.header_bytes, 2048);
  EXPECT_EQ(config.limits.body_bytes, 4096);
  EXPECT_EQ(config.limits.request_timeout, 1500ms);
  EXPECT_EQ(config.limits.lock_timeout, 0ms);
  EXPECT_EQ(config.limits.pages_in_flight, 8);
  EXPECT_EQ(config.validation.rules.at("T5").enabled, false);
  EXPECT_EQ(config.validation.rules.at("S2").severity, "flag");
  EXPECT_EQ(config.validation.rules.at("S2").parameters.at("tolerance"), 0.5);
  EXPECT_EQ(config.validation.settle_seconds.at("linear"), 90.0);
}

TEST(Config, LogLevelIsReadInAnyCaseAndTheEnvironmentWins) {
  for (const auto& [text, level] : std::map<std::string, std::string>{{"trace", "trace"},
                                                                      {"DEBUG", "debug"},
                                                                      {"Info", "info"},
                                                                      {"WARNING", "warn"},
                                                                      {"warn", "warn"},
                                                                      {"ERROR", "error"},
                                                                      {"CRITICAL", "error"}}) {
    EXPECT_EQ(good(small_and("api: {log_level: " + text + "}")).api.log_level, level);
    EXPECT_EQ(load_text(small_and("api: {log_level: info}"), "f.yaml", text)->api.log_level, level);
  }
  const auto wrong = load_text(kSmall, "f.yaml", "loud");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::configuration);
  EXPECT_THAT(wrong.error().message, StartsWith("configuration error: LOG_LEVEL:"));
  EXPECT_THAT(wrong.error().message, HasSubstr("'loud'"));
}

struct Mistake {
  const char* text;
  const char* place;    // LINE:COLUMN
  const char* message;  // a part of it
};

void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.text; }

class Mistakes : public testing::TestWithParam<Mistake> {};

TEST_P(Mistakes, AreNamedWithTheirPlace) {
  const auto& [text, place, message] = GetParam();
  const auto error = bad(text);
  EXPECT_EQ(error.code, ErrorCode::configuration);
  EXPECT_THAT(error.message, StartsWith(std::string{"configuration error: f.yaml:"} + place + ":"));
  EXPECT_THAT(error.message, HasSubstr(message));
}

INSTANTIATE_TEST_SUITE_P(
    Config, Mistakes,
    testing::Values(
        Mistake{"", "1:1", "empty"}, Mistake{"# only a comment\n", "1:1", "empty"}, Mistake{"---\n", "1:1", "empty"},
        Mistake{"- a\n", "1:1", "expected a mapping, found a list"}, Mistake{"hello\n", "1:1", "found 'hello'"},
        Mistake{"environment: x\n", "1:1", "storage: this key is required"},
        Mistake{"storage:\n  db_path: a\n", "2:3", "storage.type: this key is required"},
        Mistake{"storage:\n  type: duckdb\n  db_path: a\n", "2:3", "storage.parquet_path: this key is required when"},
        Mistake{"storage:\n  type: duckdb\n  parquet_path: a\n", "2:3", "storage.db_path: this key is required when"},
        Mistake{"storage:\n", "1:1", "expected a mapping, found nothing"},
        Mistake{"storage:\n  type: duckdb\n  db_pth: a\n  parquet_path: b\n  db_path: c\n", "3:3",
                "did you mean 'db_path'?"},
        Mistake{"storage:\n  type: bigqery\n", "2:9", "did you mean 'bigquery'?"},
        Mistake{"storage:\n  type: postgres\n", "2:9", "expected one of duckdb, bigquery, found 'postgres'"},
        Mistake{"storage:\n  type: 7\n", "2:9", "found the number 7"},
        Mistake{"storage:\n\ttype: duckdb\n", "2:1", "tab"}, Mistake{"storage:\n  \ttype: duckdb\n", "2:3", "tab"},
        Mistake{"storage:\n  type: duckdb\n  db_path: a\n  db_path: b\n  parquet_path: c\n", "4:3",
                "twice; it was given on line 3"},
        Mistake{"storage: {type: duckdb\n", "2:1", ""}, Mistake{"storage: [\n", "2:1", ""},
        Mistake{"a: &x {b: c}\nd: *x\n", "1:4", "anchors"}, Mistake{"a: *x\n", "1:4", ""},
        Mistake{"a: !!int 5\n", "1:4", "tags"}, Mistake{"? [a, b]\n: c\n", "1:3", "a key must be plain text"},
        Mistake{"a: b\n---\nc: d\n", "1:1", "more than one document"},
        Mistake{"a: \x01\n", "1:1", "control characters"}, Mistake{"a: \xff\n", "1:1", "not UTF-8"},
        Mistake{"a: \xc0\x80\n", "1:1", "not UTF-8"}, Mistake{"a: \xed\xa0\x80\n", "1:1", "not UTF-8"},
        Mistake{"storage: {type: bigquery}\napi: {port: 65536}\n", "2:13",
                "expected a whole number from 0 to 65535, found the number 65536"},
        Mistake{"storage: {type: bigquery}\napi: {port: -1}\n", "2:13", "found the number -1"},
        Mistake{"storage: {type: bigquery}\napi: {port: eight}\n", "2:13", "found 'eight'"},
        Mistake{"storage: {type: bigquery}\napi: {port: \"8000\"}\n", "2:13", "found the text \"8000\""},
        Mistake{"storage: {type: bigquery}\napi: {port: 80.5}\n", "2:13", "expected a whole number"},
        Mistake{"storage: {type: bigquery}\napi: {port: 99999999999999999999}\n", "2:13", "expected a whole number"},
        Mistake{"storage: {type: bigquery}\napi: {port: [1]}\n", "2:13", "found a list"},
        Mistake{"storage: {type: bigquery}\napi: {port: }\n", "2:7", "found nothing"},
        Mistake{"storage: {type: bigquery}\napi: {log_level: loud}\n", "2:18", "expected one of trace"},
        Mistake{"storage: {type: bigquery}\napi: {auth: {}}\n", "2:7", "API keys are not built into this version"},
        Mistake{"storage: {type: bigquery}\napi: {tls: {}}\n", "2:7", "TLS is not built into"},
        Mistake{"storage: {type: bigquery}\nexchange_clients: {Bybit: {}}\n", "2:20", "the name of an exchange"},
        Mistake{"storage: {type: bigquery}\nexchange_clients: {bybit: {rate_limit: 0}}\n", "2:40", "a number above 0"},
        Mistake{"storage: {type: bigquery}\nexchange_clients: {bybit: {rate_limit: .nan}}\n", "2:40",
                "a number above 0"},
        Mistake{"storage: {type: bigquery}\nexchange_clients: {bybit: {rate_limit: 1e400}}\n", "2:40",
                "a number above 0"},
        Mistake{"storage: {type: bigquery}\nexchange_clients: {bybit: {base_url: bybit.com}}\n", "2:38",
                "an http:// or https://"},
        Mistake{"storage: {type: bigquery}\nexchange_clients: {bybit: {base_url: \"http://a?b=c\"}}\n", "2:38",
                "without a query"},
        Mistake{"storage: {type: bigquery}\nexchange_clients: {bybit: {rate_limt: 1}}\n", "2:28",
                "did you mean 'rate_limit'?"},
        Mistake{"storage: {type: bigquery}\ncollect: {}\n", "2:10", "expected a list, found a mapping"},
        Mistake{"storage: {type: bigquery}\ncollect: [{series: btc, since: 2024-01-01}]\n", "2:20",
                "a series or a pattern"},
        Mistake{"storage: {type: bigquery}\ncollect: [{series: a.b.c@1m, since: soon}]\n", "2:37", "a date"},
        Mistake{"storage: {type: bigquery}\ncollect: [{series: a.b.c@1m}]\n", "2:11", "since: this key is required"},
        Mistake{"storage: {type: bigquery}\nvalidation: {rules: {T5: {severity: deny}}}\n", "2:37",
                "expected one of reject"},
        Mistake{"storage: {type: bigquery}\nvalidation: {rules: {t5: {}}}\n", "2:22", "the id of a rule"},
        Mistake{"storage: {type: bigquery}\nlimits: {page_rows: 1000000000}\n", "2:21", "from 1 to 100000"},
        Mistake{"storage: {type: bigquery}\nlimits: {page_rows: 0}\n", "2:21", "from 1 to 100000"},
        Mistake{"storage: {type: bigquery}\nenvironment: a b\n", "2:14", "a label"},
        Mistake{"storage: {type: bigquery}\nnonsense_of_a_key: 1\n", "2:1",
                "unknown key; there are environment, storage"}));

TEST(Config, OfTwoMistakesTheFirstInTheFileIsNamed) {
  const auto error = bad("nonsense: 1\nstorage:\n  type: postgres\n");
  EXPECT_THAT(error.message, StartsWith("configuration error: f.yaml:1:1: nonsense:"));
}

TEST(Config, AnUnknownKeyCarriesItsNearestNeighbour) {
  const auto error = bad("storage:\n  type: duckdb\n  db_path: a\n  parquet_pth: b\n  parquet_path: b\n");
  EXPECT_EQ(error.suggestions, std::vector<std::string>{"parquet_path"});
  EXPECT_EQ(error.parameter, "storage.parquet_pth");
}

TEST(Config, DepthAndSizeHaveLimits) {
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += "{a: ";
  EXPECT_THAT(bad("a: " + deep).message, HasSubstr("nested deeper"));
  EXPECT_THAT(bad("a: " + std::string(2u << 20, 'x')).message, HasSubstr("larger than"));
  std::string wide;
  for (int i = 0; i < 5'000; ++i) wide += "k" + std::to_string(i) + ": 1\n";
  EXPECT_THAT(bad(wide).message, HasSubstr("more than 4096 keys"));
}

TEST(Config, AFileThatCannotBeReadIsNamed) {
  const auto absent = load_file("/no/such/file.yaml");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::configuration);
  EXPECT_THAT(absent.error().message,
              StartsWith("configuration error: /no/such/file.yaml:1:1: cannot read the file: No such"));
  EXPECT_THAT(load_file("/").error().message, HasSubstr("directory"));
}

TEST(Config, TheFileIsFoundInOrder) {
  const Folder folder;
  const auto file_of = [&](const char* name, const char* environment) {
    const auto path = (folder / name).string();
    std::ofstream{path} << kSmall << "environment: " << environment << "\n";
    return path;
  };
  const auto named = file_of("named.yaml", "named");
  const auto from_variable = file_of("variable.yaml", "variable");
  const auto here = fs::current_path();
  fs::create_directories(folder / "work" / "config");
  fs::current_path(folder / "work");

  Environment environment;
  environment.config_path = from_variable;
  environment.home = "/somebody";
  EXPECT_EQ(load(named, environment)->environment, "named");
  EXPECT_EQ(load(std::nullopt, environment)->environment, "variable");
  environment.config_path.reset();

  const auto built_in = load(std::nullopt, environment);
  ASSERT_TRUE(built_in);
  EXPECT_EQ(built_in->file, "");
  EXPECT_EQ(built_in->storage.db_path, "/somebody/.local/share/trading-data-market/duckdb/market_data.db");
  environment.xdg_data_home = "/xdg";
  EXPECT_EQ(load(std::nullopt, environment)->storage.parquet_path, "/xdg/trading-data-market/parquet");
  environment.tdm_home = "/tdm";
  EXPECT_EQ(load(std::nullopt, environment)->storage.parquet_path, "/tdm/parquet");
  environment.log_level = "DEBUG";
  EXPECT_EQ(load(std::nullopt, environment)->api.log_level, "debug");
  EXPECT_FALSE(load(std::nullopt, Environment{}));

  std::ofstream{"config/local.yaml"} << kSmall << "environment: local\n";
  EXPECT_EQ(load(std::nullopt, environment)->environment, "local");
  fs::current_path(here);
}

TEST(Config, LaterComplaintsNameTheSamePlace) {
  const auto config = good("storage:\n  type: bigquery\n");
  const auto error = error_at(config, "storage.type", "the backend is not built in");
  EXPECT_EQ(error.code, ErrorCode::configuration);
  EXPECT_EQ(error.message, "configuration error: f.yaml:2:3: storage.type: the backend is not built in");
}

TEST(Config, WhatIsShownLoadsAsTheSame) {
  auto config = good(small_and(R"(
environment: "true"
exchange_clients: {bybit: {base_url: "http://127.0.0.1:9000/bybit", rate_limit: 0.1, markets: {spot: {}}}}
collect: [{series: "bybit.linear.*USDT@1m", since: "2024-01-01"}, {series: a.b.c@1d, since: "2024", live: true}]
validation: {rules: {S2: {severity: flag, parameters: {t: 1e-9}}}}
)"));
  config.storage.db_path = "odd \"name\"\\: # é\n'x'";
  const auto shown = to_yaml(config);
  const auto again = load_text(shown, "shown");
  ASSERT_TRUE(again) << again.error().message << "\n" << shown;
  EXPECT_EQ(to_yaml(*again), shown);
  EXPECT_EQ(again->storage.db_path, config.storage.db_path);
  EXPECT_EQ(again->environment, "true");
  EXPECT_EQ(again->exchange_clients.at("bybit").rate_limit, 0.1);
  EXPECT_EQ(again->collect[1].live, true);
  EXPECT_EQ(again->validation.rules.at("S2").parameters.at("t"), 1e-9);
  EXPECT_EQ(json::parse(to_json(config))["limits"]["page_rows"], 100'000);
}

// ---- the schema

TEST(Schema, TheFileIsWhatTheTableSays) {
  EXPECT_EQ(content(source("config/schema.json")), json_schema())
      << "write it again with `tdm config schema > config/schema.json`";
}

// A sample of a value that the schema's entry allows, as YAML.
std::string allowed(const json& entry) {
  if (entry.contains("default")) return entry["default"].dump();
  if (entry.contains("enum")) return entry["enum"][0].dump();
  if (entry.contains("properties")) return "";
  const auto& type = entry["type"];
  if (type.is_array()) return "\"2024-01-01\"";
  if (type == "boolean") return "true";
  if (type == "number" || type == "integer") return entry.contains("maximum") ? entry["maximum"].dump() : "1";
  const auto pattern = entry.value("pattern", "");
  if (pattern.find("https?") != std::string::npos) return "\"http://a\"";
  if (pattern.find("wss?") != std::string::npos) return "\"ws://a\"";
  if (pattern.find('@') != std::string::npos) return "\"a.b.c@1m\"";
  return "\"abc\"";
}

// Every leaf of the schema is set in a file of its own: the loader takes an allowed value and refuses a wrong one at
// it.
void hold_leaf(const std::vector<std::string>& path, const json& entry) {
  const auto file_with = [&](const std::string& value) {
    json document = json::object();
    document["storage"] = {{"type", "duckdb"}, {"db_path", "a"}, {"parquet_path", "b"}};
    json* at = &document;
    for (const auto& part : path) at = part == "[]" ? &(*at)[0] : &(*at)[part];
    if (path.front() == "collect") document["collect"][0].update({{"series", "a.b.c@1m"}, {"since", "2024-01-01"}});
    *at = json::parse(value);
    return document.dump();
  };
  const auto name = json(path).dump();
  const auto right = load_text(file_with(allowed(entry)), "f");
  EXPECT_TRUE(right) << name << (right ? "" : right.error().message);
  EXPECT_FALSE(load_text(file_with("[[]]"), "f")) << name;
  EXPECT_FALSE(load_text(file_with("null"), "f")) << name;
  EXPECT_FALSE(load_text(file_with("{\"no_such_key\": 1}"), "f")) << name;
  if (entry.contains("maximum")) {
    EXPECT_TRUE(load_text(file_with(entry["maximum"].dump()), "f")) << name;
    EXPECT_FALSE(load_text(file_with(json(entry["maximum"].get<double>() * 2).dump()), "f")) << name;
    EXPECT_FALSE(load_text(file_with("\"1\""), "f")) << name;
  }
  if (entry.contains("minimum")) {
    EXPECT_TRUE(load_text(file_with(entry["minimum"].dump()), "f")) << name;
  }
  if (entry.contains("exclusiveMinimum")) {
    EXPECT_FALSE(load_text(file_with(entry["exclusiveMinimum"].dump()), "f")) << name;
  }
  if (entry.contains("enum")) {
    for (const auto& word : entry["enum"]) EXPECT_TRUE(load_text(file_with(word.dump()), "f")) << name << word;
    EXPECT_FALSE(load_text(file_with("\"no such word\""), "f")) << name;
  }
}

int hold(std::vector<std::string> path, const json& entry) {
  int leaves = 0;
  const auto below = [&](const std::string& part, const json& inner) {
    path.push_back(part);
    leaves += hold(path, inner);
    path.pop_back();
  };
  if (entry.contains("properties")) {
    EXPECT_EQ(entry["additionalProperties"], false) << json(path).dump();
    const auto& properties = entry["properties"];
    for (auto property = properties.begin(); property != properties.end(); ++property) below(property.key(), *property);
  } else if (entry.contains("propertyNames")) {
    below(entry["propertyNames"]["pattern"].get<std::string>().find("[A-Z]") != std::string::npos ? "T5" : "abc",
          entry["additionalProperties"]);
  } else if (entry.contains("items")) {
    below("[]", entry["items"]);
  } else {
    hold_leaf(path, entry);
    ++leaves;
  }
  return leaves;
}

TEST(Schema, TheLoaderAgreesWithItOnEveryKey) {
  const auto schema = json::parse(json_schema());
  EXPECT_EQ(hold({}, schema), 39);
  EXPECT_EQ(schema["required"], json::array({"storage"}));
  EXPECT_EQ(schema["properties"]["storage"]["required"], json::array({"type"}));
  EXPECT_EQ(schema["properties"]["storage"]["allOf"][0]["then"]["required"], json::array({"db_path", "parquet_path"}));
}

TEST(Schema, ItsDefaultsAreTheOnesThatTheLoaderUses) {
  const auto shown = json::parse(to_json(good(kSmall)));
  const auto schema = json::parse(json_schema());
  int compared = 0;
  const auto& sections = schema["properties"];
  for (auto section = sections.begin(); section != sections.end(); ++section) {
    if (!section->contains("properties")) continue;
    const auto& keys = (*section)["properties"];
    for (auto key = keys.begin(); key != keys.end(); ++key) {
      if (!key->contains("default")) continue;
      EXPECT_EQ(shown[section.key()][key.key()], (*key)["default"]) << section.key() << '.' << key.key();
      ++compared;
    }
  }
  EXPECT_GE(compared, 14);
}

TEST(Schema, EveryKeyHasAMeaning) {
  const auto schema = json::parse(json_schema());
  const auto& sections = schema["properties"];
  for (auto section = sections.begin(); section != sections.end(); ++section) {
    EXPECT_TRUE(section->contains("description")) << section.key();
    if (!section->contains("properties")) continue;
    const auto& keys = (*section)["properties"];
    for (auto key = keys.begin(); key != keys.end(); ++key) EXPECT_TRUE(key->contains("description")) << key.key();
  }
}

}  // namespace
}  // namespace tdm::config
