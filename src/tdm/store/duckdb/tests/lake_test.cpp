#include <duckdb.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include "tdm/store/duckdb/tests/temporary_store.hpp"
#include "tdm/store/rows.hpp"
#include "tests/support/bars.hpp"

// The lake as others see it, and the memory a read returns.
namespace tdm::store::duckdb {
namespace {

using support::bars_of;
using support::batch_of;
using support::equal_rows;
using support::kAllTime;
using support::rows_of;

// DuckDB's own Parquet reader, which knows nothing of us.
std::vector<std::vector<std::string>> query(const std::string& sql) {
  duckdb_database database = nullptr;
  duckdb_connection connection = nullptr;
  duckdb_result result{};
  EXPECT_EQ(duckdb_open(nullptr, &database), DuckDBSuccess);
  EXPECT_EQ(duckdb_connect(database, &connection), DuckDBSuccess);
  EXPECT_EQ(duckdb_query(connection, sql.c_str(), &result), DuckDBSuccess) << duckdb_result_error(&result);
  std::vector<std::vector<std::string>> rows(duckdb_row_count(&result));
  for (idx_t row = 0; row < rows.size(); ++row)
    for (idx_t column = 0; column < duckdb_column_count(&result); ++column) {
      auto* text = duckdb_value_varchar(&result, column, row);
      rows[row].emplace_back(text != nullptr ? text : "NULL");
      duckdb_free(text);
    }
  duckdb_destroy_result(&result);
  duckdb_disconnect(&connection);
  duckdb_close(&database);
  return rows;
}

class Lake : public ::testing::Test {
 protected:
  void commit(const Series& series, const BarColumns& bars, std::size_t raw = 0) {
    auto batch = batch_of(series, bars);
    batch.raw = support::observations_of(series, 0, raw, 1);
    const auto writer = store_->lock(std::chrono::seconds{5}, {});
    ASSERT_TRUE(writer) << writer.error().message;
    const auto done = (*writer)->commit(batch);
    ASSERT_TRUE(done) << done.error().message;
  }
  std::string files(const std::string& dataset, bool keys = true) const {
    return "read_parquet('" + site_.parquet_path() + "/dataset=" + dataset +
           "/**/*.parquet', hive_partitioning = " + (keys ? "true)" : "false)");
  }

