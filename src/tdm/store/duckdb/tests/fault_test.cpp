#include <duckdb.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "tdm/core/clock.hpp"
#include "tdm/store/duckdb/tests/temporary_store.hpp"
#include "tdm/store/rows.hpp"
#include "tests/support/bars.hpp"

// What happens to disks, and to people's files.
namespace tdm::store::duckdb {
namespace {

namespace fs = std::filesystem;
using support::bars_of;
using support::batch_of;
using support::equal_rows;
using support::kAllTime;
using support::rows_of;

std::string slurp(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

void spill(const std::string& path, const std::string& bytes) {
  std::ofstream{path, std::ios::binary | std::ios::trunc} << bytes;
}

class Fault : public ::testing::Test {
 protected:
  std::unique_ptr<Writer> lock() {
    auto writer = store_->lock(std::chrono::seconds{5}, {});
    EXPECT_TRUE(writer) << writer.error().message;
    return writer ? *std::move(writer) : nullptr;
  }

  void commit(std::int64_t first, std::size_t rows, double price = 100) {
    auto batch = batch_of(series_, bars_of(series_, {.first = first, .rows = rows, .price = price}));
    batch.raw = support::observations_of(series_, first, rows, 1);
    const auto done = lock()->commit(batch);
    ASSERT_TRUE(done) << done.error().message;
  }

  Manifest manifest() const { return store_->manifest(series_).value().value(); }
  Result<Frame> read() const { return store_->read(manifest(), kAllTime, {}); }
  std::string manifest_path() const { return site_.parquet_path() + "/_manifest/bybit.linear.BTCUSDT%401h.json"; }
  std::string segment_path() const {
    for (const auto& segment : manifest().segments)
      if (segment.layer == Layer::validated) return site_.parquet_path() + "/" + segment.path;
    return {};
  }

  TemporaryStore site_;
  std::shared_ptr<Store> store_ = site_.open();
  Series series_ = support::series_of("bybit.linear.BTCUSDT@1h");
};

TEST_F(Fault, ATruncatedSegmentIsNamed) {
  commit(0, 200);
  const auto path = segment_path();
  fs::resize_file(path, fs::file_size(path) / 2);
  const auto frame = read();
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().code, ErrorCode::corrupt_data);
  EXPECT_NE(frame.error().message.find(manifest().segments.back().path), std::string::npos) << frame.error().message;
  int problems = 0;
  const auto checks = store_->verify(series_).value();  // named: a temporary would be gone in the loop
  for (const auto& check : checks) problems += check.problem.empty() ? 0 : 1;
  EXPECT_EQ(problems, 1);
}

TEST_F(Fault, ALostSegmentIsNamed) {
  commit(0, 20);
  fs::remove(segment_path());
  const auto frame = read();
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().code, ErrorCode::corrupt_data);
  EXPECT_NE(frame.error().message.find("missing"), std::string::npos);
}

TEST_F(Fault, NoFlippedByteGivesAWrongRow) {
  commit(0, 400);
  ASSERT_TRUE(read());
  const auto path = segment_path();
  const auto good = slurp(path);
  for (std::size_t at = 0; at < good.size(); at += 1 + good.size() / 150) {
    auto bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << (at % 8)));
    spill(path, bad);
    const auto frame = read();
    ASSERT_FALSE(frame) << "byte " << at << " of " << good.size();
    ASSERT_EQ(frame.error().code, ErrorCode::corrupt_data);
  }
  spill(path, good);
  EXPECT_TRUE(read());
}

