// Recorded answers of the real exchange judge the simulated ones, and are served again by the replay.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/binance/binance.hpp"
#include "sim/binance/intervals.hpp"
#include "sim/tests/world_of_test.hpp"

namespace tdm::sim::binance {
namespace {

using Json = nlohmann::ordered_json;
using sim::testing::at;
using sim::testing::default_listing;
using sim::testing::default_world;
using sim::testing::get;
using Query = std::vector<std::pair<std::string, std::string>>;

const std::string kFolder = std::string{TDM_SHARED_DIR} + "/recordings/binance";
const TimePoint kNow = at("2026-11-22");
constexpr std::chrono::hours kCompared{24 * 160};

// The stops of spot that fall into the recorded pages (§6.7), on minutes: the one in which trading ended still trades.
std::vector<TimeRange> known_stops() {
  const std::pair<std::string_view, std::string_view> stops[] = {
      {"2017-09-06T16:01:00Z", "2017-09-06T23:00:00Z"}, {"2017-12-04T06:00:00Z", "2017-12-04T06:49:00Z"},
      {"2018-01-04T03:00:00Z", "2018-01-04T05:06:00Z"}, {"2018-02-08T00:29:00Z", "2018-02-09T10:00:00Z"},
      {"2018-06-26T02:00:00Z", "2018-06-26T12:00:00Z"}, {"2018-06-27T13:00:00Z", "2018-06-27T14:45:00Z"},
      {"2018-07-04T00:23:00Z", "2018-07-04T08:00:00Z"}, {"2018-10-19T06:00:00Z", "2018-10-19T09:30:00Z"},
      {"2018-11-14T02:00:00Z", "2018-11-14T09:00:00Z"}, {"2019-03-12T02:00:00Z", "2019-03-12T08:00:00Z"},
      {"2019-05-15T03:00:00Z", "2019-05-15T13:00:00Z"}, {"2019-06-07T21:14:00Z", "2019-06-07T22:15:00Z"},
      {"2020-02-19T11:36:00Z", "2020-02-19T17:30:00Z"}, {"2020-12-21T13:48:00Z", "2020-12-21T18:00:00Z"},
      {"2020-12-25T02:00:00Z", "2020-12-25T03:00:00Z"}, {"2021-03-06T02:00:00Z", "2021-03-06T03:30:00Z"},
      {"2021-04-20T02:00:00Z", "2021-04-20T04:30:00Z"}, {"2021-04-25T04:01:00Z", "2021-04-25T08:45:00Z"},
      {"2021-08-13T01:59:00Z", "2021-08-13T06:30:00Z"}, {"2023-03-24T12:40:00Z", "2023-03-24T14:00:00Z"}};
  std::vector<TimeRange> gaps;
  for (const auto& [from, to] : stops) gaps.push_back(TimeRange::of(at(from), at(to)));
  return gaps;
}

// The two symbols that were recorded, as they lived.
const World& recorded_world() {
  static const World world = [] {
    Listing bitcoin = default_listing("binance.spot.BTCUSDT");
    bitcoin.gaps = known_stops();
    Listing avalanche = default_listing("binance.spot.SOLUSDT");
    avalanche.id = *InstrumentId::parse("binance.spot.AVAXUSDT");
    avalanche.base = "AVAX";
    avalanche.first_bar = at("2020-09-22T06:30:00Z");
    return World{{bitcoin, avalanche}, 7, at("2017-01-01")};
  }();
  return world;
}

struct Page {
  std::string name, symbol, interval;
  TimePoint first;
  Json rows;
};

// Every recorded page of an interval that is simulated.
std::vector<Page> read_pages() {
  std::vector<Page> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{kFolder + "/static-klines"}) {
    if (!entry.is_regular_file() || entry.path().extension() != ".json") continue;
    const auto folder = entry.path().parent_path();
    std::ifstream in{entry.path()};
    Page page{.name = entry.path().string().substr(kFolder.size()),
              .symbol = folder.parent_path().filename().string(),
              .interval = folder.filename().string(),
              .first = at(entry.path().stem().string()),
              .rows = Json::parse(in)};
    if (timeframe_of(page.interval)) found.push_back(std::move(page));
  }
  std::ranges::sort(found, {}, &Page::name);
  return found;
}

const std::vector<Page>& pages() {
  static const std::vector<Page> all = read_pages();
  return all;
}

// The beginning of a page: a simulated year of minutes takes its time. Whole pages are compared by sim/tests, where the
// program is an optimised one.
Page beginning_of(Page page) {
  const auto late = [&](const Json& row) { return page.first + kCompared < from_ms(row[0].get<std::int64_t>()); };
  while (page.rows.size() > 1 && late(page.rows.back())) page.rows.erase(page.rows.size() - 1);
  return page;
}

// The request that fetched a recorded page: the window begins with the day its name says (§5 of the folder's README).
// An empty page was one of a year.
Query request_of(const Page& page) {
  const TimePoint last =
      page.rows.empty() ? page.first + std::chrono::hours{24 * 365} : from_ms(page.rows.back()[0].get<std::int64_t>());
  return {{"symbol", page.symbol},
          {"interval", page.interval},
          {"startTime", std::to_string(to_ms(page.first))},
          {"endTime", std::to_string(to_ms(last))},
          {"limit", "1000"}};
}

// Every key that the real object has and a value of the same type; ours may have keys that are younger than the
// recording.
void expect_same_shape(const Json& real, const Json& ours, const std::string& where) {
  ASSERT_EQ(real.type_name(), std::string{ours.type_name()}) << where;
  if (!real.is_object()) return;
  for (const auto& [key, value] : real.items()) {
    ASSERT_TRUE(ours.contains(key)) << where << "." << key;
    expect_same_shape(value, ours[key], where + "." + key);
  }
}

class RecordingsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kFolder)) GTEST_SKIP() << "needs ../shared";
    ASSERT_NE(replay(), nullptr);
  }

  // Serves the recordings, read once; null when they cannot be read.
  static Binance* replay() {
    static const std::unique_ptr<Binance> served = [] {
      auto loaded = Recordings::load(kFolder);
      return loaded ? std::make_unique<Binance>(
                          recorded_world(), ScriptFile{}, [] { return kNow; }, *std::move(loaded))
                    : nullptr;
    }();
    return served.get();
  }

  static Json simulated(const World& world, const std::string& path, const Query& query = {}, TimePoint now = kNow) {
    Binance binance{world, {}, [] { return kNow; }};
    return Json::parse(binance.answer(get(path, query), path, now).reply.body);
  }
  static Answer replayed(const std::string& path, const Query& query = {}, TimePoint now = kNow) {
    return replay()->answer(get(path, query), path, now);
  }
};

