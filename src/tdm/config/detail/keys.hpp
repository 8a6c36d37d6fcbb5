#pragma once

#include <array>

#include "tdm/config/config.hpp"
#include "tdm/config/detail/rules.hpp"

// The one table of what a configuration file may say. The loader, the writer of `tdm config show` and the JSON schema
// are visitors of it, so they cannot disagree. Defaults are the initial values of the structs.
//
//   key       may be left out        section   a part with keys of its own     list   a sequence of such parts
//   required  may not                map       names chosen by the user, values all alike
//   needs     keys that one value of another key makes required
//   reserved  a key that other versions know; it is refused with its reason
namespace tdm::config::detail {

inline constexpr std::array<std::string_view, 2> kStorageTypes{"duckdb", "bigquery"};
inline constexpr std::array<std::string_view, 2> kCacheTypes{"memory", "redis"};
inline constexpr std::array<std::string_view, 7> kLogLevels{"trace",   "debug", "info",    "warn",
                                                            "warning", "error", "critical"};
inline constexpr std::array<std::string_view, 3> kSeverities{"reject", "flag", "warn"};

inline constexpr Text kHttpUrl{"https?://[^\\s?#/@]+(/[^\\s?#]*)?", "an http:// or https:// address without a query"};
inline constexpr Text kWsUrl{"wss?://[^\\s?#/@]+(/[^\\s?#]*)?", "a ws:// or wss:// address without a query"};
inline constexpr Text kMarketName{"[a-z][a-z0-9]{0,15}", "the name of a market, such as linear"};
inline constexpr Names kExchangeNames{"[a-z][a-z0-9]{0,15}", "the name of an exchange, such as bybit"};
inline constexpr Names kMarketNames{"[a-z][a-z0-9]{0,15}", "the name of a market, such as linear"};
inline constexpr Names kRuleIds{"[A-Z][0-9]{1,3}", "the id of a rule, such as T5"};
inline constexpr Names kParameterNames{"[a-z][a-z0-9_]{0,63}", "the name of a parameter"};

template <class V>
void describe(V& v, Storage& storage) {
  v.required("type", storage.type, Word{kStorageTypes}, "The storage backend.");
  v.key("db_path", storage.db_path, Text{},
        "duckdb: the database file. Relative paths start at the working directory.");
  v.key("parquet_path", storage.parquet_path, Text{}, "duckdb: the folder of the Parquet lake.");
  v.key("project_id", storage.project_id, Text{}, "bigquery: the Google Cloud project.");
  v.key("dataset", storage.dataset, Text{}, "bigquery: the dataset.");
  v.key("raw_table", storage.raw_table, Text{}, "bigquery: the table of observations.");
  v.key("validated_table", storage.validated_table, Text{}, "bigquery: the table of judged bars.");
  v.key("gcs_bucket", storage.gcs_bucket, Text{}, "bigquery: the bucket of the Parquet lake.");
  v.needs("type", "duckdb", {"db_path", "parquet_path"});
}

template <class V>
void describe(V& v, Cache& cache) {
  v.key("type", cache.type, Word{kCacheTypes}, "Where answers are cached.");
  v.key("host", cache.host, Text{.max_length = 255}, "redis: host name.");
  v.key("port", cache.port, Whole{1, 65'535}, "redis: TCP port.");
  v.key("ttl_seconds", cache.ttl, Whole{0, 86'400 * 365}, "How long an answer is kept.");
}

template <class V>
void describe(V& v, Api& api) {
  v.key("host", api.host, Text{.pattern = "[^\\s/]+", .expected = "an address or host name", .max_length = 255},
        "The address that the server listens on; 0.0.0.0 is every interface.");
  v.key("port", api.port, Whole{0, 65'535}, "TCP port of the server; 0 takes any free one.");
  v.key("log_level", api.log_level, Word{kLogLevels, true}, "What is logged; LOG_LEVEL in the environment wins.");
  v.reserved("auth", "API keys are not built into this version; let a proxy in front of the server ask for them");
  v.reserved("tls", "TLS is not built into this version's server; let a proxy in front of it do that");
}

template <class V>
void describe(V& v, Endpoint& endpoint) {
  v.key("base_url", endpoint.base_url, kHttpUrl, "REST origin of this market, with an optional path.");
  v.key("ws_url", endpoint.ws_url, kWsUrl, "WebSocket origin of this market, with an optional path.");
}

template <class V>
void describe(V& v, ExchangeClient& client) {
  v.key("base_url", client.base_url, kHttpUrl,
        "REST origin with an optional path; nothing: the exchange's public one.");
  v.key("ws_url", client.ws_url, kWsUrl, "WebSocket origin with an optional path.");
  v.key("archive_url", client.archive_url, kHttpUrl, "Origin of the exchange's public archives.");
  v.key("history_url", client.history_url, kHttpUrl, "Origin of the exchange's history service, where it has one.");
  v.key("rate_limit", client.rate_limit, Number{.min = 0, .max = 10'000, .min_included = false},
        "Requests per second, an even pace; nothing: the connector's default.");
  v.key("default_market", client.default_market, kMarketName, "The market that is meant when a call names none.");
  v.map("markets", client.markets, kMarketNames, Section{}, "Addresses by market, where they differ.");
}

template <class V>
void describe(V& v, Collect& collect) {
  v.required("series", collect.series,
             Text{.pattern = "[^.@\\s]+\\.[^.@\\s]+\\.[^@\\s]+@[^@\\s]+",
                  .expected = "a series or a pattern, such as bybit.linear.*USDT@1m"},
             "A series or a pattern of series.");
  v.required("since", collect.since, Moment{}, "From when on: a date, an RFC 3339 instant or integer milliseconds.");
  v.key("live", collect.live, Flag{}, "Take bars from the live feed where one is built in; otherwise they are polled.");
}

template <class V>
void describe(V& v, Limits& limits) {
  v.key("read_through_bars", limits.read_through_bars, Whole{0, 1'000'000'000},
        "A read that lacks more bars than this asks for a backfill instead of fetching them.");
  v.key("page_rows", limits.page_rows, Whole{1, 100'000}, "Default and maximum of the API's `limit`.");
  v.key("connections", limits.connections, Whole{1, 65'536}, "Connections that the server accepts at once.");
  v.key("header_bytes", limits.header_bytes, Whole{1'024, 1'048'576}, "Bytes of a request's head.");
  v.key("body_bytes", limits.body_bytes, Whole{1'024, 67'108'864}, "Bytes of a request's body.");
  v.key("request_timeout_ms", limits.request_timeout, Whole{100, 3'600'000},
        "How long a client may take to receive one answer.");
  v.key("lock_timeout_ms", limits.lock_timeout, Whole{0, 3'600'000},
        "How long a write waits for the store's lock and its holder.");
  v.key("pages_in_flight", limits.pages_in_flight, Whole{1, 1'024},
        "Pages per exchange that are asked for and not yet durable.");
}

template <class V>
void describe(V& v, RuleSetting& rule) {
  v.key("enabled", rule.enabled, Flag{}, "Whether the rule is asked.");
  v.key("severity", rule.severity, Word{kSeverities}, "What a broken rule does; nothing: the rule's own default.");
  v.map("parameters", rule.parameters, kParameterNames, Number{-1e18, 1e18}, "The rule's numbers by name.");
}

template <class V>
void describe(V& v, Validation& validation) {
  v.map("rules", validation.rules, kRuleIds, Section{}, "Settings by rule id.");
  v.map("settle_seconds", validation.settle_seconds, kMarketNames, Number{0, 86'400},
        "By market: how long after its end a bar may still change.");
}

template <class V>
void describe(V& v, Config& config) {
  v.key(
      "environment", config.environment,
      Text{.pattern = "[A-Za-z0-9_.-]+", .expected = "a label of letters, digits, '_', '.' and '-'", .max_length = 64},
      "Labels every log line and metric; production logs JSON and hides error details.");
  v.required("storage", config.storage, Section{}, "Where bars are stored.");
  v.key("cache", config.cache, Section{}, "Where answers are cached.");
  v.key("api", config.api, Section{}, "The HTTP server.");
  v.map("exchange_clients", config.exchange_clients, kExchangeNames, Section{}, "Settings by exchange.");
  v.list("collect", config.collect, 10'000, "Series that the server and `tdm update` keep up to date.");
  v.key("limits", config.limits, Section{}, "Bounds of what is done at once.");
  v.key("validation", config.validation, Section{}, "How bars are judged.");
}

template <class V, class T>
concept Describes = requires(V& v, T& part) { describe(v, part); };

}  // namespace tdm::config::detail
