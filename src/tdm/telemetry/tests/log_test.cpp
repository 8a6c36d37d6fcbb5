#include "tdm/telemetry/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace tdm::telemetry {
namespace {

using nlohmann::json;

std::string written(const std::function<void()>& work) {
  ::testing::internal::CaptureStderr();
  work();
  return ::testing::internal::GetCapturedStderr();
}

class Log : public ::testing::Test {
 protected:
  void TearDown() override { configure_log({.level = Level::warn}); }
};

TEST_F(Log, SaysOnlyWarningsAndWorseUntilConfigured) {
  EXPECT_EQ(log_level(), Level::warn);
  EXPECT_EQ(written([] { log(Level::info, "not seen"); }), "");
  const auto line = written([] { log(Level::error, "store_full", {{"free_bytes", std::int64_t{12}}}); });
  constexpr auto kLine = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}([.][0-9]+)?Z error store_full free_bytes=12\n";
  EXPECT_THAT(line, ::testing::MatchesRegex(kLine));
}

TEST_F(Log, NeverWritesToStdout) {
  configure_log({.level = Level::trace});
  ::testing::internal::CaptureStdout();
  const auto line = written([] { log(Level::error, "event"); });
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  EXPECT_NE(line, "");
}

TEST_F(Log, LevelsCutWhereTheyAreSet) {
  const std::vector levels{Level::trace, Level::debug, Level::info, Level::warn, Level::error};
  for (const auto set : {Level::trace, Level::debug, Level::info, Level::warn, Level::error, Level::off}) {
    configure_log({.level = set});
    EXPECT_EQ(log_level(), set);
    for (const auto level : levels) EXPECT_EQ(written([&] { log(level, "event"); }).empty(), level < set);
  }
  configure_log({.level = Level::trace});
  EXPECT_EQ(written([] { log(Level::off, "event"); }), "");
}

TEST_F(Log, TextQuotesWhatCouldBeMisread) {
  configure_log({.level = Level::info, .environment = "local"});
  const auto line = written([] {
    log(Level::info, "request",
        {{"path", "/api/v1/ohlcv"}, {"agent", "a \"b\"\nc"}, {"empty", ""}, {"ok", true}, {"seconds", 0.25}});
  });
  EXPECT_NE(
      line.find(R"( request path=/api/v1/ohlcv agent="a \"b\"\nc" empty="" ok=true seconds=0.25 environment=local)"),
      std::string::npos)
      << line;
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
}

TEST_F(Log, JsonIsOneObjectALineWhateverWasSent) {
  configure_log({.level = Level::info, .json = true, .environment = "production"});
  const auto line = written([] {
    log(Level::warn, "refused",
        {{"body", "\xFF\xFEhtml\n\"\\\x01"},
         {"status", std::int64_t{429}},
         {"ratio", std::numeric_limits<double>::quiet_NaN()},
         {"again", false},
         {"level", "mine"}});
  });
  ASSERT_EQ(std::ranges::count(line, '\n'), 1);
  const auto object = json::parse(line);
  EXPECT_EQ(object["level"], "warn");
  EXPECT_EQ(object["event"], "refused");
  EXPECT_EQ(object["environment"], "production");
  EXPECT_EQ(object["body"], "\uFFFD\uFFFDhtml\n\"\\\x01");
  EXPECT_EQ(object["status"], 429);
  EXPECT_TRUE(object["ratio"].is_null());
  EXPECT_EQ(object["again"], false);
  EXPECT_EQ(object["time"].get<std::string>().back(), 'Z');
}

TEST_F(Log, LinesOfSeveralThreadsStayWhole) {
  configure_log({.level = Level::info, .json = true});
  constexpr int kThreads = 4;
  constexpr int kLines = 200;
  const auto text = written([] {
    std::vector<std::jthread> threads;
    threads.reserve(kThreads);
    for (int i = 0; i < kThreads; ++i)
      threads.emplace_back([i] {
        for (int n = 0; n < kLines; ++n)
          log(Level::info, "tick", {{"thread", std::int64_t{i}}, {"n", std::int64_t{n}}});
      });
  });
  std::istringstream lines{text};
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) EXPECT_EQ(json::parse(line)["event"], "tick");
  EXPECT_EQ(count, kThreads * kLines);
}

}  // namespace
}  // namespace tdm::telemetry