TEST_F(RecordingsTest, SimulatedPagesHaveTheOrderBoundsCountAndTypesOfRecordedOnes) {
  int compared = 0;
  for (const Page& whole : pages()) {
    const Page page = beginning_of(whole);
    const Json rows = simulated(recorded_world(), "/api/v3/klines", request_of(page));
    ASSERT_EQ(rows.size(), page.rows.size()) << page.name;
    ++compared;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      ASSERT_EQ(rows[i][0], page.rows[i][0]) << page.name << " row " << i;  // order and bounds
      ASSERT_EQ(rows[i].size(), page.rows[i].size());
      for (std::size_t column = 0; column < rows[i].size(); ++column) {
        ASSERT_EQ(rows[i][column].is_string(), page.rows[i][column].is_string()) << column;
        if (!rows[i][column].is_string() || column == 11) continue;
        const std::string ours = rows[i][column], real = page.rows[i][column];
        ASSERT_EQ(ours.size() - ours.find('.'), real.size() - real.find('.')) << ours << " and " << real;
      }
    }
  }
  EXPECT_EQ(compared, 31);
}

TEST_F(RecordingsTest, SimulatedKlinesCloseWhereRecordedOnesDo) {  // §6.7
  int cut = 0;
  for (const Page& whole : pages()) {
    const Page page = beginning_of(whole);
    const Timeframe timeframe = *timeframe_of(page.interval);
    const Json rows = simulated(recorded_world(), "/api/v3/klines", request_of(page));
    for (std::size_t i = 0; i < std::min(rows.size(), page.rows.size()); ++i) {
      const TimePoint open_time = from_ms(rows[i][0].get<std::int64_t>());
      const std::int64_t regular = to_ms(timeframe.close_of(open_time)) - 1;
      if (page.rows[i][6] == regular) {
        EXPECT_EQ(rows[i][6], regular) << page.name << " " << to_iso(open_time);
      } else {
        EXPECT_LT(rows[i][6], regular) << page.name << " " << to_iso(open_time);
        ++cut;
      }
    }
  }
  EXPECT_GE(cut, 10);
}