// Bits that rot under a file whose hash this process has compared: identity and time are the same as before.
TEST_F(Fault, PagesAreCheckedEveryTime) {
  commit(0, 4'000);
  const auto expected = rows_of(read().value());
  const auto path = segment_path();
  struct ::stat before{};
  ASSERT_EQ(::stat(path.c_str(), &before), 0);
  const auto size = static_cast<std::size_t>(before.st_size);
  int noticed = 0;
  for (std::size_t at = size / 8; at < size * 6 / 8; at += size / 40) {
    const auto fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    char byte = 0;
    ASSERT_EQ(::pread(fd, &byte, 1, static_cast<off_t>(at)), 1);
    const char flipped = static_cast<char>(byte ^ 0x10);
    const timespec times[2] = {before.st_atim, before.st_mtim};
    ASSERT_EQ(::pwrite(fd, &flipped, 1, static_cast<off_t>(at)), 1);
    ASSERT_EQ(::futimens(fd, times), 0);
    const auto frame = read();
    if (frame) {
      EXPECT_TRUE(equal_rows(rows_of(*frame), expected)) << "byte " << at;
    } else {
      ++noticed;
    }
    ASSERT_EQ(::pwrite(fd, &byte, 1, static_cast<off_t>(at)), 1);
    ASSERT_EQ(::futimens(fd, times), 0);
    ::close(fd);
  }
  EXPECT_GT(noticed, 15);
}

TEST_F(Fault, ALostManifestIsWrittenAgainByTheNextWriter) {
  commit(0, 20);
  const auto before = slurp(manifest_path());
  ASSERT_FALSE(before.empty());
  fs::remove(manifest_path());
  EXPECT_FALSE(store_->manifest(series_).value());
  static_cast<void>(lock());
  EXPECT_EQ(slurp(manifest_path()), before);
  EXPECT_EQ(read().value().rows, 20U);
}

TEST_F(Fault, AnOlderManifestIsReadUntilTheNextWriterComes) {
  commit(0, 20);
  const auto old = slurp(manifest_path());
  commit(20, 20);
  const auto current = slurp(manifest_path());
  spill(manifest_path(), old);
  EXPECT_EQ(read().value().rows, 20U) << "old but whole";
  static_cast<void>(lock());
  EXPECT_EQ(slurp(manifest_path()), current);
  EXPECT_EQ(read().value().rows, 40U);
}

TEST_F(Fault, ADamagedManifestIsNamedAndWrittenAgain) {
  commit(0, 20);
  const auto good = slurp(manifest_path());
  for (const auto& bad : {std::string{}, good.substr(0, good.size() / 2), std::string{"{\"format\":99}"}}) {
    spill(manifest_path(), bad);
    const auto seen = store_->manifest(series_);
    ASSERT_FALSE(seen);
    EXPECT_EQ(seen.error().code, ErrorCode::corrupt_data);
    EXPECT_NE(seen.error().message.find(manifest_path()), std::string::npos);
    static_cast<void>(lock());
    EXPECT_EQ(read().value().rows, 20U);
  }
}

TEST_F(Fault, ALostDatabaseIsMadeAgainFromTheManifests) {
  auto batch = batch_of(series_, bars_of(series_, {.rows = 20}));
  append(batch.validated, bars_of(series_, {.first = 20, .rows = 2, .finality = Finality::provisional}));
  batch.gaps = {Gap{.id = 0,
                    .series = series_,
                    .range = TimeRange::of(support::kLearned, support::kLearned + std::chrono::hours{1}),
                    .bars = 1,
                    .cause = GapCause::no_trades,
                    .evidence = "zero volume",
                    .state = GapState::accounted,
                    .first_look = support::kLearned,
                    .last_look = support::kLearned,
                    .looks = 2,
                    .accepted_reason = ""}};
  {
    const auto writer = lock();
    ASSERT_TRUE(writer->claim_origin("bybit", "testnet"));
    ASSERT_TRUE(writer->put_resolution({"bybit", "btc", series_.instrument, support::kLearned}));
    ASSERT_TRUE(writer->commit(batch));
    ASSERT_TRUE(writer->commit(batch_of(series_, bars_of(series_, {.first = 3,
                                                                   .rows = 1,
                                                                   .price = 5,
                                                                   .finality = Finality::revised,
                                                                   .revision = 1,
                                                                   .recorded_at = support::kLearned + Micros{5}}))));
  }
  const auto before = manifest();
  const auto now = rows_of(read().value());
  fs::remove(site_.db_path());
  {
    const auto writer = lock();
    const auto refused = writer->claim_origin("bybit", "mainnet");
    ASSERT_FALSE(refused);
    EXPECT_EQ(writer->put_resolution({"bybit", "btc", series_.instrument, support::kLearned + Micros{1}})->decided_at,
              support::kLearned);
    EXPECT_EQ(writer->current(series_, kAllTime).value().size(), 22U);
    ASSERT_TRUE(writer->commit(batch_of(series_, bars_of(series_, {.first = 40, .rows = 5}))));
  }
  EXPECT_EQ(manifest().version, before.version + 1);
  EXPECT_EQ(manifest().gaps, before.gaps);
  EXPECT_TRUE(equal_rows(manifest().tail, before.tail));
  EXPECT_TRUE(equal_rows(slice(rows_of(read().value()), 0, 20), now));
  EXPECT_EQ(rows_of(store_->read(manifest(), kAllTime, {.as_of = support::kLearned}).value()).open[3],
            batch.validated.open[3]);
}

TEST_F(Fault, AnOldCopyOfTheDatabaseIsNoticed) {
  commit(0, 20);
  const auto old = slurp(site_.db_path());
  commit(20, 20);
  spill(site_.db_path(), old);
  const auto writer = store_->lock(std::chrono::seconds{1}, {});
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code, ErrorCode::corrupt_data);
  EXPECT_NE(writer.error().message.find("replaced"), std::string::npos);
}

