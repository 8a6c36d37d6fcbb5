#include "tdm/serve/serve.hpp"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "tdm/serve/tests/fake_market_data.hpp"

namespace tdm::serve {
namespace {

using Json = nlohmann::json;

class ApiTest : public ::testing::Test {
 protected:
  net::ServerReply send(std::string method, std::string path,
                        std::vector<std::pair<std::string, std::string>> query = {}, net::Headers headers = {},
                        std::string body = {}) {
    net::ServerRequest request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.query = std::move(query);
    request.headers = std::move(headers);
    request.body = std::move(body);
    return api_.handle(request);
  }
  net::ServerReply bars(std::vector<std::pair<std::string, std::string>> more = {}, net::Headers headers = {}) {
    std::vector<std::pair<std::string, std::string>> query{
        {"exchange", "bybit"}, {"symbol", "BTCUSDT"}, {"timeframe", "1h"}};
    query.insert(query.end(), more.begin(), more.end());
    return send("GET", "/api/v1/ohlcv", query, std::move(headers));
  }
  static std::string header(const net::ServerReply& reply, std::string_view name) {
    return std::string{net::find_header(reply.headers, name).value_or("")};
  }

  std::shared_ptr<FakeMarketData> data_ = std::make_shared<FakeMarketData>();
  Api api_{data_, ApiOptions{.page_rows = 1000, .backfills_running = 1, .backfills_kept = 2}};
};

TEST_F(ApiTest, BarsAreJsonRowsUnlessAskedOtherwise) {
  data_->next_cursor = "more";
  const auto reply = bars({{"start", "2023-01-01"}, {"limit", "3"}});
  ASSERT_EQ(reply.status, 200);
  EXPECT_EQ(header(reply, "Content-Type"), "application/json");
  const auto document = Json::parse(reply.body);
  EXPECT_EQ(document["series"]["symbol"], "BTCUSDT");
  EXPECT_EQ(document["range"], (Json{{"start", 0}, {"end", 10'800'000}}));
  EXPECT_EQ(document["columns"], (Json{"open_time", "close", "note"}));
  EXPECT_EQ(document["data"],
            (Json{{0, 0.1, "a,\"b\""}, {3'600'000, nullptr, nullptr}, {7'200'000, 123456789.125, "plain"}}));
  EXPECT_EQ(document["next_cursor"], "more");
  EXPECT_EQ(data_->asked->limit, 3);
  EXPECT_EQ(data_->asked->start, "2023-01-01");
}

TEST_F(ApiTest, FormWinsOverAcceptAndAcceptOverTheDefault) {
  const auto columns = Json::parse(bars({{"format", "columns"}}, {{"Accept", "text/csv"}}).body);
  EXPECT_EQ(columns["data"]["open_time"], (Json{0, 3'600'000, 7'200'000}));
  const auto csv = bars({}, {{"Accept", "text/csv"}});
  EXPECT_EQ(csv.body, "open_time,close,note\n0,0.1,\"a,\"\"b\"\"\"\n3600000,,\n7200000,123456789.125,plain\n");
  EXPECT_EQ(Json::parse(header(csv, "X-TDM-Provenance"))["rows"], 3);
  EXPECT_EQ(bars({}, {{"Accept", "image/png"}}).status, 406);
}

TEST_F(ApiTest, ArrowStreamKeepsTypesAndProvenance) {
  data_->next_cursor = "more";
  const auto reply = bars({{"format", "arrow"}});
  EXPECT_EQ(header(reply, "X-TDM-Next-Cursor"), "more");
  auto input = std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(reply.body));
  auto reader = arrow::ipc::RecordBatchStreamReader::Open(input).ValueOrDie();
  auto batch = reader->Next().ValueOrDie();
  ASSERT_EQ(batch->num_rows(), 3);
  EXPECT_TRUE(batch->schema()->field(0)->type()->Equals(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")));
  EXPECT_TRUE(batch->column(1)->IsNull(1));
  EXPECT_EQ(Json::parse(batch->schema()->metadata()->Get("tdm.provenance").ValueOrDie())["rows"], 3);
}

TEST_F(ApiTest, ETagSavesTheBodyOnlyOfTheSameForm) {
  const auto etag = header(bars(), "ETag");
  ASSERT_FALSE(etag.empty());
  const auto again = bars({}, {{"If-None-Match", etag}});
  EXPECT_EQ(again.status, 304);
  EXPECT_TRUE(again.body.empty());
  EXPECT_EQ(bars({{"format", "csv"}}, {{"If-None-Match", etag}}).status, 200);
}

struct Wrong {
  const char* parameter;
  const char* value;
};

class WrongParameter : public ApiTest, public ::testing::WithParamInterface<Wrong> {};

TEST_P(WrongParameter, IsNamedInAProblemDocument) {
  const auto reply = bars({{GetParam().parameter, GetParam().value}});
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(header(reply, "Content-Type"), "application/problem+json");
  const auto document = Json::parse(reply.body);
  EXPECT_EQ(document["code"], "invalid_argument");
  EXPECT_EQ(document["parameter"], GetParam().parameter);
  EXPECT_EQ(document["request_id"], header(reply, "X-Request-Id"));
  EXPECT_FALSE(data_->asked.has_value());
}

INSTANTIATE_TEST_SUITE_P(Ohlcv, WrongParameter,
                         ::testing::Values(Wrong{"limit", "0"}, Wrong{"limit", "-1"}, Wrong{"limit", "1000000000"},
                                           Wrong{"limit", "1e3"}, Wrong{"limit", " 1"}, Wrong{"start", "yesterday"},
                                           Wrong{"end", "2023-02-31"}, Wrong{"layer", "cooked"}, Wrong{"fetch", "Auto"},
                                           Wrong{"market", "Linear!"}, Wrong{"min_quality", "nan"},
                                           Wrong{"min_quality", "1.5"}, Wrong{"include_open", "yes"},
                                           Wrong{"cursor", ""}, Wrong{"day_start", "24:00"}, Wrong{"limits", "5"},
                                           Wrong{"timeframe", "1m"}));

TEST_F(ApiTest, UnknownTimeframeNamesTheList) {
  const auto reply = send("GET", "/api/v1/ohlcv", {{"exchange", "bybit"}, {"symbol", "BTCUSDT"}, {"timeframe", "1H"}});
  const auto document = Json::parse(reply.body);
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(document["parameter"], "timeframe");
  EXPECT_NE(document["detail"].get<std::string>().find("1m, 3m, 5m"), std::string::npos);
}

TEST_F(ApiTest, ErrorsOfTheEngineKeepTheirCodeAndSuggestions) {
  data_->failure = Error{ErrorCode::unknown_symbol, "no BTCUSTD", "symbol", {"BTCUSDT"}, {}};
  auto reply = bars();
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(Json::parse(reply.body)["suggestions"], Json{"BTCUSDT"});
  data_->failure = Error{ErrorCode::rate_limited, "later", {}, {}, std::chrono::milliseconds{1500}};
  reply = bars();
  EXPECT_EQ(reply.status, 429);
  EXPECT_EQ(header(reply, "Retry-After"), "2");
}

TEST_F(ApiTest, ProductionHidesWhatIsOurDefectAndOnlyThat) {
  Api production{data_, ApiOptions{.environment = "production", .hide_error_details = true}};
  net::ServerRequest request;
  request.method = "GET";
  request.path = "/api/v1/ohlcv";
  request.query = {{"exchange", "bybit"}, {"symbol", "BTCUSDT"}, {"timeframe", "1h"}};
  data_->failure = Error{ErrorCode::internal, "secret path", {}, {}, {}};
  EXPECT_EQ(production.handle(request).body.find("secret"), std::string::npos);
  data_->failure = Error{ErrorCode::incomplete_data, "a gap", {}, {}, {}};
  const auto reply = production.handle(request);
  EXPECT_EQ(reply.status, 409);
  EXPECT_NE(reply.body.find("a gap"), std::string::npos);
}

TEST_F(ApiTest, AClientThatLeftEndsItsRead) {
  bars();
  EXPECT_FALSE(data_->asked_to_stop);
  std::stop_source left;
  left.request_stop();
  net::ServerRequest request;
  request.method = "GET";
  request.path = "/api/v1/ohlcv";
  request.query = {{"exchange", "bybit"}, {"symbol", "BTCUSDT"}, {"timeframe", "1h"}};
  request.gone = left.get_token();
  api_.handle(request);
  EXPECT_TRUE(data_->asked_to_stop);
}

TEST_F(ApiTest, WrongMethodAndPathAreTold) {
  const auto reply = send("DELETE", "/api/v1/ohlcv");
  EXPECT_EQ(reply.status, 405);
  EXPECT_EQ(header(reply, "Allow"), "GET, HEAD");
  EXPECT_EQ(send("GET", "/nothing").status, 404);
  EXPECT_EQ(send("HEAD", "/healthz").status, 200);
  EXPECT_EQ(send("POST", "/holder/v1/fill").status, 404) << "the holder's routes are for its socket only";
}

TEST_F(ApiTest, ListsArePaged) {
  auto first = Json::parse(send("GET", "/api/v1/instruments", {{"exchange", "bybit"}, {"limit", "2"}}).body);
  EXPECT_EQ(first["instruments"].size(), 2u);
  const auto cursor = first["next_cursor"].get<std::string>();
  auto rest = Json::parse(send("GET", "/api/v1/instruments", {{"exchange", "bybit"}, {"cursor", cursor}}).body);
  EXPECT_EQ(rest["instruments"].size(), 1u);
  EXPECT_TRUE(rest["next_cursor"].is_null());
  EXPECT_EQ(send("GET", "/api/v1/instruments", {{"exchange", "bybit"}, {"cursor", "9"}}).status, 400);
  EXPECT_EQ(send("GET", "/api/v1/instruments", {{"exchange", "bybit"}, {"symbol", "NOPE"}}).status, 404);
}

TEST_F(ApiTest, SeriesMayBeRepeated) {
  send("GET", "/api/v1/series", {{"series", "a"}, {"series", "b"}});
  EXPECT_EQ(data_->listed, (std::vector<std::string>{"a", "b"}));
  const auto coverage = Json::parse(send("GET", "/api/v1/coverage").body);
  EXPECT_EQ(coverage["coverage"][0]["present"], 2);
  EXPECT_TRUE(coverage["coverage"][0]["watermark"].is_null());
  EXPECT_EQ(Json::parse(send("GET", "/api/v1/gaps").body)["gaps"], Json::array());
}

TEST_F(ApiTest, BackfillRunsOnceAndTellsItsProgress) {
  data_->hold = true;
  const std::string body = R"({"series":"bybit.linear.BTCUSDT@1h","start":"2023-01-01","end":1672617600000})";
  const auto reply = send("POST", "/api/v1/backfills", {}, {}, body);
  ASSERT_EQ(reply.status, 202);
  const auto location = header(reply, "Location");
  EXPECT_EQ(header(send("POST", "/api/v1/backfills", {}, {}, body), "Location"), location) << "the same request joins";
  const auto state = [&] { return Json::parse(send("GET", location).body); };
  for (int wait = 0; wait < 2000 && state()["done"] != 3; ++wait)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  EXPECT_EQ(state()["state"], "running");
  EXPECT_EQ(state()["expected"], 7);
  data_->hold = false;
  for (int wait = 0; wait < 2000 && state()["state"] != "done"; ++wait)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  EXPECT_EQ(state()["state"], "done");
  EXPECT_EQ(state()["done"], 7);
  EXPECT_EQ(send("GET", "/api/v1/backfills/b999").status, 404);
}

TEST_F(ApiTest, TheQueueOfBackfillsHasAnEnd) {
  data_->hold = true;
  const auto post = [&](std::string start) {
    return send("POST", "/api/v1/backfills", {}, {},
                R"({"series":"bybit.linear.BTCUSDT@1h","start":")" + start + "\"}");
  };
  EXPECT_EQ(post("2023-01-01").status, 202);
  EXPECT_EQ(post("2023-01-02").status, 202);
  const auto refused = post("2023-01-03");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(header(refused, "Retry-After"), "30");
  api_.stop();
  EXPECT_EQ(post("2023-01-04").status, 503);
}

TEST_F(ApiTest, BodiesThatAreWrongAreRefused) {
  for (const char* body :
       {"", "[]", "{", "{\"series\":1}", "{\"series\":\"\"}", "{\"series\":\"bybit\"}", "{}",
        R"({"series":"bybit.linear.BTCUSDT@1h","from":"2023"})", "\xff\xfe",
        R"({"series":"bybit.linear.BTCUSDT@1h","start":{"a":[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]}})"}) {
    const auto reply = send("POST", "/api/v1/backfills", {}, {}, body);
    EXPECT_EQ(reply.status, 400) << body;
    EXPECT_NO_THROW(std::ignore = Json::parse(reply.body)) << body;
  }
}

TEST_F(ApiTest, UpdateIsABackfillWithoutBounds) {
  const auto reply = send("POST", "/api/v1/backfills", {}, {}, R"({"series":"bybit.linear.BTCUSDT@1h"})");
  ASSERT_EQ(reply.status, 202);
  for (int wait = 0; wait < 2000 && data_->updates == 0; ++wait)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  EXPECT_EQ(data_->updates, 1);
}

TEST_F(ApiTest, ReadinessSaysWhatIsMissing) {
  EXPECT_EQ(send("GET", "/readyz").status, 200);
  Api closed{data_, ApiOptions{.ready = [] { return fail(ErrorCode::internal, "the store is not open yet"); }}};
  net::ServerRequest request;
  request.method = "GET";
  request.path = "/readyz";
  const auto reply = closed.handle(request);
  EXPECT_EQ(reply.status, 503);
  EXPECT_NE(reply.body.find("the store is not open yet"), std::string::npos);
}

TEST_F(ApiTest, RequestIdsAreTakenWhenTheyAreHarmless) {
  EXPECT_EQ(header(send("GET", "/livez", {}, {{"x-request-id", "abc-1"}}), "X-Request-Id"), "abc-1");
  EXPECT_NE(header(send("GET", "/livez", {}, {{"x-request-id", "a b\r\n"}}), "X-Request-Id"), "a b\r\n");
}

TEST_F(ApiTest, TheDescriptionNamesEveryRouteAndItsProblems) {
  const auto document = Json::parse(send("GET", "/openapi.json").body);
  EXPECT_EQ(document["openapi"], "3.1.0");
  EXPECT_EQ(document["info"]["version"], "9.9.9");
  for (const char* path : {"/api/v1/ohlcv", "/api/v1/backfills/{id}", "/metrics", "/readyz"})
    EXPECT_TRUE(document["paths"].contains(path)) << path;
  const auto& bars = document["paths"]["/api/v1/ohlcv"]["get"];
  EXPECT_EQ(bars["parameters"].size(), 20u);
  for (const char* status : {"200", "304", "400", "404", "405", "409", "429", "503"})
    EXPECT_TRUE(bars["responses"].contains(status)) << status;
  for (const auto& [path, methods] : document["paths"].items()) EXPECT_EQ(path.find("holder"), std::string::npos);
}

}  // namespace
}  // namespace tdm::serve
