#include "tdm/store/duckdb/detail/catalog.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <type_traits>

namespace tdm::store::duckdb::detail {
namespace {

constexpr std::string_view kFormat = "1";

// A server may use 150 MB in all, and the catalogue is small.
constexpr std::array<std::pair<const char*, const char*>, 6> kSettings{{
    {"memory_limit", "96MB"},
    {"threads", "1"},
    {"autoinstall_known_extensions", "false"},
    {"autoload_known_extensions", "false"},
    {"enable_external_access", "false"},
    {"checkpoint_threshold", "8MB"},
}};

// Without indexes: one writer keeps the keys unique, and DuckDB's indexes refuse to replace a row in one transaction.
constexpr std::array kTables{
    "CREATE TABLE meta(key VARCHAR, value VARCHAR)",
    "CREATE TABLE origins(exchange VARCHAR, origin VARCHAR)",
    "CREATE TABLE resolutions(exchange VARCHAR, symbol VARCHAR, instrument VARCHAR, decided_at TIMESTAMPTZ)",
    "CREATE TABLE instruments(exchange VARCHAR, market VARCHAR, symbol VARCHAR, fetched_at TIMESTAMPTZ, active "
    "BOOLEAN, "
    "document VARCHAR)",
    "CREATE TABLE series(id BIGINT, name VARCHAR, origin VARCHAR, version BIGINT, watermark TIMESTAMPTZ, "
    "first_recorded TIMESTAMPTZ, instrument VARCHAR, removed_version BIGINT)",
    "CREATE TABLE segments(series_id BIGINT, layer VARCHAR, path VARCHAR, sha256 VARCHAR, row_count BIGINT, bytes "
    "BIGINT, first_open TIMESTAMPTZ, last_open TIMESTAMPTZ, sources VARCHAR, rule_version BIGINT, state VARCHAR, "
    "superseded_version BIGINT, superseded_at TIMESTAMPTZ)",
    "CREATE TABLE gaps(id BIGINT, series_id BIGINT, begin_time TIMESTAMPTZ, end_time TIMESTAMPTZ, bars BIGINT, cause "
    "VARCHAR, evidence VARCHAR, state VARCHAR, first_look TIMESTAMPTZ, last_look TIMESTAMPTZ, looks BIGINT, "
    "accepted_reason VARCHAR, accepted_at TIMESTAMPTZ)",
    "CREATE TABLE looked(series_id BIGINT, begin_time TIMESTAMPTZ, end_time TIMESTAMPTZ)",
    "CREATE TABLE ingest_runs(id BIGINT, series VARCHAR, begin_time TIMESTAMPTZ, end_time TIMESTAMPTZ, channel "
    "VARCHAR, "
    "started_at TIMESTAMPTZ, ended_at TIMESTAMPTZ, outcome VARCHAR)",
    "CREATE TABLE checkpoints(series_id BIGINT, version BIGINT, ingest_id BIGINT, committed_at TIMESTAMPTZ)",
    "CREATE TABLE quarantine_ohlcv(series VARCHAR, open_time TIMESTAMPTZ, rule VARCHAR, rule_version BIGINT, reason "
    "VARCHAR, raw VARCHAR, ingest_id BIGINT, recorded_at TIMESTAMPTZ)",
    "CREATE TABLE certificates(series VARCHAR, layer VARCHAR, path VARCHAR, sha256 VARCHAR, row_count BIGINT, "
    "value_hash VARCHAR, issued_at TIMESTAMPTZ)",
    "CREATE TABLE validated_ohlcv(series_id BIGINT, open_time TIMESTAMPTZ, open DOUBLE, high DOUBLE, low DOUBLE, close "
    "DOUBLE, volume DOUBLE, quote_volume DOUBLE, trade_count BIGINT, taker_buy_volume DOUBLE, taker_buy_quote_volume "
    "DOUBLE, finality VARCHAR, quality_flags BIGINT, source VARCHAR, revision BIGINT, available_at TIMESTAMPTZ, "
    "recorded_at TIMESTAMPTZ, rule_version BIGINT)",
};

bool says(std::string_view message, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(words,
                             [&](std::string_view word) { return message.find(word) != std::string_view::npos; });
}

duckdb_config settings() {
  duckdb_config config = nullptr;
  if (duckdb_create_config(&config) != DuckDBSuccess) std::abort();  // only when memory is out
  for (const auto& [name, value] : kSettings) duckdb_set_config(config, name, value);
  return config;
}

std::unexpected<Error> open_error(const std::string& path, std::string_view message) {
  if (says(message, {"No space left", "Disk quota", "File too large"}))
    return fail(ErrorCode::storage_full, fmt::format("there is no space to open {}: {}", path, message), "db_path");
  if (says(message, {"not a valid DuckDB database file", "Corrupt", "corrupt", "checksum", "Serialization Error",
                     "Failed to deserialize", "INTERNAL Error", "Failure while replaying WAL"}))
    return fail(
        ErrorCode::corrupt_data,
        fmt::format("db_path: {} is damaged or no DuckDB database ({}). When it is moved away, the catalogue is "
                    "made again from the manifests under parquet_path",
                    path, message),
        "db_path");
  return fail(ErrorCode::unavailable, fmt::format("db_path: cannot open {}: {}", path, message), "db_path");
}

duckdb_state bind(duckdb_prepared_statement statement, idx_t index, const Value& value) {
  return std::visit(
      [&](const auto& held) -> duckdb_state {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, std::monostate>)
          return duckdb_bind_null(statement, index);
        else if constexpr (std::is_same_v<T, std::int64_t>)
          return duckdb_bind_int64(statement, index, held);
        else if constexpr (std::is_same_v<T, double>)
          return duckdb_bind_double(statement, index, held);
        else if constexpr (std::is_same_v<T, TimePoint>)
          return duckdb_bind_timestamp_tz(statement, index, duckdb_timestamp{to_us(held)});
        else
          return duckdb_bind_varchar_length(statement, index, held.data(), held.size());
      },
      value.held());
}

duckdb_state append_value(duckdb_appender appender, const Value& value) {
  return std::visit(
      [&](const auto& held) -> duckdb_state {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, std::monostate>)
          return duckdb_append_null(appender);
        else if constexpr (std::is_same_v<T, std::int64_t>)
          return duckdb_append_int64(appender, held);
        else if constexpr (std::is_same_v<T, double>)
          return duckdb_append_double(appender, held);
        else if constexpr (std::is_same_v<T, TimePoint>)
          return duckdb_append_timestamp(appender, duckdb_timestamp{to_us(held)});
        else
          return duckdb_append_varchar_length(appender, held.data(), held.size());
      },
      value.held());
}

