#include <duckdb.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "tdm/store/duckdb/tests/temporary_store.hpp"
#include "tests/support/bars.hpp"

// What a removal does to files, and what a crash in the midst of one leaves: the whole series, or nothing of it.
namespace tdm::store::duckdb {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using support::bars_of;
using support::batch_of;
using support::kAllTime;
using support::kLearned;

constexpr std::size_t kRows = 40;

// Revised once, so that files are current, superseded and merged.
void fill(Writer& writer, const Series& series) {
  for (const std::size_t half : {0U, 1U}) {
    const auto first = static_cast<std::int64_t>(half * kRows / 2);
    auto batch = batch_of(series, bars_of(series, {.first = first, .rows = kRows / 2}));
    batch.raw = support::observations_of(series, first, kRows / 2, 1);
    ASSERT_TRUE(writer.commit(batch));
  }
  const auto at = kLearned + Micros{1};
  ASSERT_TRUE(writer.commit(batch_of(
      series,
      bars_of(series,
              {.first = 1, .rows = 1, .price = 7, .finality = Finality::revised, .revision = 1, .recorded_at = at}))));
  ASSERT_TRUE(writer.seal(series, TimePoint::max()));
}

class Removal : public ::testing::Test {
 protected:
  std::unique_ptr<Writer> lock() const { return site_.open()->lock(20s, {}).value(); }

