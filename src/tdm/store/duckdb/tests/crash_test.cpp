#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "tdm/store/duckdb/tests/temporary_store.hpp"
#include "tdm/store/rows.hpp"
#include "tests/support/bars.hpp"

// kill -9 in the middle of everything: what was acknowledged is there, whole, and nothing else is.
namespace tdm::store::duckdb {
namespace {

using support::bars_of;
using support::kAllTime;
using support::kLearned;

constexpr std::int64_t kRows = 20;  // rows a batch brings

// Batch k brings kRows bars and revises the first bar of batch k - 1, so that files are added and replaced; its last
// bar is provisional until batch k + 1 confirms it.
Batch batch_number(const Series& series, std::int64_t k) {
  const auto at = kLearned + std::chrono::seconds{k};
  BarColumns bars;
  if (k > 0) {
    append(bars, bars_of(series, {.first = (k - 1) * kRows,
                                  .rows = 1,
                                  .price = 500.0 + double(k),
                                  .finality = Finality::revised,
                                  .revision = 1,
                                  .recorded_at = at}));
    append(bars, bars_of(series, {.first = k * kRows - 1, .rows = 1, .price = double(k), .recorded_at = at}));
  }
  append(bars, bars_of(series, {.first = k * kRows, .rows = kRows - 1, .price = 100.0 + double(k), .recorded_at = at}));
  append(
      bars,
      bars_of(
          series,
          {.first = (k + 1) * kRows - 1, .rows = 1, .price = 1, .finality = Finality::provisional, .recorded_at = at}));
  auto batch = support::batch_of(series, bars);
  batch.raw = support::observations_of(series, k * kRows, kRows, k + 1);
  batch.watermark = series.timeframe.advance(support::kFirstOpen, (k + 1) * kRows);
  return batch;
}

// Commits batches from `first` on, one byte of acknowledgement each, until it is killed.
[[noreturn]] void commit_until_killed(const TemporaryStore& site, const Series& series, std::int64_t first, int ack) {
  const auto store = site.open();
  auto writer = store->lock(std::chrono::seconds{20}, {});
  if (!writer) ::_exit(1);
  for (auto k = first;; ++k) {
    if (!(*writer)->commit(batch_number(series, k))) ::_exit(2);
    if (::write(ack, "+", 1) != 1) ::_exit(3);
    if (k % 4 == 3 && !(*writer)->seal(series, TimePoint::max())) ::_exit(4);
  }
}

// Starts the child, kills it `life` after its start or after its first acknowledgement, and returns how many batches it
// acknowledged.
enum class From : bool { start, first_batch };
std::int64_t kill_a_writer(const TemporaryStore& site, const Series& series, std::int64_t first, From from,
                           std::chrono::microseconds life) {
  int pipe[2];
  EXPECT_EQ(::pipe(pipe), 0);
  const auto child = ::fork();
  if (child == 0) {
    ::close(pipe[0]);
    commit_until_killed(site, series, first, pipe[1]);
  }
  ::close(pipe[1]);
  std::int64_t acknowledged = 0;
  char byte = 0;
  if (from == From::first_batch) {
    constexpr int kTimeout = 120'000;  // ms; a busy machine starves a child for long
    pollfd ready{pipe[0], POLLIN, 0};
    EXPECT_EQ(::poll(&ready, 1, kTimeout), 1) << "the writer does nothing";
    if (::read(pipe[0], &byte, 1) == 1) ++acknowledged;
  }
  std::this_thread::sleep_for(life);
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the writer failed with exit " << WEXITSTATUS(status);
  while (::read(pipe[0], &byte, 1) == 1) ++acknowledged;
  ::close(pipe[0]);
  return acknowledged;
}

std::set<std::string> files_of_lake(const TemporaryStore& site) {
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{site.parquet_path()}) {
    const auto path = entry.path().string().substr(site.parquet_path().size() + 1);
    if (entry.is_regular_file() && path.starts_with("dataset=")) files.insert(path);
  }
  return files;
}

// The store holds exactly the batches 0..n-1.
void expect_batches(const Store& store, const Series& series, std::int64_t n) {
  const auto manifest = store.manifest(series).value();
  if (n == 0) {
    EXPECT_FALSE(manifest && manifest->rows > 0);
    return;
  }
  ASSERT_TRUE(manifest);
  EXPECT_EQ(manifest->rows, n * kRows);
  EXPECT_EQ(manifest->tail.size(), 1U);
  EXPECT_EQ(manifest->watermark, series.timeframe.advance(support::kFirstOpen, n * kRows));
  std::map<TimePoint, double> expected;
  for (std::int64_t k = 0; k < n; ++k) {
    const auto rows = batch_number(series, k).validated;
    for (std::size_t row = 0; row < rows.size(); ++row) expected[rows.open_time[row]] = rows.open[row];
  }
  const auto frame = store.read(*manifest, kAllTime, {.include_tail = true});
  ASSERT_TRUE(frame) << frame.error().message;
  const auto rows = support::rows_of(*frame);
  ASSERT_EQ(rows.size(), expected.size());
  std::size_t row = 0;
  for (const auto& [open_time, open] : expected) {
    ASSERT_EQ(rows.open_time[row], open_time);
    ASSERT_EQ(rows.open[row], open) << to_iso(open_time);
    ++row;
  }
  const auto raw = store.read_raw(*manifest, kAllTime, {});
  ASSERT_TRUE(raw) << raw.error().message;
  EXPECT_EQ(raw->rows, static_cast<std::size_t>(n * kRows));
}

TEST(Crash, WhatWasAcknowledgedSurvivesKillNine) {
  constexpr int kRounds = 16;
  const TemporaryStore site;
  const auto series = support::series_of("bybit.linear.BTCUSDT@1h");
  std::mt19937 random{7};
  std::int64_t stored = 0;
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const std::chrono::microseconds life{random() % 80'000};
    const auto from = round % 4 == 0 ? From::start : From::first_batch;
    const auto acknowledged = stored + kill_a_writer(site, series, stored, from, life);
    const auto store = site.open();

    // A reader that comes before any writer: the last manifest, whole.
    const auto seen = store->manifest(series);
    ASSERT_TRUE(seen) << seen.error().message;
    const auto before = *seen ? (*seen)->rows / kRows : 0;
    EXPECT_GE(before, acknowledged);
    expect_batches(*store, series, before);

    const auto writer = store->lock(std::chrono::seconds{20}, {});
    ASSERT_TRUE(writer) << writer.error().message;
    const auto now = store->manifest(series).value();
    stored = now ? now->rows / kRows : 0;
    EXPECT_GE(stored, acknowledged) << "an acknowledged batch was lost";
    EXPECT_LE(stored, acknowledged + 1) << "more than the batch in flight came";
    expect_batches(*store, series, stored);

    const auto checks = store->verify(series).value();  // named: a temporary would be gone in the loop
    for (const auto& check : checks) EXPECT_EQ(check.problem, "");
    std::set<std::string> named;
    if (now)
      for (const auto& segment : now->segments) named.insert(segment.path);
    EXPECT_EQ(files_of_lake(site), named) << "the lake holds what the manifest names and nothing else";
  }
  EXPECT_GT(stored, kRounds / 2) << "the writers never got to work";
}

TEST(Crash, TheLockOfADeadProcessIsFree) {
  const TemporaryStore site;
  const auto series = support::series_of("bybit.linear.BTCUSDT@1h");
  static_cast<void>(site.open()->lock(std::chrono::seconds{5}, {}).value());
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  const auto child = ::fork();
  if (child == 0) {
    const auto writer = site.open()->lock(std::chrono::seconds{5}, {});
    if (!writer || ::write(pipe[1], "+", 1) != 1) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  char held = 0;
  ASSERT_EQ(::read(pipe[0], &held, 1), 1);
  const auto store = site.open();
  const auto refused = store->lock(std::chrono::milliseconds{20}, {});
  ASSERT_FALSE(refused) << "another process holds it";
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_NE(refused.error().message.find(".lock"), std::string::npos);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(store->lock(std::chrono::milliseconds{500}, {}));
  ::close(pipe[0]);
  ::close(pipe[1]);
}

}  // namespace
}  // namespace tdm::store::duckdb
