#include "sim/deribit/deribit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "sim/deribit/number_text.hpp"
#include "sim/tests/world_of_test.hpp"

namespace tdm::sim::deribit {
namespace {

using Json = nlohmann::json;
using sim::testing::at;
using sim::testing::default_world;
using sim::testing::get;
using ::testing::HasSubstr;
using Query = std::vector<std::pair<std::string, std::string>>;
using Names = std::set<std::string>;

class DeribitTest : public ::testing::Test {
 protected:
  Answer ask(const std::string& path, Query query = {}) {
    return deribit_.answer(get(path, std::move(query)), path, now_);
  }
  Answer post(const std::string& path, std::string body) {
    auto request = get(path);
    request.method = "POST";
    request.body = std::move(body);
    return deribit_.answer(request, path, now_);
  }
  Json result(const std::string& method, Query query = {}, const std::string& host = "") {
    return Json::parse(ask(host + "/api/v2/public/" + method, std::move(query)).reply.body).at("result");
  }
  Names names(Query query, const std::string& host = "") {
    Names found;
    for (const Json& row : result("get_instruments", std::move(query), host)) found.insert(row["instrument_name"]);
    return found;
  }
  TimePoint quota_now_ = at("2024-03-05T00:00:10Z");
  TimePoint now_ = at("2024-03-05T00:00:01.5Z");
  Deribit deribit_{default_world(), ScriptFile{}, 7, [this] { return quota_now_; }};
};

TEST_F(DeribitTest, TheEnvelopeSaysWhen) {  // §2.2
  std::set<std::string> orders;
  for (int i = 0; i < 20; ++i) {
    const Answer answer = ask("/api/v2/public/get_time");
    const Json body = Json::parse(answer.reply.body);
    EXPECT_EQ(body["jsonrpc"], "2.0");
    EXPECT_EQ(body["result"], to_ms(now_));
    EXPECT_EQ(body["usIn"], to_us(now_));
    EXPECT_EQ(body["usOut"].get<std::int64_t>() - body["usIn"].get<std::int64_t>(), body["usDiff"]);
    EXPECT_EQ(body["testnet"], false);
    EXPECT_FALSE(body.contains("id"));
    EXPECT_EQ(answer.weight, 500);
    orders.insert(answer.reply.body.substr(0, 8));
  }
  EXPECT_GT(orders.size(), 2u);  // keys stand in no fixed order
  EXPECT_TRUE(Json::parse(ask("/history/api/v2/public/get_time").reply.body)["id"].is_null());
}

TEST_F(DeribitTest, AnIdComesBackAsItWas) {  // §2.1
  for (const char* id : {"42", R"("cryptofeed")"}) {
    const auto body = Json::parse(
        post("/api/v2", std::string{R"({"jsonrpc":"2.0","method":"public/get_time","id":)"} + id + "}").reply.body);
    EXPECT_EQ(body["id"], Json::parse(id));
    EXPECT_EQ(body["result"], to_ms(now_));
  }
  const Answer chart = post("/api/v2/public/get_tradingview_chart_data",
                            R"({"id":1,"params":{"instrument_name":"BTC-PERPETUAL","resolution":"60",
                               "start_timestamp":1704067200000,"end_timestamp":1704070800000}})");
  EXPECT_EQ(chart.rows, 2);
}