TEST_F(Fault, AnOldCopyOfTheDatabaseFollowsTheManifests) {
  commit(0, 20);
  const auto old = slurp(site_.db_path());
  commit(20, 20);
  spill(site_.db_path(), old);
  fs::remove(site_.db_path() + ".sha256");  // as after a crash
  commit(40, 20);
  EXPECT_EQ(read().value().rows, 60U);
  const auto checks = store_->verify(series_).value();  // named: a temporary would be gone in the loop
  for (const auto& check : checks) EXPECT_EQ(check.problem, "");
}

TEST_F(Fault, AForeignFileAsDatabaseIsRefusedByName) {
  fs::create_directories(fs::path{site_.db_path()}.parent_path());
  spill(site_.db_path(), "exchange,symbol\nbybit,BTCUSDT\n" + std::string(8'192, 'x'));
  const auto writer = store_->lock(std::chrono::seconds{1}, {});
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code, ErrorCode::corrupt_data) << writer.error().message;
  EXPECT_EQ(writer.error().parameter, "db_path");
  EXPECT_NE(writer.error().message.find(site_.db_path()), std::string::npos);
}

TEST_F(Fault, ADatabaseOfSomethingElseIsRefusedAndLeftAlone) {
  fs::create_directories(fs::path{site_.db_path()}.parent_path());
  {
    duckdb_database database = nullptr;
    duckdb_connection connection = nullptr;
    ASSERT_EQ(duckdb_open(site_.db_path().c_str(), &database), DuckDBSuccess);
    ASSERT_EQ(duckdb_connect(database, &connection), DuckDBSuccess);
    ASSERT_EQ(duckdb_query(connection, "CREATE TABLE mine(x INTEGER)", nullptr), DuckDBSuccess);
    duckdb_disconnect(&connection);
    duckdb_close(&database);
  }
  const auto writer = store_->lock(std::chrono::seconds{1}, {});
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code, ErrorCode::invalid_argument) << writer.error().message;
  EXPECT_EQ(writer.error().parameter, "db_path");
}

// Also the damage that DuckDB's own checksum does not see: words that repeat cancel out.
TEST_F(Fault, ADamagedDatabaseIsRefused) {
  commit(0, 20);
  const auto good = slurp(site_.db_path());
  for (std::size_t at = 0; at < good.size(); at += 4'096) {
    auto bad = good;
    for (std::size_t i = at; i < std::min(at + 64, bad.size()); ++i) bad[i] = static_cast<char>(~bad[i]);
    spill(site_.db_path(), bad);
    const auto writer = store_->lock(std::chrono::seconds{1}, {});
    ASSERT_FALSE(writer) << "block at " << at;
    EXPECT_EQ(writer.error().code, ErrorCode::corrupt_data) << "block at " << at << ": " << writer.error().message;
  }
  EXPECT_EQ(read().value().rows, 20U) << "readers do not need it";
  spill(site_.db_path(), good);
  EXPECT_NE(lock(), nullptr);
}

