#include "sim/bybit/bybit.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sim/tests/world_of_test.hpp"

namespace tdm::sim::bybit {
namespace {

using Json = nlohmann::json;
using sim::testing::at;
using sim::testing::default_world;
using sim::testing::get;

class BybitTest : public ::testing::Test {
 protected:
  Bybit make(ScriptFile script = {}) {
    return Bybit{default_world(), script, 1, [this] { return elapsed_; }};
  }
  Answer ask(Bybit& bybit, std::string path, std::string method = "GET", std::string body = "") {
    net::ServerRequest request = get(path);
    request.method = std::move(method);
    request.body = std::move(body);
    return bybit.answer(request, path, at("2024-01-01T00:00:01.5Z"));
  }
  Quota::Time elapsed_{};
};

TEST_F(BybitTest, TellsTheTime) {
  Bybit bybit = make();
  const Json body = Json::parse(ask(bybit, "/v5/market/time").reply.body);
  EXPECT_EQ(body["result"], (Json{{"timeSecond", "1704067201"}, {"timeNano", "1704067201500000000"}}));
  EXPECT_EQ(body["time"], 1'704'067'201'500);
}

TEST_F(BybitTest, KnowsItsPathsAndMethods) {
  Bybit bybit = make();
  for (const char* path : {"/", "", "/v5/market", "/v5/market/klines", "/v5/market/kline/", "/v3/market/kline"}) {
    EXPECT_EQ(ask(bybit, path).reply.status, 404) << path;
  }
  EXPECT_EQ(ask(bybit, "/v5/market/time", "POST").reply.status, 404);
  EXPECT_EQ(ask(bybit, "/v5/market/time", "get").reply.status, 400);
  EXPECT_EQ(ask(bybit, "/v5/market/time", "GET", "{}").reply.status, 403);
  EXPECT_EQ(ask(bybit, "/v5/market/kline").code, 10'001);
}

TEST_F(BybitTest, TooManyRequestsAreForbiddenInPlainText) {
  Bybit bybit = make({.quota = {.requests = 2}});
  EXPECT_EQ(ask(bybit, "/v5/market/time").reply.status, 200);
  EXPECT_EQ(ask(bybit, "/v5/market/nothing").reply.status, 404);  // counts as well
  const Answer refused = ask(bybit, "/v5/market/time");
  EXPECT_EQ(refused.reply.status, 403);
  EXPECT_EQ(refused.reply.body, "403, access too frequent");
  elapsed_ = std::chrono::seconds{600};
  EXPECT_EQ(ask(bybit, "/v5/market/time").reply.status, 200);
}

TEST_F(BybitTest, LimitHeadersAreASwitch) {
  Bybit plain = make();
  EXPECT_FALSE(net::find_header(ask(plain, "/v5/market/time").reply.headers, "X-Bapi-Limit"));
  Bybit talkative = make({.limit_headers = true});
  EXPECT_EQ(net::find_header(ask(talkative, "/v5/market/time").reply.headers, "X-Bapi-Limit-Status"), "599");
}

}  // namespace
}  // namespace tdm::sim::bybit
