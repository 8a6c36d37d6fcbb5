#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "tdm/serve/serve.hpp"
#include "tdm/serve/tests/fake_market_data.hpp"

namespace tdm::serve {
namespace {

using Json = nlohmann::json;

class FakeFiller final : public ingest::Filler {
 public:
  Result<ingest::FillReport> fill(const ingest::FillRequest& request) override {
    asked_range = request.range;
    request.on_progress({.total_bars = 10, .done_bars = 4, .planned = true});
    while (hold && !request.stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    if (request.stop.stop_requested()) {
      cancelled = true;
      return fail(ErrorCode::cancelled, "stopped");
    }
    if (failure) return std::unexpected{*failure};
    return ingest::FillReport{.fetched = 10, .stored = 9, .exchange_time = from_us(77)};
  }
  Result<void> refresh_instruments(std::string exchange, std::string market, std::chrono::seconds age,
                                   std::stop_token) override {
    refreshed = exchange + "/" + market + "/" + std::to_string(age.count());
    return {};
  }
  Result<store::Resolution> remember(const store::Resolution& resolution, std::stop_token) override {
    return resolution;
  }
  Result<std::int64_t> accept_gaps(const Series&, TimeRange, std::string, std::stop_token) override { return 3; }
  Result<ingest::FillReport> import_bars(const ingest::ImportRequest& request) override {
    imported = request;
    if (failure) return std::unexpected{*failure};
    return ingest::FillReport{.fetched = static_cast<std::int64_t>(request.rows.size()), .revised = 1};
  }
  Result<store::Footprint> remove(const Series& series, store::Raw raw, std::stop_token) override {
    removed = series.text() + (raw == store::Raw::removed ? " with raw" : "");
    return store::Footprint{.rows = 4, .bytes = 3, .raw_rows = 2, .raw_bytes = 1};
  }

  TimeRange asked_range;
  std::string refreshed, removed;
  std::optional<ingest::ImportRequest> imported;
  std::optional<Error> failure;
  std::atomic<bool> hold = false, cancelled = false;
};

class HolderTest : public ::testing::Test {
 protected:
  net::ServerReply post(std::string path, const Json& body) {
    net::ServerRequest request;
    request.method = "POST";
    request.path = std::move(path);
    request.body = body.dump();
    return api_.handle(request);
  }
  static Json last_line(const net::ServerReply& reply) {
    Json last;
    while (const auto piece = reply.next_piece()) last = Json::parse(*piece);
    return last;
  }
  const Json fill_{{"series", "bybit.linear.BTCUSDT@1h"}, {"start_ms", 0}, {"end_ms", 3'600'000}, {"to_now", false}};

  std::shared_ptr<FakeFiller> filler_ = std::make_shared<FakeFiller>();
  Api api_{std::make_shared<FakeMarketData>(), ApiOptions{.holder_routes = true, .filler = filler_}};
};

TEST_F(HolderTest, AFillEndsWithItsReport) {
  const auto report = last_line(post("/holder/v1/fill", fill_))["report"];
  EXPECT_EQ(report["fetched"], 10);
  EXPECT_EQ(report["stored"], 9);
  EXPECT_EQ(report["exchange_time_us"], 77);
  EXPECT_EQ(filler_->asked_range, TimeRange::of(from_ms(0), from_ms(3'600'000)));
}

TEST_F(HolderTest, ProgressIsALineAtLeastEveryHalfSecond) {
  filler_->hold = true;
  const auto reply = post("/holder/v1/fill", fill_);
  const auto piece = reply.next_piece();
  ASSERT_TRUE(piece);
  EXPECT_EQ(Json::parse(*piece)["progress"]["done_bars"], 4);
  filler_->hold = false;
  EXPECT_TRUE(last_line(reply).contains("report"));
}

TEST_F(HolderTest, DroppingTheReplyCancelsTheFill) {
  filler_->hold = true;
  {
    const auto reply = post("/holder/v1/fill", fill_);
  }
  EXPECT_TRUE(filler_->cancelled);
}

TEST_F(HolderTest, AnErrorIsTheLastLine) {
  filler_->failure = Error{ErrorCode::rate_limited, "wait", "", {}, std::chrono::milliseconds{250}};
  const auto error = last_line(post("/holder/v1/fill", fill_))["error"];
  EXPECT_EQ(error["code"], "rate_limited");
  EXPECT_EQ(error["retry_after_ms"], 250);
}

TEST_F(HolderTest, RowsOfAFileComeWithTheirTexts) {
  Json rows{{"open_time_us", {1'000'000, -5}}};
  for (const auto* name : {"open", "high", "low", "close", "volume"}) rows[name] = {"1.50", nullptr};
  const Json body{
      {"series", "bybit.linear.BTCUSDT@1h"}, {"after_us", 77}, {"quote_volume", false}, {"rows", std::move(rows)}};
  const auto report = last_line(post("/holder/v1/import", body))["report"];
  EXPECT_EQ(report["fetched"], 2);
  EXPECT_EQ(report["revised"], 1);
  const auto& asked = filler_->imported.value();
  EXPECT_EQ(asked.after, from_us(77));
  EXPECT_EQ(asked.quote_volume, false);
  EXPECT_EQ(asked.rows.open_time, (std::vector{from_us(1'000'000), from_us(-5)}));
  EXPECT_EQ(asked.rows.close[0], "1.50");
  EXPECT_TRUE(asked.rows.close.is_null(1));
  EXPECT_EQ(asked.rows.extra.size(), 2U);
  EXPECT_EQ(asked.rows.channel, (std::vector{Channel::import, Channel::import}));

  for (const auto& [name, value] : std::vector<std::pair<std::string, Json>>{
           {"close", {"1"}}, {"open_time_us", {"x", 1}}, {"volume", {1.5, 2.5}}, {"moment", {"1", "2"}}}) {
    auto bad = body;
    bad["rows"][name] = value;
    EXPECT_EQ(post("/holder/v1/import", bad).status, 400) << name;
  }
}

TEST_F(HolderTest, TheOtherRoutesAnswerInOneDocument) {
  EXPECT_EQ(
      post("/holder/v1/refresh_instruments", {{"exchange", "bybit"}, {"market", "linear"}, {"max_age_s", 60}}).body,
      "{}");
  EXPECT_EQ(filler_->refreshed, "bybit/linear/60");
  const Json resolution{
      {"exchange", "bybit"}, {"symbol", "btcusdt"}, {"instrument", "bybit.linear.BTCUSDT"}, {"decided_at_us", 5}};
  EXPECT_EQ(Json::parse(post("/holder/v1/remember", resolution).body), resolution);
  const Json accept{{"series", "bybit.linear.BTCUSDT@1h"}, {"start_ms", 0}, {"end_ms", 1}, {"reason", "halt"}};
  EXPECT_EQ(Json::parse(post("/holder/v1/accept_gaps", accept).body)["accepted"], 3);
  const Json footprint{{"rows", 4}, {"bytes", 3}, {"raw_rows", 2}, {"raw_bytes", 1}};
  const Json remove{{"series", "bybit.linear.BTCUSDT@1h"}, {"with_raw", true}};
  EXPECT_EQ(Json::parse(post("/holder/v1/remove", remove).body), footprint);
  EXPECT_EQ(filler_->removed, "bybit.linear.BTCUSDT@1h with raw");
  EXPECT_EQ(post("/holder/v1/fill", {{"series", "bybit"}}).status, 400);
}

}  // namespace
}  // namespace tdm::serve