Value value_at(duckdb_vector vector, duckdb_type type, idx_t row) {
  auto* validity = duckdb_vector_get_validity(vector);
  if (validity != nullptr && !duckdb_validity_row_is_valid(validity, row)) return {};
  const auto* data = duckdb_vector_get_data(vector);
  switch (type) {
    case DUCKDB_TYPE_BOOLEAN: return static_cast<const bool*>(data)[row];
    case DUCKDB_TYPE_INTEGER: return static_cast<const std::int32_t*>(data)[row];
    case DUCKDB_TYPE_BIGINT: return static_cast<const std::int64_t*>(data)[row];
    case DUCKDB_TYPE_DOUBLE: return static_cast<const double*>(data)[row];
    case DUCKDB_TYPE_TIMESTAMP_TZ: return from_us(static_cast<const std::int64_t*>(data)[row]);
    case DUCKDB_TYPE_VARCHAR: {
      auto text = static_cast<const duckdb_string_t*>(data)[row];
      return std::string{duckdb_string_t_data(&text), duckdb_string_t_length(text)};
    }
    default: std::abort();  // our queries ask for no other type
  }
}

std::vector<Row> rows_of(duckdb_result& result) {
  std::vector<Row> rows;
  const auto columns = duckdb_column_count(&result);
  while (auto* chunk = duckdb_fetch_chunk(result)) {
    const auto size = duckdb_data_chunk_get_size(chunk);
    for (idx_t row = 0; row < size; ++row) {
      Row values;
      for (idx_t column = 0; column < columns; ++column)
        values.push_back(
            value_at(duckdb_data_chunk_get_vector(chunk, column), duckdb_column_type(&result, column), row));
      rows.push_back(std::move(values));
    }
    duckdb_destroy_data_chunk(&chunk);
  }
  return rows;
}

}  // namespace

Result<std::unique_ptr<Catalog>> Catalog::open(const std::string& path) {
  auto catalog = std::unique_ptr<Catalog>(new Catalog{path});
  auto* config = settings();
  char* message = nullptr;
  const auto opened = duckdb_open_ext(path.c_str(), &catalog->database_, config, &message);
  duckdb_destroy_config(&config);
  const std::string problem = message != nullptr ? message : "";
  duckdb_free(message);
  if (opened != DuckDBSuccess) return open_error(path, problem);
  if (duckdb_connect(catalog->database_, &catalog->connection_) != DuckDBSuccess)
    return open_error(path, "no connection");
  if (auto prepared = catalog->prepare_tables(); !prepared) return std::unexpected{std::move(prepared).error()};
  return catalog;
}

