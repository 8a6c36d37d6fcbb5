// Recorded answers of the real exchange judge the simulated ones, and are served again by the replay.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/bybit/bybit.hpp"
#include "sim/bybit/intervals.hpp"
#include "sim/bybit/replay.hpp"
#include "sim/tests/world_of_test.hpp"

namespace tdm::sim::bybit {
namespace {

using Json = nlohmann::ordered_json;
using sim::testing::at;
using sim::testing::default_world;
using sim::testing::get;
using Query = std::vector<std::pair<std::string, std::string>>;

const std::string kFolder = std::string{TDM_SHARED_DIR} + "/recordings/bybit";
const TimePoint kNow = at("2026-11-22");

class RecordingsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kFolder)) GTEST_SKIP() << "needs ../shared";
    auto loaded = Recordings::load(kFolder);
    ASSERT_TRUE(loaded) << loaded.error().message;
    recordings_ = *std::move(loaded);
  }

  Json simulated(const Recording& recording, const Query& query) const {
    Bybit bybit{default_world(), {}, 1, [] { return Quota::Time{}; }};
    const std::string path = "/v5/market/" + recording.endpoint;
    return Json::parse(bybit.answer(get(path, query), path, kNow).reply.body);
  }
  Json replayed(const std::string& endpoint, const Query& query, TimePoint now = kNow) const {
    return Json::parse(recordings_->answer(get("", query), "/v5/market/" + endpoint, now).reply.body);
  }

  std::unique_ptr<const Recordings> recordings_;
};

// Every key that the real object has and a value of the same type; `ours` may have keys that are younger than the
// recording.
void expect_same_shape(const Json& real, const Json& ours, const std::string& where) {
  ASSERT_EQ(real.type_name(), std::string{ours.type_name()}) << where;
  if (!real.is_object()) return;
  for (const auto& [key, value] : real.items()) {
    ASSERT_TRUE(ours.contains(key)) << where << "." << key;
    if (!value.is_null() && !ours[key].is_null()) expect_same_shape(value, ours[key], where + "." + key);
  }
}

// The request that fetched a recorded page: what its name says, and the rows' bounds.
Query request_of(const Recording& recording) {
  Query query{{"category", recording.category},
              {"symbol", recording.symbol},
              {"interval", std::string{interval_of(*recording.timeframe)}},
              {"start", std::to_string(to_ms(recording.rows.back().open_time))},
              {"end", std::to_string(to_ms(recording.rows.front().open_time))}};
  return query;
}

TEST_F(RecordingsTest, SimulatedPagesHaveTheOrderBoundsCountAndTypesOfRecordedOnes) {
  int pages = 0;
  for (const Recording& recording : recordings_->all()) {
    if (!recording.endpoint.ends_with("kline")) continue;
    ++pages;
    const Json body = simulated(recording, request_of(recording));
    const Json& rows = body["result"]["list"];
    const Json& real = recording.result["list"];
    expect_same_shape(recording.result, body["result"], recording.endpoint);
    ASSERT_EQ(rows.size(), real.size()) << recording.endpoint;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      ASSERT_EQ(rows[i][0], real[i][0]);  // order and bounds
      ASSERT_EQ(rows[i].size(), real[i].size());
      ASSERT_TRUE(std::ranges::all_of(rows[i], [](const Json& value) { return value.is_string(); }));
      if (i > 0) {
        ASSERT_EQ(rows[i - 1][1], rows[i][4]) << "an open is the close before";
      }
    }
  }
  EXPECT_EQ(pages, 4);
}

TEST_F(RecordingsTest, SimulatedInstrumentsHaveTheKeysAndTypesOfRecordedOnes) {
  int lists = 0;
  for (const Recording& recording : recordings_->all()) {
    if (recording.endpoint != "instruments-info") continue;
    ++lists;
    Query query{{"category", recording.category}};
    if (recording.limit) query.emplace_back("limit", std::to_string(*recording.limit));
    const Json body = simulated(recording, query);
    if (recording.limit) {
      EXPECT_EQ(body["result"]["list"].size(), recording.result["list"].size());
    }
    Json real = recording.result["list"][0];
    for (const char* undocumented : {"fullName", "marketRegion", "underlyingTicker", "tags"}) real.erase(undocumented);
    if (recording.category == "spot") real["lotSizeFilter"].erase("maxOrderAmt");
    for (const Json& row : body["result"]["list"]) expect_same_shape(real, row, recording.category);
    if (recording.category == "linear") {
      const std::string cursor = body["result"]["nextPageCursor"];
      EXPECT_TRUE(cursor.starts_with("first%3D") && cursor.contains("%26last%3D")) << cursor;
    }
  }
  EXPECT_EQ(lists, 3);
}

