#pragma once

#include <duckdb.h>

#include <concepts>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tdm/core/error.hpp"  // Result
#include "tdm/core/time.hpp"   // TimePoint

namespace tdm::store::duckdb::detail {

// A value of the catalogue: integers, booleans and times (microseconds UTC) as int64, text, doubles, null.
class Value {
 public:
  Value() = default;
  template <std::integral T>
  Value(T value) : held_{static_cast<std::int64_t>(value)} {}
  Value(double value) : held_{value} {}
  Value(TimePoint time) : held_{time} {}
  Value(std::string text) : held_{std::move(text)} {}
  Value(std::string_view text) : held_{std::string{text}} {}
  Value(const char* text) : held_{std::string{text}} {}
  template <class T>
  Value(const std::optional<T>& value) {
    if (value) *this = Value{*value};
  }

  bool is_null() const { return held_.index() == 0; }
  std::int64_t integer() const { return std::get<std::int64_t>(held_); }
  double real() const { return std::get<double>(held_); }
  const std::string& text() const { return std::get<std::string>(held_); }
  TimePoint time() const { return std::get<TimePoint>(held_); }
  std::optional<TimePoint> maybe_time() const { return is_null() ? std::nullopt : std::optional{time()}; }
  std::optional<double> maybe_real() const { return is_null() ? std::nullopt : std::optional{real()}; }
  std::optional<std::int64_t> maybe_integer() const { return is_null() ? std::nullopt : std::optional{integer()}; }

  const auto& held() const { return held_; }

 private:
  std::variant<std::monostate, std::int64_t, double, TimePoint, std::string> held_;
};
using Row = std::vector<Value>;

// The DuckDB file: our tables, one connection. Open only under the store's lock. Not thread-safe.
class Catalog {
 public:
  // Makes the tables when the file is new. corrupt_data: the file is damaged or no DuckDB file; invalid_argument: it is
  // somebody else's database, or written by a newer version; unavailable: it cannot be opened.
  static Result<std::unique_ptr<Catalog>> open(const std::string& path);
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;
  ~Catalog();

  bool is_new() const { return is_new_; }

  Result<std::vector<Row>> query(std::string_view sql, const std::vector<Value>& values = {});
  Result<void> run(std::string_view sql, const std::vector<Value>& values = {});
  // Many rows at once, part of the transaction.
  Result<void> append(const char* table, const std::vector<Row>& rows);

  // Runs `work` as one transaction. When this returns without an error it has been synced. When COMMIT itself fails the
  // outcome is not known: the caller opens the catalogue again and looks.
  template <class Work>
  Result<void> transaction(Work work) {
    if (auto begun = run("BEGIN TRANSACTION"); !begun) return begun;
    if (Result<void> done = work(); !done) {
      // What failed is what is told; a transaction that cannot even be rolled back ends with the connection.
      if (auto undone = run("ROLLBACK"); !undone) done.error().message += "; " + undone.error().message;
      return done;
    }
    return run("COMMIT");
  }

 private:
  explicit Catalog(std::string path) : path_{std::move(path)} {}
  Result<void> prepare_tables();
  Result<duckdb_prepared_statement> prepared(std::string_view sql);
  std::unexpected<Error> failed(const char* message) const;

  std::string path_;
  bool is_new_ = false;
  duckdb_database database_ = nullptr;
  duckdb_connection connection_ = nullptr;
  std::map<std::string, duckdb_prepared_statement, std::less<>> statements_;
};

}  // namespace tdm::store::duckdb::detail