TEST_F(DeribitTest, ErrorsHaveTheirCodes) {  // §2.4
  const std::pair<Answer, int> cases[] = {
      {ask("/api/v2/public/no_such_method"), -32'601},
      {ask("/api/v2/public/subscribe"), 10'030},
      {ask("/api/v2/private/get_positions"), 10'000},
      {ask("/api/v2/public/get_instruments", {{"currency", "NOPE"}}), -32'602},
      {ask("/api/v2/public/get_instruments", {{"kind", "perpetual"}}), -32'602},
      {ask("/api/v2/public/get_instruments", {{"expired", "yes"}}), -32'602},
      {ask("/api/v2/public/get_instrument"), -32'602},
      {ask("/api/v2/public/get_instrument", {{"instrument_name", "xrp_usdc-28jun24-0D625-c"}}), -32'602},
      {ask("/api/v2"), 11'050},
      {post("/api/v2", "{"), -32'700},
      {post("/api/v2", "[]"), 11'050},
      {post("/api/v2", R"({"method":"public/get_time","params":[1]})"), 11'050},
      {post("/api/v2", std::string(32 * 1'024 + 1, ' ')), -32'600},
  };
  for (const auto& [answer, code] : cases) {
    EXPECT_EQ(answer.code, code);
    EXPECT_EQ(answer.reply.status, 400) << code;
    EXPECT_EQ(Json::parse(answer.reply.body)["error"]["code"], code);
  }
  EXPECT_EQ(ask("/api/v1/public/get_time").reply.status, 404);
  EXPECT_EQ(ask("/").reply.status, 404);
  ScriptFile script;
  script.deribit.error_status = 200;
  Deribit other{default_world(), script, 7, [this] { return quota_now_; }};
  EXPECT_EQ(other.answer(get("/api/v2/public/x"), "/api/v2/public/x", now_).reply.status, 200);
}

TEST_F(DeribitTest, InstrumentsComeByGroupKindAndLife) {  // §4.3
  EXPECT_EQ(names({{"currency", "BTC"}}), (Names{"BTC-PERPETUAL", "BTC-29MAR24", "BTC-29MAR24-60000-C", "ETH_BTC"}));
  EXPECT_EQ(names({{"currency", "BTC"}, {"kind", "future"}}), (Names{"BTC-PERPETUAL", "BTC-29MAR24"}));
  EXPECT_EQ(names({{"currency", "USDC"}, {"kind", "option"}}), Names{"XRP_USDC-28JUN24-0d625-C"});
  EXPECT_TRUE(names({{"currency", "any"}, {"kind", "future_combo"}}).empty());
  EXPECT_TRUE(names({{"currency", "BTC"}, {"expired", "true"}}).empty());  // not a recent one
  EXPECT_EQ(names({{"currency", "BTC"}, {"expired", "true"}}, "/history"), Names{"BTC-29DEC23"});
  now_ = at("2024-01-02");
  EXPECT_EQ(names({{"currency", "BTC"}, {"expired", "true"}}), Names{"BTC-29DEC23"});
  EXPECT_EQ(names({}), names({{"currency", "any"}}));
}

TEST_F(DeribitTest, AnInstrumentSaysItsUnits) {  // §4.2, §4.3
  const auto of = [&](const char* name) { return result("get_instrument", {{"instrument_name", name}}); };
  const Json bitcoin = of("BTC-PERPETUAL");
  EXPECT_EQ(bitcoin["contract_size"], 10);
  EXPECT_EQ(bitcoin["min_trade_amount"], 10);
  EXPECT_EQ(bitcoin["tick_size"], 0.5);
  EXPECT_EQ(bitcoin["instrument_type"], "reversed");
  EXPECT_EQ(bitcoin["settlement_currency"], "BTC");
  EXPECT_EQ(bitcoin["settlement_period"], "perpetual");
  EXPECT_EQ(bitcoin["expiration_timestamp"], 32'503'708'800'000);
  EXPECT_FALSE(bitcoin.contains("state"));  // only since 2026-01-13
  const Json linear = of("BTC_USDC-PERPETUAL");
  EXPECT_EQ(linear["contract_size"], 0.001);
  EXPECT_EQ(linear["future_type"], "linear");
  EXPECT_EQ(linear["price_index"], "btc_usdc");
  const Json call = of("BTC-29MAR24-60000-C");
  EXPECT_EQ(call["strike"], 60'000);
  EXPECT_EQ(call["option_type"], "call");
  EXPECT_EQ(call["quote_currency"], "BTC");
  EXPECT_EQ(call["counter_currency"], "USD");
  EXPECT_EQ(of("XRP_USDC-28JUN24-0d625-C")["strike"], 0.625);
  const Json spot = of("BTC_USDC");
  EXPECT_FALSE(spot.contains("settlement_currency"));
  EXPECT_FALSE(spot.contains("settlement_period"));
  now_ = at("2026-11-24");
  EXPECT_EQ(of("BTC-PERPETUAL")["state"], "open");
  EXPECT_EQ(result("get_instrument", {{"instrument_name", "BTC-29MAR24"}}, "/history")["is_active"], false);
}

TEST_F(DeribitTest, CreditsAreCountedToTheLetter) {  // §3.1
  const std::string time = "/api/v2/public/get_time";
  for (int i = 0; i < 100; ++i) ASSERT_EQ(ask(time).reply.status, 200) << i;
  const Answer over = ask(time);
  EXPECT_EQ(over.code, 10'028);
  EXPECT_EQ(Json::parse(over.reply.body)["error"]["message"], "too_many_requests");
  ASSERT_TRUE(over.reply.raw_bytes);  // and the connection ends
  EXPECT_THAT(*over.reply.raw_bytes, HasSubstr("HTTP/1.1 400 "));
  EXPECT_THAT(*over.reply.raw_bytes, HasSubstr("Connection: close\r\n\r\n" + over.reply.body));
  quota_now_ += std::chrono::microseconds{49'999};
  EXPECT_EQ(ask(time).code, 10'028);
  quota_now_ += std::chrono::microseconds{1};  // 500 credits
  EXPECT_FALSE(ask(time).code);
  EXPECT_EQ(ask(time).code, 10'028);
  for (int i = 0; i < 50; ++i) ASSERT_FALSE(ask("/api/v2/public/get_instruments").code) << i;
  const Answer list = ask("/api/v2/public/get_instruments");
  EXPECT_EQ(list.code, 10'028);
  EXPECT_EQ(list.weight, 10'000);
  quota_now_ += std::chrono::seconds{1};
  EXPECT_FALSE(ask("/api/v2/public/get_instruments").code);
}

TEST_F(DeribitTest, TheHistoryHostSaysWhenToComeAgain) {  // §3.2
  const std::string time = "/history/api/v2/public/get_time";
  for (int i = 0; i < 100; ++i) ASSERT_EQ(ask(time).reply.status, 200);
  const Answer over = ask(time);
  EXPECT_EQ(over.reply.status, 429);
  EXPECT_EQ(net::find_header(over.reply.headers, "Retry-After"), "1");
  EXPECT_EQ(ask("/api/v2/public/get_time").reply.status, 200);  // a pool of its own
}

TEST(NumberText, SpellsOneValueInThreeWays) {
  const auto text = [](Int128 value, int scale, Spelling spelling) {
    std::string to;
    append_number(to, value, scale, spelling);
    return to;
  };
  EXPECT_EQ(text(10'000, 1, Spelling::plain), "1000");
  EXPECT_EQ(text(10'000, 1, Spelling::point), "1000.0");
  EXPECT_EQ(text(10'000, 1, Spelling::exponent), "1.0e3");
  EXPECT_EQ(text(874'565, 1, Spelling::exponent), "8.74565e4");
  EXPECT_EQ(text(125, 4, Spelling::exponent), "1.25e-2");
  EXPECT_EQ(text(-5, 1, Spelling::exponent), "-5.0e-1");
  EXPECT_EQ(text(0, 3, Spelling::exponent), "0.0");
}

}  // namespace
}  // namespace tdm::sim::deribit
