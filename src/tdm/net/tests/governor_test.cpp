#include "tdm/net/governor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <filesystem>
#include <fstream>
#include <vector>

namespace tdm::net {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

class GovernorTest : public ::testing::Test {
 protected:
  GovernorTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tdm-governor-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~GovernorTest() override { std::filesystem::remove_all(directory_); }

  std::string file() const { return directory_ / "store.quota"; }
  static std::shared_ptr<Governor> open(GovernorOptions options) {
    auto governor = Governor::open(std::move(options), system_clock());
    EXPECT_TRUE(governor) << governor.error().message;
    return std::move(*governor);
  }

  std::filesystem::path directory_;
};

// Takes turns until `until`, each request lasting `latency`; the times of the turns.
asio::awaitable<void> take_turns(std::shared_ptr<Governor> governor, steady_clock::time_point until,
                                 std::chrono::milliseconds latency, std::vector<steady_clock::time_point>& turns) {
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer{executor};
  while (true) {
    auto permit = co_await governor->acquire(until);
    if (!permit) co_return;
    turns.push_back(steady_clock::now());
    timer.expires_after(latency);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

std::vector<steady_clock::time_point> run(const std::shared_ptr<Governor>& governor, int tasks,
                                          std::chrono::milliseconds time) {
  asio::io_context loop;
  std::vector<steady_clock::time_point> turns;
  const auto until = steady_clock::now() + time;
  for (int i = 0; i < tasks; ++i) asio::co_spawn(loop, take_turns(governor, until, 5ms, turns), asio::detached);
  loop.run();
  return turns;
}

// What the even pace permits since `begin`, whenever a busy machine lets the tasks notice their turns.
double permitted_since(steady_clock::time_point begin, double rate) {
  return rate * std::chrono::duration<double>(steady_clock::now() - begin).count() + 2;
}

Error refusal(const std::shared_ptr<Governor>& governor, std::chrono::milliseconds wait) {
  asio::io_context loop;
  Error error;
  auto ask = [&]() -> asio::awaitable<void> {
    auto permit = co_await governor->acquire(steady_clock::now() + wait);
    EXPECT_FALSE(permit);
    if (!permit) error = permit.error();
  };
  asio::co_spawn(loop, ask(), asio::detached);
  loop.run();
  return error;
}

TEST_F(GovernorTest, ManyTasksShareOneEvenPace) {
  const auto governor = open({.name = "bybit", .quota = {.requests = 600}, .rate_limit = 200});
  EXPECT_DOUBLE_EQ(governor->permitted_rate(), 120);
  const auto begin = steady_clock::now();
  const auto turns = run(open({.name = "bybit", .quota = {.requests = 0}, .rate_limit = 100}), 20, 1'000ms);
  EXPECT_LE(static_cast<double>(turns.size()), permitted_since(begin, 100));
  EXPECT_GE(turns.size(), 50u) << "pace_test.cpp judges the share; here the machine may be busy";
}

TEST_F(GovernorTest, ATurnBehindTheDeadlineIsRefusedAtOnceWithTheWait) {
  const auto governor = open({.name = "bybit", .rate_limit = 0.5});
  ASSERT_EQ(run(governor, 1, 100ms).size(), 1u);
  const auto begin = steady_clock::now();
  const auto error = refusal(governor, 500ms);
  EXPECT_LT(steady_clock::now() - begin, 200ms);
  EXPECT_EQ(error.code, ErrorCode::rate_limited);
  EXPECT_GT(error.retry_after.value(), 500ms);
  EXPECT_LE(error.retry_after.value(), 2'000ms);
  EXPECT_NE(error.message.find("bybit: 0.5 requests per second"), std::string::npos) << error.message;
}

TEST_F(GovernorTest, APauseHoldsForAllAndNothingShortensIt) {
  const auto governor = open({.name = "bybit", .rate_limit = 100, .memory_file = file()});
  const auto other = open({.name = "bybit", .rate_limit = 100, .memory_file = file()});
  const auto until = system_clock().now() + 600s;
  governor->pause_until(until, "HTTP 403: access too frequent");
  governor->pause_until(until - 60s, "shorter");
  EXPECT_EQ(other->paused_until(), until);
  const auto error = refusal(governor, 1s);
  EXPECT_EQ(error.code, ErrorCode::rate_limited);
  EXPECT_NE(error.message.find("HTTP 403: access too frequent"), std::string::npos) << error.message;
  EXPECT_GT(error.retry_after.value(), 590s);
  EXPECT_EQ(refusal(other, 1s).code, ErrorCode::rate_limited);
  EXPECT_FALSE(open({.name = "binance", .rate_limit = 100, .memory_file = file()})->paused_until());
}

TEST_F(GovernorTest, APauseThatComesWhileTasksWaitReachesThem) {
  const auto governor = open({.name = "bybit", .rate_limit = 1});
  asio::io_context loop;
  int refused = 0;
  auto ask = [&]() -> asio::awaitable<void> {
    auto permit = co_await governor->acquire(steady_clock::now() + 5s);
    if (!permit && permit.error().code == ErrorCode::rate_limited) ++refused;
  };
  auto pause = [&]() -> asio::awaitable<void> {
    asio::steady_timer timer{co_await asio::this_coro::executor, 20ms};
    co_await timer.async_wait(asio::use_awaitable);
    governor->pause_until(system_clock().now() + 60s, "told to");
  };
  const auto begin = steady_clock::now();
  for (int i = 0; i < 4; ++i) asio::co_spawn(loop, ask(), asio::detached);
  asio::co_spawn(loop, pause(), asio::detached);
  loop.run();
  EXPECT_EQ(refused, 3) << "the first had its turn before the pause";
  EXPECT_LT(steady_clock::now() - begin, 2s);
}

TEST_F(GovernorTest, AWaitCanBeCancelled) {
  const auto governor = open({.name = "bybit", .rate_limit = 0.1});
  ASSERT_EQ(run(governor, 1, 50ms).size(), 1u);
  asio::io_context loop;
  asio::cancellation_signal stop;
  std::optional<Error> error;
  auto ask = [&]() -> asio::awaitable<void> {
    auto permit = co_await governor->acquire(steady_clock::now() + 60s);
    if (!permit) error = permit.error();
  };
  asio::co_spawn(loop, ask(), asio::bind_cancellation_slot(stop.slot(), asio::detached));
  asio::steady_timer timer{loop, 20ms};
  timer.async_wait([&](auto) { stop.emit(asio::cancellation_type::terminal); });
  const auto begin = steady_clock::now();
  loop.run();
  EXPECT_LT(steady_clock::now() - begin, 2s);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::cancelled);
}

TEST_F(GovernorTest, OptionsThatCannotBeRightAreRefused) {
  for (const double rate : {0.0, -1.0, 1e9, std::numeric_limits<double>::quiet_NaN()}) {
    const auto governor = Governor::open({.name = "bybit", .rate_limit = rate}, system_clock());
    ASSERT_FALSE(governor) << rate;
    EXPECT_EQ(governor.error().parameter, "rate_limit");
  }
  EXPECT_FALSE(Governor::open({.name = ""}, system_clock()));
}

TEST_F(GovernorTest, ARestartRemembersWhatWasSent) {
  EXPECT_EQ(run(open({.name = "bybit", .rate_limit = 0.1, .memory_file = file()}), 1, 50ms).size(), 1u);
  EXPECT_EQ(refusal(open({.name = "bybit", .rate_limit = 0.1, .memory_file = file()}), 50ms).code,
            ErrorCode::rate_limited);
  EXPECT_EQ(run(open({.name = "deribit", .rate_limit = 0.1, .memory_file = file()}), 1, 50ms).size(), 1u);
}

TEST_F(GovernorTest, AFileThatIsNoneOfOursIsMadeAnew) {
  for (const auto& content : {std::string{}, std::string{"not a quota memory"}, std::string(3u << 20, 'x')}) {
    std::ofstream{file(), std::ios::binary | std::ios::trunc} << content;
    const auto turns = run(open({.name = "bybit", .rate_limit = 100, .memory_file = file()}), 2, 60ms);
    EXPECT_GE(turns.size(), 2u);
    EXPECT_GT(std::filesystem::file_size(file()), 1'000'000u);
  }
}

TEST_F(GovernorTest, WithoutAFileToShareItStillKeepsThePace) {
  const auto governor = open({.name = "bybit", .rate_limit = 50, .memory_file = "/proc/no/such/file"});
  const auto begin = steady_clock::now();
  const auto turns = run(governor, 4, 200ms);
  EXPECT_LE(static_cast<double>(turns.size()), permitted_since(begin, 50));
  EXPECT_GE(turns.size(), 2u);
}

TEST_F(GovernorTest, UnitsHaveARateAndAShare) {
  const auto governor =
      open({.name = "binance.spot", .quota = {6'000, std::chrono::minutes{1}}, .rate_limit = 30, .share = 0.8});
  EXPECT_DOUBLE_EQ(governor->permitted_rate(), 30);
  EXPECT_DOUBLE_EQ(governor->permitted_rate(2), 30);
  EXPECT_DOUBLE_EQ(governor->permitted_rate(20), 4);
  governor->set_quota(1'200);
  EXPECT_DOUBLE_EQ(governor->permitted_rate(2), 8);
  governor->set_quota(0);
  EXPECT_DOUBLE_EQ(governor->permitted_rate(2), 8) << "an exchange without a quota is a misprint";
  EXPECT_FALSE(Governor::open({.name = "binance.spot", .share = 1.5}, system_clock()));
}

TEST_F(GovernorTest, AQuotaThatMayBeSpentAtOnceIsButNotTwice) {
  const auto governor = open({.name = "x", .quota = {20, 10'000ms}, .rate_limit = 10'000, .even = false});
  EXPECT_DOUBLE_EQ(governor->permitted_rate(), 2);
  EXPECT_EQ(run(governor, 4, 300ms).size(), 20U);
}

TEST_F(GovernorTest, ARequestThatTheQuotaNeverHoldsIsRefusedAtOnce) {
  const auto governor = open({.name = "binance.spot", .quota = {10, std::chrono::minutes{1}}, .rate_limit = 1'000});
  asio::io_context loop;
  std::optional<Error> error;
  auto ask = [&]() -> asio::awaitable<void> {
    auto permit = co_await governor->acquire(steady_clock::now() + 60s, 11);
    if (!permit) error = permit.error();
  };
  asio::co_spawn(loop, ask(), asio::detached);
  loop.run();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::invalid_argument);
}

TEST_F(GovernorTest, WhatTheExchangeCountedReachesEveryProcess) {
  const GovernorOptions options{
      .name = "binance.spot", .quota = {10, std::chrono::minutes{1}}, .rate_limit = 1'000, .memory_file = file()};
  const auto governor = open(options);
  asio::io_context loop;
  auto ask = [&]() -> asio::awaitable<void> {
    auto permit = co_await governor->acquire(steady_clock::now() + 5s, 2);
    EXPECT_TRUE(permit);
    if (permit) permit->report_used(10);
  };
  asio::co_spawn(loop, ask(), asio::detached);
  loop.run();
  EXPECT_EQ(refusal(open(options), 100ms).code, ErrorCode::rate_limited);
}

// The turns of one process, written to a pipe as steady times in ns.
[[noreturn]] void be_a_process(const std::string& file, int out, std::chrono::milliseconds time) {
  auto governor = Governor::open(
      {.name = "bybit", .quota = {.requests = 1'000}, .rate_limit = 100, .memory_file = file}, system_clock());
  if (!governor) ::_exit(1);
  for (const auto turn : run(*governor, 4, time)) {
    const std::int64_t ns = turn.time_since_epoch().count();
    if (::write(out, &ns, sizeof ns) != sizeof ns) ::_exit(2);
  }
  ::_exit(0);
}

TEST_F(GovernorTest, ProcessesOnOneStoreKeepOnePaceTogetherWhateverDies) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const auto begin = steady_clock::now();
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = ::fork();
    if (child == 0) be_a_process(file(), ends[1], 1'200ms);
    children.push_back(child);
  }
  // A fifth dies in the middle of its requests; it must not stop the others.
  const pid_t victim = ::fork();
  if (victim == 0) be_a_process(file(), ::open("/dev/null", O_WRONLY), 10'000ms);
  ::usleep(300'000);
  ::kill(victim, SIGKILL);
  ::close(ends[1]);

  std::vector<steady_clock::time_point> turns;
  std::int64_t ns = 0;
  while (::read(ends[0], &ns, sizeof ns) == sizeof ns) turns.emplace_back(std::chrono::nanoseconds{ns});
  ::close(ends[0]);
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  ::waitpid(victim, nullptr, 0);

  EXPECT_LE(static_cast<double>(turns.size()), permitted_since(begin, 100));
  EXPECT_GE(turns.size(), 30u) << "the dead one's share is missing, no more";
}

}  // namespace
}  // namespace tdm::net
