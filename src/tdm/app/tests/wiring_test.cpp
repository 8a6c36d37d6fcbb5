#include "tdm/app/detail/wiring.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>

#include "tdm/app/detail/logging.hpp"
#include "tdm/app/engine.hpp"

namespace tdm::app {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Wiring : public testing::Test {
 protected:
  Wiring() : folder_{fs::temp_directory_path() / ("tdm_app_test_" + std::to_string(getpid()))} {}
  ~Wiring() override { fs::remove_all(folder_); }

  config::Config configured(const std::string& more = "") const {
    const auto text = "storage:\n  type: duckdb\n  db_path: " + (folder_ / "db" / "m.db").string() +
                      "\n  parquet_path: " + (folder_ / "lake").string() + "\n" + more;
    return config::load_text(text, "f.yaml").value();
  }

  std::string refusal(const std::string& more) const {
    const auto door = Door::open(configured(more));
    if (door) return "opened";
    EXPECT_EQ(door.error().code, ErrorCode::configuration);
    return door.error().message;
  }

  fs::path folder_;
};

TEST_F(Wiring, OpeningTouchesNoFile) {
  const auto door = Door::open(configured());
  ASSERT_TRUE(door) << door.error().message;
  EXPECT_FALSE(fs::exists(folder_));
  const auto listed = (*door)->data().list({});
  ASSERT_TRUE(listed) << listed.error().message;
  EXPECT_TRUE(listed->empty());
  EXPECT_FALSE(fs::exists(folder_)) << "nor does reading what is not there";
  const auto info = (*door)->data().info();
  ASSERT_TRUE(info);
  EXPECT_EQ(info->version, version());
  EXPECT_THAT(info->exchanges, testing::Contains("bybit"));
  EXPECT_THAT(info->backends, testing::Contains("duckdb"));
}

TEST_F(Wiring, ABackendThatIsNotBuiltInIsRefusedAtItsPlace) {
  const auto config = config::load_text("storage:\n  type: bigquery\n", "f.yaml");
  ASSERT_TRUE(config) << "the form is right";
  const auto door = Door::open(*config);
  ASSERT_FALSE(door);
  EXPECT_EQ(door.error().message,
            "configuration error: f.yaml:2:3: storage.type: the backend 'bigquery' is not built in; there is duckdb");
}

TEST_F(Wiring, WhatOnlyTheRoomsCanSeeIsNamedAtItsPlace) {
  EXPECT_THAT(
      refusal("exchange_clients: {bybit: {default_market: futures}}\n"),
      StartsWith("configuration error: f.yaml:5:28: exchange_clients.bybit.default_market: bybit has the markets"));
  EXPECT_THAT(refusal("exchange_clients: {bybit: {markets: {futures: {base_url: \"http://a\"}}}}\n"),
              StartsWith("configuration error: f.yaml:5:"));
  EXPECT_THAT(refusal("validation: {rules: {S99: {enabled: true}}}\n"),
              StartsWith("configuration error: f.yaml:5:22: validation.rules.S99: there is no rule"));
}

TEST_F(Wiring, ASectionOfAnExchangeThatIsNotBuiltInIsIgnored) {
  EXPECT_EQ(refusal("exchange_clients: {nowhere: {rate_limit: 5}}\n"), "opened");
}

TEST_F(Wiring, SettingsReachTheRooms) {
  const auto config = configured(
      "environment: test\n"
      "exchange_clients: {bybit: {base_url: \"http://127.0.0.1:9/bybit\", rate_limit: 3, default_market: spot}}\n"
      "limits: {pages_in_flight: 5, lock_timeout_ms: 7, read_through_bars: 11, page_rows: 13}\n"
      "validation: {settle_seconds: {linear: 90}}\n");
  const auto ingest = detail::ingest_options(config);
  EXPECT_EQ(ingest.pages_in_flight, 5);
  EXPECT_EQ(ingest.lock_wait, std::chrono::milliseconds{7});
  EXPECT_EQ(ingest.settle_seconds.at("linear"), 90);
  const auto query = detail::engine_options(config);
  EXPECT_EQ(query.default_market.at("bybit"), "spot");
  EXPECT_EQ(query.read_through_bars, 11);
  EXPECT_EQ(query.page_rows, 13);
  EXPECT_EQ(query.environment, "test");
  EXPECT_FALSE(query.parse_alias("bybit", "BTC/USDT:USDT").empty());
  EXPECT_TRUE(query.parse_alias("nowhere", "BTC/USDT:USDT").empty());

  boost::asio::io_context io;
  const auto store = detail::open_store(config, system_clock());
  ASSERT_TRUE(store);
  const auto connectors = detail::make_connectors(config, **store, io.get_executor(), system_clock());
  ASSERT_TRUE(connectors) << connectors.error().message;
  EXPECT_EQ(connectors->at("bybit")->origin(), "127.0.0.1");
  EXPECT_EQ(connectors->at("bybit")->permitted_rate(), 3);
}

TEST_F(Wiring, LogsFollowTheConfiguration) {
  auto config = configured("environment: production\napi: {log_level: WARNING}\n");
  const auto options = detail::log_options_of(config);
  EXPECT_EQ(options.level, telemetry::Level::warn);
  EXPECT_TRUE(options.json);
  EXPECT_EQ(options.environment, "production");
  config.environment = "test";
  EXPECT_FALSE(detail::log_options_of(config).json);
}

}  // namespace
}  // namespace tdm::app