TEST_F(Fault, AFolderThatCannotBeWrittenIsNamed) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  fs::create_directories(site_.root() + "/data");
  fs::permissions(site_.root(), fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
  fs::permissions(site_.root() + "/data", fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
  constexpr uid_t kNobody = 65'534;
  ASSERT_EQ(::seteuid(kNobody), 0);
  const auto writer = store_->lock(std::chrono::milliseconds{100}, {});
  ASSERT_EQ(::seteuid(0), 0);
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code, ErrorCode::configuration);
  EXPECT_NE(writer.error().message.find(site_.root()), std::string::npos) << writer.error().message;
  EXPECT_NE(writer.error().message.find("Permission denied"), std::string::npos) << writer.error().message;
}

TEST_F(Fault, APathThatIsAFileIsNamed) {
  fs::create_directories(fs::path{site_.parquet_path()}.parent_path());
  spill(site_.parquet_path(), "not a folder");
  const auto writer = store_->lock(std::chrono::milliseconds{100}, {});
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code, ErrorCode::configuration);
  EXPECT_NE(writer.error().message.find(site_.parquet_path()), std::string::npos) << writer.error().message;
}

// A file may not grow beyond a limit: what a full disk looks like to one process, without a disk.
TEST_F(Fault, NoSpaceRefusesTheBatchAndLosesNothing) {
  commit(0, 20);
  const auto writer = lock();
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit tight = before;
  tight.rlim_cur = 5'000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const auto big = batch_of(series_, bars_of(series_, {.first = 20, .rows = 5'000}));
  const auto refused = writer->commit(big);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::storage_full) << refused.error().message;
  EXPECT_EQ(read().value().rows, 20U);
  const auto resumed = writer->commit(big);
  ASSERT_TRUE(resumed) << "with space again the same writer goes on: " << resumed.error().message;
  EXPECT_EQ(read().value().rows, 5'020U);
}

// A real file system of a few MB.
class SmallDisk {
 public:
  SmallDisk() { mounted_ = ::mount("tmpfs", site_.root().c_str(), "tmpfs", 0, "size=6m") == 0; }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) ::umount2(site_.root().c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }
  const TemporaryStore& site() const { return site_; }

 private:
  TemporaryStore site_;
  bool mounted_ = false;
};

TEST(FullDisk, WritingStopsReadingGoesOnAndWritingResumes) {
  const SmallDisk disk;
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a small tmpfs";
  const auto store = disk.site().open();
  const auto series = support::series_of("bybit.linear.BTCUSDT@1m");
  auto writer = store->lock(std::chrono::seconds{5}, {}).value();
  constexpr std::size_t kRows = 1'000;
  std::int64_t stored = 0;
  const auto batch = [&](std::int64_t k) {
    auto rows = batch_of(series, bars_of(series, {.first = k * static_cast<std::int64_t>(kRows), .rows = kRows}));
    rows.raw = support::observations_of(series, k * static_cast<std::int64_t>(kRows), kRows, 1);
    return rows;
  };
  const auto rows_stored = [&] {
    const auto now = store->manifest(series).value().value();
    const auto frame = store->read(now, kAllTime, {});
    EXPECT_TRUE(frame) << frame.error().message;
    return frame ? static_cast<std::int64_t>(frame->rows / kRows) : -1;
  };
  ASSERT_TRUE(writer->commit(batch(stored++)));
  // Fill the disk so that the failure comes at different steps: while a segment, the catalogue or a manifest is
  // written.
  for (const std::size_t left : {5'000, 40'000, 90'000, 160'000}) {
    SCOPED_TRACE(left);
    const auto filler = disk.site().root() + "/filler";
    const auto free = fs::space(disk.site().root()).available;
    spill(filler, std::string(free > left ? free - left : 0, 'x'));
    std::optional<Error> full;
    for (int i = 0; i < 40 && !full; ++i) {
      const auto done = writer->commit(batch(stored));
      if (done)
        ++stored;
      else
        full = done.error();
    }
    ASSERT_TRUE(full);
    EXPECT_EQ(full->code, ErrorCode::storage_full) << full->message;
    const auto seen = rows_stored();
    EXPECT_GE(seen, stored) << "what was acknowledged is read";
    fs::remove(filler);
    const auto resumed = writer->commit(batch(stored));
    ASSERT_TRUE(resumed) << resumed.error().message;
    ++stored;
    EXPECT_EQ(rows_stored(), stored);
    ASSERT_TRUE(writer->seal(series, TimePoint::max()));
    EXPECT_EQ(rows_stored(), stored);
  }
  const auto checks = store->verify(series).value();  // named: a temporary would be gone in the loop
  for (const auto& check : checks) EXPECT_EQ(check.problem, "");
}