  TemporaryStore site_;
  std::shared_ptr<Store> store_ = site_.open();
  Series series_ = support::series_of("bybit.linear.BTCUSDT@1h");
};

TEST_F(Lake, AnotherReaderFindsEachCurrentBarOnce) {
  commit(series_, bars_of(series_, {.rows = 500}), 500);
  commit(series_, bars_of(series_, {.first = 500, .rows = 500, .price = 200}));
  commit(series_,
         bars_of(series_, {.first = 10, .rows = 3, .price = 900, .finality = Finality::revised, .revision = 1}));
  const auto odd = support::series_of("bybit.linear.\xE5\xB8\x81+USDT@1m");
  commit(odd, bars_of(odd, {.rows = 7}));
  const auto expect_once = [&] {
    EXPECT_EQ(query("SELECT count(*), count(DISTINCT open_time) FROM " + files("validated_ohlcv") +
                    " WHERE symbol = 'BTCUSDT'"),
              (std::vector<std::vector<std::string>>{{"1000", "1000"}}));
    const auto ours = rows_of(store_->read(store_->manifest(series_).value().value(), kAllTime, {}).value());
    const auto sums = query("SELECT sum(open), max(open), max(revision) FROM " + files("validated_ohlcv") +
                            " WHERE symbol = 'BTCUSDT'");
    EXPECT_NEAR(std::stod(sums[0][0]), std::accumulate(ours.open.begin(), ours.open.end(), 0.0), 1e-6);
    EXPECT_EQ(std::stod(sums[0][1]), *std::ranges::max_element(ours.open));
    EXPECT_EQ(sums[0][2], "1");
  };
  expect_once();
  ASSERT_TRUE(store_->lock(std::chrono::seconds{5}, {}).value()->seal(series_, TimePoint::max()));
  expect_once();
  EXPECT_EQ(query("SELECT ex, mk, sym, pk, tf, exchange, market, symbol, price_kind, timeframe, count(*) FROM " +
                  files("validated_ohlcv") + " WHERE tf = '1m' GROUP BY ALL"),
            (std::vector<std::vector<std::string>>{{"bybit", "linear", "\xE5\xB8\x81+USDT", "last", "1m", "bybit",
                                                    "linear", "\xE5\xB8\x81+USDT", "last", "1m", "7"}}));
}

TEST_F(Lake, ColumnsHaveTheTypesOfTheDesign) {
  commit(series_, bars_of(series_, {.rows = 5}), 5);
  const auto describe = [&](const std::string& dataset) {
    std::string text;
    for (const auto& row : query("DESCRIBE SELECT * FROM " + files(dataset, false)))
      text += row[0] + " " + row[1] + "\n";
    return text;
  };
  EXPECT_EQ(describe("validated_ohlcv"),
            "exchange VARCHAR\nmarket VARCHAR\nsymbol VARCHAR\nprice_kind VARCHAR\ntimeframe VARCHAR\n"
            "open_time TIMESTAMP WITH TIME ZONE\nopen DOUBLE\nhigh DOUBLE\nlow DOUBLE\nclose DOUBLE\nvolume DOUBLE\n"
            "quote_volume DOUBLE\ntrade_count BIGINT\ntaker_buy_volume DOUBLE\ntaker_buy_quote_volume DOUBLE\n"
            "finality VARCHAR\nquality_flags UINTEGER\nsource VARCHAR\nrevision INTEGER\n"
            "available_at TIMESTAMP WITH TIME ZONE\nrecorded_at TIMESTAMP WITH TIME ZONE\nrule_version INTEGER\n");
  EXPECT_EQ(
      describe("raw_ohlcv"),
      "exchange VARCHAR\nmarket VARCHAR\nsymbol VARCHAR\nprice_kind VARCHAR\ntimeframe VARCHAR\n"
      "open_time TIMESTAMP WITH TIME ZONE\nopen VARCHAR\nhigh VARCHAR\nlow VARCHAR\nclose VARCHAR\nvolume VARCHAR\n"
      "quote_volume VARCHAR\ntrade_count VARCHAR\ntaker_buy_volume VARCHAR\ntaker_buy_quote_volume VARCHAR\n"
      "channel VARCHAR\nevent_time TIMESTAMP WITH TIME ZONE\nreceived_at TIMESTAMP WITH TIME ZONE\n"
      "ingest_id BIGINT\nextra VARCHAR\nclose_proof VARCHAR\n");
}

TEST_F(Lake, Float64ColumnsAreOneStridedBlock) {
  commit(series_, bars_of(series_, {.rows = 300}));
  const auto frame = store_->read(store_->manifest(series_).value().value(), kAllTime,
                                  {.columns = {"open", "high", "low", "close", "volume"}});
  ASSERT_TRUE(frame) << frame.error().message;
  const double* next = nullptr;
  for (const auto* name : {"open", "high", "low", "close", "volume"}) {
    const auto values = std::get<std::span<const double>>(frame->find(name)->data);
    if (next != nullptr) {
      EXPECT_EQ(values.data(), next) << name;
    }
    next = values.data() + values.size();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(values.data()) % 8, 0U);
  }
}

// Enough rows for large pages, two threads, several periods and several row groups.
TEST_F(Lake, MinutesAreReadFromTheirMonths) {
  const auto minutes = support::series_of("bybit.linear.BTCUSDT@1m");
  const auto writer = store_->lock(std::chrono::seconds{5}, {}).value();
  constexpr std::int64_t kRows = 100'000;
  constexpr std::int64_t kStep = 30'000;
  auto written = bars_of(minutes, {.rows = static_cast<std::size_t>(kRows)});
  for (std::int64_t first = 0; first < kRows; first += kStep) {
    const auto last = std::min(first + kStep, kRows);
    const auto done = writer->commit(
        batch_of(minutes, slice(written, static_cast<std::size_t>(first), static_cast<std::size_t>(last))));
    ASSERT_TRUE(done) << done.error().message;
  }
  ASSERT_TRUE(writer->seal(minutes, TimePoint::max()));
  const auto manifest = store_->manifest(minutes).value().value();
  // January and February came in two large pieces each, which stay; March's two begin with a crumb.
  EXPECT_EQ(manifest.segments.size(), 5U);
  for (const auto& segment : manifest.segments) {
    EXPECT_EQ(segment.rule_version, 3);
    EXPECT_EQ(segment.sources.at("rest") + segment.sources.at("archive"), segment.rows);
  }
  EXPECT_TRUE(equal_rows(rows_of(store_->read(manifest, kAllTime, {}).value()), written));
  for (const auto& [first, last] :
       {std::pair{0, 1}, {44'000, 45'000}, {44'639, 44'641}, {1, 99'999}, {80'000, 80'010}}) {
    const auto range = TimeRange::of(minutes.timeframe.advance(support::kFirstOpen, first),
                                     minutes.timeframe.advance(support::kFirstOpen, last));
    EXPECT_TRUE(equal_rows(rows_of(store_->read(manifest, range, {}).value()),
                           slice(written, static_cast<std::size_t>(first), static_cast<std::size_t>(last))))
        << first;
  }
}

TEST_F(Lake, ASegmentOfSeveralRowGroupsIsReadAnywhere) {
  const auto minutes = support::series_of("bybit.linear.BTCUSDT@2h");  // all years in one file
  constexpr std::size_t kRows = 140'000;
  const auto written = bars_of(minutes, {.first = -100'000, .rows = kRows});
  commit(minutes, written);
  const auto manifest = store_->manifest(minutes).value().value();
  ASSERT_EQ(manifest.segments.size(), 1U);
  for (const auto& [first, last] : {std::pair<std::size_t, std::size_t>{0, kRows},
                                    {131'071, 131'073},

                                    {5, 131'072},
                                    {139'999, kRows}}) {
    const auto range = TimeRange::of(written.open_time[first], written.open_time[last - 1] + Micros{1});
    EXPECT_TRUE(equal_rows(rows_of(store_->read(manifest, range, {}).value()), slice(written, first, last))) << first;
  }
}

TEST_F(Lake, PeriodsFitTheTimeframe) {
  const auto path_of = [&](const std::string& name) {
    const auto series = support::series_of(name);
    commit(series, bars_of(series, {.rows = 1}));
    return store_->manifest(series).value().value().segments.at(0).path;
  };
  EXPECT_TRUE(
      path_of("bybit.linear.A@1m")
          .starts_with(
              "dataset=validated_ohlcv/ex=bybit/mk=linear/sym=A/pk=last/tf=1m/period=2023-01/20230101T000000Z-"));
  EXPECT_NE(path_of("bybit.linear.A@5m").find("/period=2023-01/"), std::string::npos);
  EXPECT_NE(path_of("bybit.linear.A@1h").find("/period=2023/"), std::string::npos);
  EXPECT_NE(path_of("bybit.linear.A@1d").find("/period=all/"), std::string::npos);
  EXPECT_NE(path_of("bybit.linear.A+\xC3\xA9:mark@1M").find("/sym=A%2B%C3%A9/pk=mark/tf=1M/"), std::string::npos);
}

TEST_F(Lake, SmallAdditionsDoNotRewriteALargePeriod) {
  commit(series_, bars_of(series_, {.rows = 5'000}));
  const auto large = store_->manifest(series_).value().value().segments.at(0).path;
  for (std::int64_t i = 0; i < 6; ++i) commit(series_, bars_of(series_, {.first = 5'000 + i, .rows = 1}));
  ASSERT_TRUE(store_->lock(std::chrono::seconds{5}, {}).value()->seal(series_, TimePoint::max()));
  const auto segments = store_->manifest(series_).value().value().segments;
  ASSERT_EQ(segments.size(), 2U);
  EXPECT_EQ(segments[0].path, large);
  EXPECT_EQ(segments[1].rows, 6);
}

}  // namespace
}  // namespace tdm::store::duckdb