Catalog::~Catalog() {
  for (auto& [sql, statement] : statements_) duckdb_destroy_prepare(&statement);
  if (connection_ != nullptr) duckdb_disconnect(&connection_);
  if (database_ != nullptr) duckdb_close(&database_);
}

Result<void> Catalog::prepare_tables() {
  const auto tables = query("SELECT table_name FROM information_schema.tables");
  if (!tables) return std::unexpected{tables.error()};
  const bool ours = std::ranges::any_of(*tables, [](const Row& row) { return row[0].text() == "checkpoints"; });
  if (tables->empty()) {
    is_new_ = true;
    return transaction([&]() -> Result<void> {
      for (const auto* table : kTables)
        if (auto made = run(table); !made) return made;
      return run("INSERT INTO meta VALUES ('format', ?)", {kFormat});
    });
  }
  if (!ours)
    return fail(ErrorCode::invalid_argument,
                fmt::format("db_path: {} is a DuckDB database of something else; choose another path", path_),
                "db_path");
  const auto format = query("SELECT value FROM meta WHERE key = 'format'");
  if (!format) return std::unexpected{format.error()};
  if (format->size() != 1 || (*format)[0][0].text() != kFormat)
    return fail(ErrorCode::invalid_argument,
                fmt::format("db_path: {} was written in a format that this version does not know", path_), "db_path");
  // A catalogue may be older than removals.
  const auto column = query(
      "SELECT count(*) FROM information_schema.columns WHERE table_name = 'series' AND column_name = "
      "'removed_version'");
  if (!column) return std::unexpected{column.error()};
  if (column->front()[0].integer() > 0) return {};
  return run("ALTER TABLE series ADD COLUMN removed_version BIGINT DEFAULT 0");
}

std::unexpected<Error> Catalog::failed(const char* message) const {
  const std::string_view text = message != nullptr ? message : "unknown error";
  if (says(text, {"No space left", "Disk quota", "File too large"}))
    return fail(ErrorCode::storage_full, fmt::format("there is no space for {}: {}", path_, text));
  if (says(text, {"IO Error", "invalidated"}))
    return fail(ErrorCode::unavailable, fmt::format("the catalogue {} failed: {}", path_, text));
  return fail(ErrorCode::internal, fmt::format("the catalogue {} failed: {}", path_, text));
}

Result<duckdb_prepared_statement> Catalog::prepared(std::string_view sql) {
  if (const auto found = statements_.find(sql); found != statements_.end()) {
    duckdb_clear_bindings(found->second);
    return found->second;
  }
  duckdb_prepared_statement statement = nullptr;
  if (duckdb_prepare(connection_, std::string{sql}.c_str(), &statement) != DuckDBSuccess) {
    const auto error = failed(duckdb_prepare_error(statement));
    duckdb_destroy_prepare(&statement);
    return error;
  }
  statements_.emplace(std::string{sql}, statement);
  return statement;
}

Result<std::vector<Row>> Catalog::query(std::string_view sql, const std::vector<Value>& values) {
  const auto statement = prepared(sql);
  if (!statement) return std::unexpected{statement.error()};
  for (std::size_t i = 0; i < values.size(); ++i)
    if (bind(*statement, i + 1, values[i]) != DuckDBSuccess) return failed(duckdb_prepare_error(*statement));
  duckdb_result result{};
  if (duckdb_execute_prepared(*statement, &result) != DuckDBSuccess) {
    const auto error = failed(duckdb_result_error(&result));
    duckdb_destroy_result(&result);
    return error;
  }
  auto rows = rows_of(result);
  duckdb_destroy_result(&result);
  return rows;
}

Result<void> Catalog::run(std::string_view sql, const std::vector<Value>& values) {
  const auto done = query(sql, values);
  if (!done) return std::unexpected{done.error()};
  return {};
}

Result<void> Catalog::append(const char* table, const std::vector<Row>& rows) {
  if (rows.empty()) return {};
  duckdb_appender appender = nullptr;
  auto state = duckdb_appender_create(connection_, nullptr, table, &appender);
  for (std::size_t row = 0; state == DuckDBSuccess && row < rows.size(); ++row) {
    for (const auto& value : rows[row])
      if (state == DuckDBSuccess) state = append_value(appender, value);
    if (state == DuckDBSuccess) state = duckdb_appender_end_row(appender);
  }
  if (state == DuckDBSuccess) state = duckdb_appender_close(appender);
  auto done = state == DuckDBSuccess ? Result<void>{} : failed(duckdb_appender_error(appender));
  duckdb_appender_destroy(&appender);
  return done;
}

}  // namespace tdm::store::duckdb::detail