  std::set<std::string> files(std::string_view part) const {
    std::set<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator{site_.parquet_path()}) {
      const auto path = entry.path().string().substr(site_.parquet_path().size() + 1);
      if (entry.is_regular_file() && path.starts_with(part)) found.insert(path);
    }
    return found;
  }
  std::string kept() const { return site_.root() + "/kept"; }
  std::string manifest_path() const { return site_.parquet_path() + "/_manifest/bybit.linear.BTCUSDT%401h.json"; }
  // The lake as it was, over the lake as it is: what a crash before the last steps would have left.
  void keep_lake() const { fs::copy(site_.parquet_path(), kept(), fs::copy_options::recursive); }
  void put_back(const fs::path& part) const {
    fs::copy(kept() / part, site_.parquet_path() / part,
             fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    fs::remove(site_.db_path() + ".sha256");
  }
  void expect_gone() const {
    const auto store = site_.open();
    static_cast<void>(store->lock(20s, {}).value());
    EXPECT_FALSE(store->manifest(series_).value());
    EXPECT_TRUE(store->list().value().empty());
    EXPECT_TRUE(files("dataset=validated").empty());
    EXPECT_FALSE(fs::exists(site_.parquet_path() + "/_manifest/_writing"));
  }

  TemporaryStore site_;
  Series series_ = support::series_of("bybit.linear.BTCUSDT@1h");
};

TEST_F(Removal, FilesAndFoldersGoAndObservationsStay) {
  fill(*lock(), series_);
  const auto raw = files("dataset=raw");
  ASSERT_FALSE(files(".superseded").empty());
  const auto footprint = site_.open()->footprint(series_).value();
  EXPECT_EQ(footprint.rows, static_cast<std::int64_t>(kRows));
  EXPECT_GT(footprint.bytes, 0);
  EXPECT_GT(footprint.raw_bytes, 0);

  ASSERT_TRUE(lock()->remove(series_, Raw::kept));
  EXPECT_FALSE(fs::exists(site_.parquet_path() + "/dataset=validated_ohlcv"));
  EXPECT_EQ(files("dataset=raw"), raw);
  EXPECT_EQ(site_.open()->footprint(series_)->raw_bytes, footprint.raw_bytes);
  expect_gone();

  ASSERT_TRUE(lock()->remove(series_, Raw::removed));
  EXPECT_FALSE(fs::exists(site_.parquet_path() + "/dataset=raw_ohlcv"));
  EXPECT_TRUE(files(".superseded").empty());
}

// Replaced files are named by what is in them.
TEST_F(Removal, AFileThatAnotherSeriesHasTooStays) {
  const auto twin = support::series_of("bybit.spot.BTCUSDT@1h");
  const auto writer = lock();
  fill(*writer, series_);
  fill(*writer, twin);
  ASSERT_TRUE(writer->remove(series_, Raw::removed));
  const auto store = site_.open();
  const auto manifest = store->manifest(twin).value().value();
  const auto before = store->read(manifest, kAllTime, {.as_of = kLearned});
  ASSERT_TRUE(before) << before.error().message;
  EXPECT_EQ(before->rows, kRows);
  EXPECT_EQ(store->read_raw(manifest, kAllTime, {})->rows, kRows);
}

TEST_F(Removal, ACrashAfterTheTransactionIsFinishedByTheNextWriter) {
  fill(*lock(), series_);
  keep_lake();
  ASSERT_TRUE(lock()->remove(series_, Raw::kept));
  put_back("");
  std::ofstream{site_.parquet_path() + "/_manifest/_writing"};
  const auto store = site_.open();
  EXPECT_EQ(store->read(store->manifest(series_).value().value(), kAllTime, {})->rows, kRows)
      << "until then readers see all of it";
  expect_gone();
  EXPECT_FALSE(files("dataset=raw").empty());
}

TEST_F(Removal, FilesThatACrashLeftAreSweptByTheNextWriter) {
  fill(*lock(), series_);
  keep_lake();
  ASSERT_TRUE(lock()->remove(series_, Raw::removed));
  put_back("dataset=validated_ohlcv");
  put_back("dataset=raw_ohlcv");
  put_back(".superseded");
  std::ofstream{site_.parquet_path() + "/_manifest/_writing"};
  EXPECT_FALSE(site_.open()->manifest(series_).value());
  expect_gone();
  EXPECT_TRUE(files("dataset=raw").empty());
  EXPECT_TRUE(files(".superseded").empty());
}

TEST_F(Removal, ALostDatabaseBringsNothingBack) {
  fill(*lock(), series_);
  const auto version = site_.open()->manifest(series_).value()->version;
  ASSERT_TRUE(lock()->remove(series_, Raw::kept));
  fs::remove(site_.db_path());
  expect_gone();
  fill(*lock(), series_);
  EXPECT_GT(site_.open()->manifest(series_).value()->version, version);
}

TEST_F(Removal, ACatalogueThatKnowsNoRemovalLearnsIt) {
  fill(*lock(), series_);
  {
    duckdb_database database = nullptr;
    duckdb_connection connection = nullptr;
    ASSERT_EQ(duckdb_open(site_.db_path().c_str(), &database), DuckDBSuccess);
    ASSERT_EQ(duckdb_connect(database, &connection), DuckDBSuccess);
    EXPECT_EQ(duckdb_query(connection, "ALTER TABLE series DROP COLUMN removed_version", nullptr), DuckDBSuccess);
    duckdb_disconnect(&connection);
    duckdb_close(&database);
    fs::remove(site_.db_path() + ".sha256");
  }
  ASSERT_TRUE(lock()->remove(series_, Raw::kept));
  expect_gone();
  fill(*lock(), series_);
  EXPECT_EQ(site_.open()->manifest(series_).value()->rows, static_cast<std::int64_t>(kRows));
}

[[noreturn]] void fill_and_remove_until_killed(const TemporaryStore& site, const Series& series, int ack) {
  const auto writer = site.open()->lock(20s, {});
  if (!writer) ::_exit(1);
  for (;;) {
    auto batch = batch_of(series, bars_of(series, {.rows = kRows}));
    batch.raw = support::observations_of(series, 0, kRows, 1);
    if (!(*writer)->commit(batch)) ::_exit(2);
    if (::write(ack, "+", 1) != 1) ::_exit(3);
    if (!(*writer)->remove(series, Raw::kept)) ::_exit(4);
  }
}

TEST_F(Removal, KillNineLeavesTheWholeOrNothing) {
  constexpr int kRounds = 10;
  constexpr int kTimeout = 120'000;  // ms; a busy machine starves a child for long
  std::mt19937 random{11};
  int whole = 0, gone = 0;
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const auto child = ::fork();
    if (child == 0) fill_and_remove_until_killed(site_, series_, pipe[1]);
    ::close(pipe[1]);
    pollfd begun{pipe[0], POLLIN, 0};
    EXPECT_EQ(::poll(&begun, 1, kTimeout), 1) << "the writer does nothing";
    std::this_thread::sleep_for(std::chrono::microseconds{random() % 40'000});
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ::close(pipe[0]);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the writer failed with exit " << WEXITSTATUS(status);

    for (const bool repaired : {false, true}) {
      const auto store = site_.open();
      if (repaired) static_cast<void>(store->lock(20s, {}).value());
      const auto manifest = store->manifest(series_);
      ASSERT_TRUE(manifest) << manifest.error().message;
      if (*manifest) {
        const auto frame = store->read(**manifest, kAllTime, {});
        ASSERT_TRUE(frame) << frame.error().message;
        EXPECT_EQ(frame->rows, kRows);
      }
      if (!repaired) continue;
      ++(*manifest ? whole : gone);
      std::set<std::string> named;
      if (*manifest)
        for (const auto& segment : (*manifest)->segments)
          if (segment.layer == Layer::validated) named.insert(segment.path);
      EXPECT_EQ(files("dataset=validated"), named) << "the lake holds what the manifest names and nothing else";
    }
  }
  EXPECT_EQ(whole + gone, kRounds);
}

}  // namespace
}  // namespace tdm::store::duckdb
