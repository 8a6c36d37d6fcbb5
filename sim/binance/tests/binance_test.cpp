#include "sim/binance/binance.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sim/tests/world_of_test.hpp"

namespace tdm::sim::binance {
namespace {

using Json = nlohmann::json;
using sim::testing::at;
using sim::testing::default_world;
using sim::testing::get;
using Query = std::vector<std::pair<std::string, std::string>>;

class BinanceTest : public ::testing::Test {
 protected:
  Binance make(const BinanceSettings& settings = {}) {
    ScriptFile script;
    script.binance = settings;
    return Binance{default_world(), script, [this] { return quota_now_; }};
  }
  Answer ask(Binance& binance, std::string path, Query query = {}, std::string method = "GET") {
    net::ServerRequest request = get(path, std::move(query));
    request.method = std::move(method);
    return binance.answer(request, path, at("2024-01-01T00:00:01.5Z"));
  }
  static std::string used(const Answer& answer) {
    return std::string{net::find_header(answer.reply.headers, "X-MBX-USED-WEIGHT-1M").value_or("none")};
  }
  TimePoint quota_now_ = at("2024-01-01T00:00:10Z");
};

const Query kKlines{{"symbol", "BTCUSDT"}, {"interval", "1m"}};

TEST_F(BinanceTest, TellsTheTimeOnEveryInterface) {
  Binance binance = make();
  for (const char* path : {"/api/v3/time", "/fapi/v1/time", "/dapi/v1/time", "/spot/api/v3/time"}) {
    EXPECT_EQ(ask(binance, path).reply.body, R"({"serverTime":1704067201500})") << path;
  }
  for (const char* path : {"/api/v3/ping", "/fapi/v1/ping", "/dapi/v1/ping"}) {
    EXPECT_EQ(ask(binance, path).reply.body, "{}") << path;
  }
}

TEST_F(BinanceTest, KnowsItsPaths) {
  Binance binance = make();
  for (const char* path : {"/", "", "/api/v3", "/api/v1/klines", "/api/v3/kline", "/fapi/v2/klines", "/dapi/v1/",
                           "/usdm/api/v3/klines", "/spot", "/api/v3/markPriceKlines"}) {
    EXPECT_EQ(ask(binance, path, kKlines).reply.status, 404) << path;
  }
  EXPECT_EQ(ask(binance, "/api/v3/klines", kKlines, "POST").reply.status, 404);
  for (const char* path : {"/api/v3/klines", "/usdm/fapi/v1/klines", "/coinm/dapi/v1/klines"}) {
    EXPECT_EQ(ask(binance, path, kKlines).reply.status, 200) << path;
  }
}

TEST_F(BinanceTest, EveryReplySaysTheWeightThatIsUsed) {  // §4.3
  Binance binance = make();
  EXPECT_EQ(used(ask(binance, "/api/v3/time")), "1");
  EXPECT_EQ(used(ask(binance, "/api/v3/exchangeInfo")), "21");
  const Answer klines = ask(binance, "/api/v3/klines", kKlines);
  EXPECT_EQ(used(klines), "23");
  EXPECT_EQ(klines.weight, 2);
  EXPECT_EQ(net::find_header(klines.reply.headers, "x-mbx-used-weight"), "23");
  EXPECT_EQ(used(ask(binance, "/api/v3/klines", {{"symbol", "NOPE"}, {"interval", "1m"}})), "25");
  EXPECT_EQ(used(ask(binance, "/api/v3/nothing")), "26");
  EXPECT_EQ(used(ask(binance, "/fapi/v1/klines", kKlines)), "5");
  EXPECT_EQ(used(ask(binance, "/dapi/v1/exchangeInfo")), "6");  // one budget
  quota_now_ += std::chrono::seconds{50};
  EXPECT_EQ(used(ask(binance, "/api/v3/time")), "1");
}

TEST_F(BinanceTest, BeyondTheBudgetItSaysWhenToComeAgain) {
  Binance binance = make({.spot_weight = 4, .futures_weight = 5, .ban_after = 1, .futures_retry_after = false});
  for (int i = 0; i < 2; ++i) EXPECT_EQ(ask(binance, "/api/v3/klines", kKlines).reply.status, 200);
  const Answer refused = ask(binance, "/api/v3/klines", kKlines);
  EXPECT_EQ(refused.reply.status, 429);
  EXPECT_EQ(refused.code, -1003);
  EXPECT_EQ(net::find_header(refused.reply.headers, "Retry-After"), "50");
  EXPECT_EQ(
      Json::parse(refused.reply.body)["msg"],
      "Too much request weight used; current limit is 4 request weight per 1 MINUTE. Please use WebSocket Streams "
      "for live updates to avoid polling the API.");
  const Answer banned = ask(binance, "/api/v3/klines", kKlines);
  EXPECT_EQ(banned.reply.status, 418);
  EXPECT_EQ(net::find_header(banned.reply.headers, "Retry-After"), "120");
  EXPECT_EQ(Json::parse(banned.reply.body)["msg"],
            "Way too much request weight used; IP banned until 1704067321500. Please use WebSocket Streams for live "
            "updates to avoid bans.");
  EXPECT_EQ(ask(binance, "/fapi/v1/klines", kKlines).reply.status, 200);
  const Answer futures = ask(binance, "/dapi/v1/ping");
  EXPECT_EQ(futures.reply.status, 429);
  EXPECT_FALSE(net::find_header(futures.reply.headers, "Retry-After"));
  EXPECT_EQ(Json::parse(futures.reply.body)["msg"],
            "Too many requests; current limit of IP(127.0.0.1) is 5 requests per minute. Please use the websocket for "
            "live updates to avoid polling the API.");
  quota_now_ += std::chrono::seconds{121};
  EXPECT_EQ(ask(binance, "/api/v3/ping").reply.status, 200);
}

}  // namespace
}  // namespace tdm::sim::binance
