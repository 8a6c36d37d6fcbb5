#include "sim/request_log.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/tests/world_of_test.hpp"

namespace tdm::sim {
namespace {

using testing::at;

std::vector<nlohmann::json> lines_of(const std::string& file) {
  std::ifstream in{file};
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

TEST(RequestLog, WritesOneJsonLineForEachRequestSoonAndAtTheEnd) {
  const std::string file = (std::filesystem::path{::testing::TempDir()} / "tdm_sim_log.jsonl").string();
  {
    const auto log = RequestLog::open(file);
    ASSERT_TRUE(log);
    (*log)->add({.at = at("2024-01-01"),
                 .exchange_time = at("2023-01-01"),
                 .exchange = "bybit",
                 .method = "GET",
                 .target = "/bybit/v5/market/kline?symbol=\"odd",
                 .connection = "127.0.0.1:1",
                 .status = 200,
                 .code = 0,
                 .rows = 2,
                 .first = at("2023-01-01"),
                 .last = at("2023-01-01T00:01:00Z")});
    for (int i = 0; i < 40 && lines_of(file).empty(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds{10});
    EXPECT_EQ(lines_of(file).size(), 1u);
    (*log)->add({.at = at("2024-01-01"),
                 .exchange_time = at("2023-01-01"),
                 .exchange = "bybit",
                 .method = "GET",
                 .target = "/",
                 .connection = "127.0.0.1:1",
                 .status = 502,
                 .fault = "status (x.yaml:3)"});
  }
  const auto lines = lines_of(file);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["target"], "/bybit/v5/market/kline?symbol=\"odd");
  EXPECT_EQ(lines[0]["retCode"], 0);
  EXPECT_EQ(lines[0]["last"], to_ms(at("2023-01-01T00:01:00Z")));
  EXPECT_EQ(lines[1]["fault"], "status (x.yaml:3)");
  EXPECT_FALSE(lines[1].contains("retCode"));
}

TEST(RequestLog, AFileThatCannotBeOpenedIsAnError) { EXPECT_FALSE(RequestLog::open("/no/such/folder/log")); }

}  // namespace
}  // namespace tdm::sim