TEST_F(RecordingsTest, SimulatedInstrumentsHaveTheKeysAndTypesOfRecordedOnes) {
  for (const std::string path : {"/api/v3/exchangeInfo", "/fapi/v1/exchangeInfo"}) {
    const Json recorded = Json::parse(replayed(path).reply.body);
    const Json ours = simulated(default_world(), path);
    expect_same_shape(recorded, ours, path);
    const Json& real = recorded["symbols"][0];
    for (const Json& row : ours["symbols"]) {
      expect_same_shape(real, row, path);
      for (const std::string_view type : {"PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE"}) {
        const auto named = [&](const Json& filter) { return filter["filterType"] == type; };
        const auto there = std::ranges::find_if(real["filters"], named);
        const auto here = std::ranges::find_if(row["filters"], named);
        ASSERT_TRUE(there != real["filters"].end() && here != row["filters"].end()) << type;
        expect_same_shape(*there, *here, std::string{type});
      }
    }
  }
}

TEST_F(RecordingsTest, ReplayServesTheTextThatWasRecorded) {
  for (const Page& page : pages()) {
    const Answer answer = replayed("/api/v3/klines", request_of(page));
    EXPECT_EQ(answer.reply.body, page.rows.dump()) << page.name;
    EXPECT_EQ(answer.rows, static_cast<std::int64_t>(page.rows.size()));
  }
}

TEST_F(RecordingsTest, ReplayObeysWindowsAndLimits) {
  const Query query{{"symbol", "BTCUSDT"}, {"interval", "1d"}};
  const auto with = [&](Query more) {
    more.insert(more.begin(), query.begin(), query.end());
    return Json::parse(replayed("/api/v3/klines", more).reply.body);
  };
  const Json first = with({{"startTime", "0"}, {"limit", "2"}});
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0][0], to_ms(at("2017-08-17")));
  const Json last = with({{"limit", "1"}});
  EXPECT_EQ(last[0][0], to_ms(at("2025-12-31")));
  EXPECT_TRUE(with({{"startTime", "1000"}, {"endTime", "2000"}}).empty());
  EXPECT_EQ(Json::parse(replayed("/api/v3/klines", query, at("2020-01-01T12:00:00Z")).reply.body).back()[0],
            to_ms(at("2020-01-01")));  // no future
  EXPECT_EQ(replayed("/api/v3/klines", {{"symbol", "ETHUSDT"}, {"interval", "1d"}}).code, -1121);
  EXPECT_EQ(replayed("/api/v3/klines", {{"symbol", "BTCUSDT"}, {"interval", "1m"}}).reply.body, "[]");
}

TEST_F(RecordingsTest, ReplayListsInstruments) {
  const Json spot = Json::parse(replayed("/api/v3/exchangeInfo").reply.body);
  EXPECT_EQ(spot["symbols"].size(), 1'695u);
  EXPECT_EQ(spot["serverTime"], to_ms(kNow));
  const Json one = Json::parse(replayed("/api/v3/exchangeInfo", {{"symbol", "BTCUSDT"}}).reply.body);
  EXPECT_EQ(one["symbols"].size(), 1u);
  EXPECT_EQ(Json::parse(replayed("/fapi/v1/exchangeInfo").reply.body)["symbols"].size(), 122u);
  EXPECT_EQ(replayed("/dapi/v1/exchangeInfo").reply.status, 404);
  EXPECT_EQ(replayed("/api/v3/time").reply.body, R"({"serverTime":1795305600000})");
}

TEST(Replay, AFolderWithoutRecordingsIsAnError) {
  EXPECT_FALSE(Recordings::load("/no/such/folder"));
  EXPECT_FALSE(Recordings::load(TDM_ROOM_DIR));
}

}  // namespace
}  // namespace tdm::sim::binance