TEST_F(RecordingsTest, SimulatedTimeHasTheShapeOfTheRecordedOne) {
  const auto time = std::ranges::find(recordings_->all(), "time", &Recording::endpoint);
  ASSERT_NE(time, recordings_->all().end());
  expect_same_shape(time->result, simulated(*time, {})["result"], "time");
}

TEST_F(RecordingsTest, ReplayServesTheTextThatWasRecorded) {
  for (const Recording& recording : recordings_->all()) {
    if (!recording.endpoint.ends_with("kline")) continue;
    const Json body = replayed(recording.endpoint, request_of(recording));
    EXPECT_EQ(body["retCode"], 0);
    EXPECT_EQ(body["time"], to_ms(kNow));
    EXPECT_EQ(body["result"]["list"].dump(), recording.result["list"].dump()) << recording.endpoint;
  }
}

TEST_F(RecordingsTest, ReplayObeysWindowsAndLimits) {
  const Query query{{"category", "spot"}, {"symbol", "BTCUSDT"}, {"interval", "D"}};
  Query window = query;
  window.insert(window.end(), {{"start", "1713484800000"}, {"end", "1713657600000"}, {"limit", "2"}});
  const Json body = replayed("kline", window);
  ASSERT_EQ(body["result"]["list"].size(), 2u);
  EXPECT_EQ(body["result"]["list"][0][0], "1713657600000");
  EXPECT_EQ(replayed("kline", query, at("2024-01-01T12:00:00Z"))["result"]["list"][0][0],
            "1704067200000");  // no future
  Query before = query;
  before.insert(before.end(), {{"start", "1000"}, {"end", "2000"}});
  EXPECT_TRUE(replayed("kline", before)["result"]["list"].empty());
}

TEST_F(RecordingsTest, ReplayMakesLongerBarsOfRecordedOnes) {
  const Json body = replayed("kline", {{"category", "spot"}, {"symbol", "BTCUSDT"}, {"interval", "M"}});
  const Json& months = body["result"]["list"];
  ASSERT_EQ(months.size(), 7u);  // October to April
  EXPECT_EQ(months[6].dump(),
            R"(["1696118400000","25462.91","34000","7777","32690.05","324925.506735","7881924113.59594518"])");
  EXPECT_EQ(months[0][4], "43890.18");
  const Json hour =
      replayed("kline", {{"category", "linear"}, {"symbol", "BTCUSDT"}, {"interval", "60"}})["result"]["list"];
  ASSERT_EQ(hour.size(), 1u);
  EXPECT_EQ(hour[0][0], "1791237600000");
  EXPECT_TRUE(
      replayed("kline", {{"category", "spot"}, {"symbol", "BTCUSDT"}, {"interval", "1"}})["result"]["list"].empty());
}

TEST_F(RecordingsTest, ReplayListsInstrumentsOnceAndThenAnEmptyPage) {
  const Json first = replayed("instruments-info", {{"category", "linear"}, {"limit", "1000"}});
  EXPECT_EQ(first["result"]["list"].size(), 500u);
  EXPECT_EQ(first["result"]["nextPageCursor"], "first%3D0GUSDT%26last%3DSOLPERP");
  const Json next = replayed("instruments-info", {{"category", "linear"}, {"cursor", "first=0GUSDT&last=SOLPERP"}});
  EXPECT_TRUE(next["result"]["list"].empty());
  EXPECT_EQ(next["result"]["nextPageCursor"], "");
  EXPECT_EQ(replayed("instruments-info", {{"category", "linear"}, {"limit", "2"}})["result"]["list"].size(), 2u);
  const Json one = replayed("instruments-info", {{"category", "linear"}, {"symbol", "BTCUSDT"}});
  EXPECT_EQ(one["result"]["list"].size(), 1u);
  EXPECT_EQ(replayed("instruments-info", {{"category", "spot"}})["result"]["list"].size(), 190u);
  EXPECT_TRUE(replayed("instruments-info", {{"category", "spot"}, {"status", "Closed"}})["result"]["list"].empty());
}

TEST_F(RecordingsTest, ReplayServesOtherEndpointsWhole) {
  EXPECT_EQ(replayed("tickers", {{"category", "linear"}})["result"]["list"].size(), 218u);
  EXPECT_EQ(replayed("time", {})["time"], to_ms(kNow));
  EXPECT_EQ(recordings_->answer(get(""), "/v5/market/insurance", kNow).reply.status, 404);
}

TEST(Replay, AFolderWithoutRecordingsIsAnError) {
  EXPECT_FALSE(Recordings::load("/no/such/folder"));
  EXPECT_FALSE(Recordings::load(TDM_ROOM_DIR));
}

}  // namespace
}  // namespace tdm::sim::bybit