TEST_F(Fault, OrphansAreRemovedByTheNextWriterAndByNobodyElse) {
  commit(0, 20);
  const auto folder = fs::path{segment_path()}.parent_path().string();
  const auto orphan = folder + "/20230101T000000Z-0123456789abcdef.parquet";
  const auto temporary = folder + "/.tmp-20230101T000000Z-0123456789abcdef.parquet.part";
  const auto foreign = folder + "/my own.parquet";
  for (const auto& path : {orphan, temporary, foreign}) spill(path, "x");
  spill(site_.parquet_path() + "/_manifest/_writing", "");
  EXPECT_EQ(site_.open()->read(manifest(), kAllTime, {}).value().rows, 20U);
  EXPECT_TRUE(fs::exists(orphan)) << "readers change nothing";
  static_cast<void>(lock());
  EXPECT_FALSE(fs::exists(orphan));
  EXPECT_FALSE(fs::exists(temporary));
  EXPECT_TRUE(fs::exists(foreign)) << "what is not ours stays";
  EXPECT_FALSE(fs::exists(site_.parquet_path() + "/_manifest/_writing"));
  EXPECT_EQ(read().value().rows, 20U);
}

TEST_F(Fault, MergedFilesAreKeptForADayAndRevisedOnesForEver) {
  ManualClock clock{support::kLearned};
  store_ = site_.open(clock);
  commit(0, 20, 1);
  commit(20, 20, 2);
  ASSERT_TRUE(lock()->commit(batch_of(series_, bars_of(series_, {.first = 3,
                                                                 .rows = 1,
                                                                 .price = 5,
                                                                 .finality = Finality::revised,
                                                                 .revision = 1,
                                                                 .recorded_at = support::kLearned + Micros{5}}))));
  const auto pinned = manifest();
  ASSERT_TRUE(lock()->seal(series_, TimePoint::max()));
  EXPECT_LT(manifest().segments.size(), pinned.segments.size());
  clock.advance(std::chrono::hours{23});
  static_cast<void>(lock());
  EXPECT_TRUE(store_->read(pinned, kAllTime, {}));
  clock.advance(std::chrono::hours{2});
  static_cast<void>(lock());
  EXPECT_EQ(store_->read(pinned, kAllTime, {}).error().code, ErrorCode::corrupt_data);
  EXPECT_TRUE(
      equal_rows(slice(rows_of(store_->read(manifest(), kAllTime, {.as_of = support::kLearned}).value()), 0, 20),
                 bars_of(series_, {.rows = 20, .price = 1})))
      << "knowledge is never thrown away";
}

TEST(Options, WhatIsMissingOrUnknownIsNamed) {
  const auto no_path = module().open({"", "lake", {}}, system_clock());
  ASSERT_FALSE(no_path);
  EXPECT_EQ(no_path.error().parameter, "db_path");
  const auto unknown = module().open({"a", "b", {{"parquet_pth", "x"}}}, system_clock());
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().suggestions.at(0), "parquet_path");
}

TEST(Options, OpeningAndReadingMakesNoFiles) {
  const TemporaryStore site;
  const auto store = site.open();
  EXPECT_TRUE(store->list().value().empty());
  EXPECT_FALSE(store->manifest(support::series_of("bybit.linear.BTCUSDT@1h")).value());
  EXPECT_TRUE(fs::is_empty(site.root()));
}

}  // namespace
}  // namespace tdm::store::duckdb
