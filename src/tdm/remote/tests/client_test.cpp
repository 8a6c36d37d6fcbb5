#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "tdm/net/http_server.hpp"
#include "tdm/remote/remote.hpp"
#include "tdm/remote/tests/support.hpp"

namespace tdm::remote {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::gap_of;
using testing::provenance_of;

net::ServerReply reply_of(std::string body, int status = 200, net::Headers headers = {}) {
  net::ServerReply reply;
  reply.status = status;
  reply.headers = std::move(headers);
  reply.body = std::move(body);
  return reply;
}

net::ServerReply problem(int status, std::string_view code, std::string_view parameter = "",
                         net::Headers headers = {}) {
  return reply_of(json{{"status", status},
                       {"code", code},
                       {"detail", "said"},
                       {"parameter", parameter},
                       {"suggestions", json::array()}}
                      .dump(),
                  status, std::move(headers));
}

std::string parameter(const net::ServerRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.query)
    if (key == name) return value;
  return {};
}

// A server that answers by script: (request, how many came before it).
class ClientTest : public ::testing::Test {
 protected:
  using Script = std::function<net::ServerReply(const net::ServerRequest&, int)>;

  void serve(Script script) {
    script_ = std::move(script);
    auto server = net::HttpServer::start({}, [this](const net::ServerRequest& request) {
      int number = 0;
      {
        const std::lock_guard guard{mutex_};
        number = static_cast<int>(requests_.size());
        requests_.push_back(request);
      }
      return script_(request, number);
    });
    ASSERT_TRUE(server) << server.error().message;
    server_ = *std::move(server);
    RemoteOptions options;
    options.url = "http://127.0.0.1:" + std::to_string(server_->port());
    options.api_key = "secret";
    options.timeout = 5s;
    auto connected = connect(options);
    ASSERT_TRUE(connected) << connected.error().message;
    data_ = *std::move(connected);
  }
  std::vector<net::ServerRequest> requests() {
    const std::lock_guard guard{mutex_};
    return requests_;
  }

  query::ReadRequest request_ = [] {
    query::ReadRequest request;
    request.exchange = "bybit";
    request.symbol = "BTCUSDT";
    request.timeframe = "1h";
    request.start = "2023-01-01";
    request.end = "2023-01-05";
    return request;
  }();
  std::shared_ptr<query::MarketData> data_;

 private:
  std::mutex mutex_;
  std::vector<net::ServerRequest> requests_;
  Script script_;
  std::unique_ptr<net::HttpServer> server_;
};

// Pages of 40 hours out of 96.
net::ServerReply page_of(const net::ServerRequest& request, const query::Provenance& model = provenance_of(96, 96)) {
  const auto cursor = parameter(request, "cursor");
  const std::int64_t first = cursor.empty() ? 0 : std::stoll(cursor);
  const auto count = std::min<std::int64_t>(40, 96 - first);
  auto provenance = model;
  provenance.rows = count;
  provenance.sources = {{"rest", count}};
  auto reply = reply_of(testing::stream_of(first, count, provenance), 200, {{"ETag", "\"e-3\""}});
  if (first + count < 96) reply.headers.emplace_back("X-TDM-Next-Cursor", std::to_string(first + count));
  return reply;
}

TEST_F(ClientTest, JoinsThePagesOfAnAnswer) {
  serve([](const net::ServerRequest& request, int) { return page_of(request); });
  const auto answer = data_->read(request_, {}, {});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->series, testing::kSeries);
  EXPECT_EQ(answer->range, testing::hours(0, 96));
  EXPECT_EQ(answer->frame.rows, 96U);
  EXPECT_EQ(answer->provenance.rows, 96);
  EXPECT_EQ(answer->provenance.sources.at("rest"), 96);
  EXPECT_EQ(answer->next_cursor, std::nullopt);
  const auto close = std::get<std::span<const double>>(answer->frame.find("close")->data);
  for (std::size_t row = 0; row < close.size(); ++row)
    EXPECT_EQ(close[row], testing::close_of(static_cast<std::int64_t>(row)));
  ASSERT_EQ(requests().size(), 3U);
  EXPECT_EQ(net::find_header(requests()[0].headers, "Authorization"), "Bearer secret");
}

TEST_F(ClientTest, ALimitIsOnePage) {
  serve([](const net::ServerRequest& request, int) { return page_of(request); });
  request_.limit = 40;
  const auto answer = data_->read(request_, {}, {});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->frame.rows, 40U);
  EXPECT_EQ(answer->next_cursor, "40");
  EXPECT_EQ(requests().size(), 1U);
}

TEST_F(ClientTest, BeginsAgainWhenTheDataChangedBetweenPages) {
  serve([](const net::ServerRequest& request, int number) {
    return number == 1 ? problem(400, "invalid_argument", "cursor") : page_of(request);
  });
  const auto answer = data_->read(request_, {}, {});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->frame.rows, 96U);
  EXPECT_EQ(requests().size(), 5U);
}

TEST_F(ClientTest, ProblemsAreErrorsByName) {
  serve([](const net::ServerRequest&, int) { return problem(404, "unknown_symbol", "symbol"); });
  const auto answer = data_->read(request_, {}, {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::unknown_symbol);
  EXPECT_EQ(answer.error().parameter, "symbol");
  EXPECT_EQ(requests().size(), 1U);
}

TEST_F(ClientTest, RepeatsWhatMayBeRepeated) {
  serve([](const net::ServerRequest&, int number) {
    if (number == 0) return problem(503, "unavailable");
    if (number == 1) return reply_of("<html>", 502);
    return reply_of(R"({"version":"1","environment":"test","exchanges":["bybit"],"backends":["duckdb"]})");
  });
  const auto info = data_->info();
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->door, "http");
  EXPECT_EQ(info->exchanges, std::vector<std::string>{"bybit"});
  EXPECT_EQ(requests().size(), 3U);
}

TEST_F(ClientTest, ALongRetryAfterIsToldAndNotWaitedFor) {
  serve([](const net::ServerRequest&, int) { return problem(429, "rate_limited", "", {{"Retry-After", "600"}}); });
  const auto begin = std::chrono::steady_clock::now();
  const auto info = data_->info();
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code, ErrorCode::rate_limited);
  EXPECT_EQ(info.error().retry_after, 600s);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s);
}

TEST_F(ClientTest, StopEndsAWaitingCallAtOnce) {
  serve([](const net::ServerRequest&, int) {
    auto reply = reply_of("{}");
    reply.delay = 3s;
    return reply;
  });
  std::stop_source stop;
  const std::jthread stopper{[&] {
    std::this_thread::sleep_for(100ms);
    stop.request_stop();
  }};
  request_.fetch = query::Fetch::never;
  const auto begin = std::chrono::steady_clock::now();
  const auto answer = data_->read(request_, {}, stop.get_token());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 300ms);
}

TEST_F(ClientTest, TheGapPolicyIsDecidedFromTheProvenance) {
  auto model = provenance_of(96, 96);
  model.gap_count = 2;
  model.gaps = {gap_of(1, 5, 2, GapCause::upstream_missing), gap_of(2, 9, 1, GapCause::not_listed)};
  serve([&](const net::ServerRequest& request, int) { return page_of(request, model); });
  request_.on_gap = query::OnGap::by_cause;
  const auto warned = data_->read(request_, {}, {});
  ASSERT_TRUE(warned) << warned.error().message;
  ASSERT_EQ(warned->warn_gaps.size(), 1U);
  EXPECT_EQ(warned->warn_gaps[0].id, 1);
  request_.on_gap = query::OnGap::raise;
  const auto raised = data_->read(request_, {}, {});
  ASSERT_FALSE(raised);
  EXPECT_EQ(raised.error().code, ErrorCode::incomplete_data);
  request_.on_gap = query::OnGap::ignore;
  EXPECT_TRUE(data_->read(request_, {}, {}));
}

TEST_F(ClientTest, GapsThatTheProvenanceDoesNotListAreAskedFor) {
  auto model = provenance_of(96, 96);
  model.gap_count = 2;
  model.gaps = {gap_of(1, 5, 2, GapCause::not_listed)};
  serve([&](const net::ServerRequest& request, int) {
    if (request.path != "/api/v1/gaps") return page_of(request, model);
    json list = {json::parse(query::to_json(model.gaps[0])),
                 json::parse(query::to_json(gap_of(2, 50, 1, GapCause::unknown)))};
    return reply_of(json{{"gaps", list}, {"next_cursor", nullptr}}.dump());
  });
  request_.on_gap = query::OnGap::by_cause;
  const auto raised = data_->read(request_, {}, {});
  ASSERT_FALSE(raised);
  EXPECT_EQ(raised.error().code, ErrorCode::incomplete_data);
}

TEST_F(ClientTest, GapsOfADerivedAnswerAreThoseOfItsParts) {
  auto model = provenance_of(96, 96);
  model.gap_count = 2;
  model.derived = "bybit.linear.BTCUSDT@1m";
  const auto minutes_of = [](std::int64_t id, std::int64_t hour, GapCause cause, GapState state) {
    auto gap = gap_of(id, hour, 1, cause);
    gap.series = testing::series_of("bybit.linear.BTCUSDT@1m");
    gap.range = TimeRange::of(gap.range.begin() + 5min, gap.range.begin() + 7min);
    gap.bars = 2;
    gap.state = state;
    return json::parse(query::to_json(gap));
  };
  auto list = json::array({minutes_of(1, 5, GapCause::exchange_outage, GapState::accounted)});  // hinders nothing
  serve([&](const net::ServerRequest& request, int) {
    if (request.path != "/api/v1/gaps") return page_of(request, model);
    EXPECT_NE(request.target.find("%401m"), std::string::npos) << request.target;
    return reply_of(json{{"gaps", list}, {"next_cursor", nullptr}}.dump());
  });
  request_.on_gap = query::OnGap::raise;
  EXPECT_TRUE(data_->read(request_, {}, {}));
  list.push_back(minutes_of(2, 50, GapCause::unknown, GapState::open));
  const auto raised = data_->read(request_, {}, {});
  ASSERT_FALSE(raised);
  EXPECT_NE(raised.error().message.find("bybit.linear.BTCUSDT@1h lacks 1 bar of"), std::string::npos)
      << raised.error().message;
}

TEST_F(ClientTest, AnAnswerWithFewerRowsThanItSaysIsCorrupt) {
  serve([](const net::ServerRequest&, int) { return reply_of(testing::stream_of(0, 5, provenance_of(6, 6))); });
  EXPECT_EQ(data_->read(request_, {}, {}).error().code, ErrorCode::corrupt_data);
}

json job(std::string_view state, std::int64_t done, json error = nullptr) {
  return {{"id", "b1"},   {"state", state}, {"expected", 96},
          {"done", done}, {"eta_s", 1.5},   {"error", std::move(error)}};
}

TEST_F(ClientTest, ABackfillIsWatchedToItsEnd) {
  serve([](const net::ServerRequest& request, int number) {
    if (request.method == "POST") return reply_of(job("queued", 0).dump(), 202);
    return reply_of(number < 3 ? job("running", 40).dump() : job("done", 96).dump());
  });
  std::vector<std::int64_t> seen;
  const auto report =
      data_->backfill(testing::kSeries, "2023-01-01", {},
                      [&](const ingest::Progress& progress) { seen.push_back(progress.done_bars); }, {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->stored, 96);
  EXPECT_EQ(seen, (std::vector<std::int64_t>{0, 40, 40, 96}));
  const auto body = json::parse(requests()[0].body);
  EXPECT_EQ(body, (json{{"series", "bybit.linear.BTCUSDT@1h"}, {"start", "2023-01-01"}}));
  EXPECT_EQ(requests()[1].path, "/api/v1/backfills/b1");
}

TEST_F(ClientTest, AFailedBackfillIsItsError) {
  serve([](const net::ServerRequest&, int) {
    return reply_of(
        job("failed", 3, {{"code", "storage_full"}, {"detail", "no space"}, {"parameter", nullptr}}).dump());
  });
  const auto report = data_->update(testing::kSeries, {}, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::storage_full);
  EXPECT_EQ(report.error().message, "no space");
  EXPECT_EQ(json::parse(requests()[0].body), (json{{"series", "bybit.linear.BTCUSDT@1h"}}));
}

TEST_F(ClientTest, StopEndsTheWatchingOfABackfill) {
  serve([](const net::ServerRequest&, int) { return reply_of(job("running", 3).dump()); });
  std::stop_source stop;
  const std::jthread stopper{[&] {
    std::this_thread::sleep_for(300ms);
    stop.request_stop();
  }};
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(data_->update(testing::kSeries, {}, stop.get_token()).error().code, ErrorCode::cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 500ms);
}

json instrument_document(std::string_view symbol) {
  return {{"name", "bybit.linear." + std::string{symbol}},
          {"active", true},
          {"launch_time", testing::kStart},
          {"valid_to", nullptr}};
}

TEST_F(ClientTest, AReadThatHasToFetchIsWatchedAsABackfill) {
  std::atomic<bool> filled = false;
  serve([&](const net::ServerRequest& request, int) {
    if (request.path == "/api/v1/instruments")
      return reply_of(json{{"instruments", {instrument_document("BTCUSDT")}}, {"next_cursor", nullptr}}.dump());
    if (request.path.starts_with("/api/v1/backfills")) {
      filled = true;
      return reply_of(job("done", 96).dump());
    }
    return filled ? page_of(request) : problem(503, "unavailable");
  });
  int progressed = 0;
  const auto answer = data_->read(request_, [&](const ingest::Progress&) { ++progressed; }, {});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->frame.rows, 96U);
  EXPECT_GT(progressed, 0);
}

TEST_F(ClientTest, WhatIsFetchedForASymbolWithAPriceIsThatPrice) {
  serve([](const net::ServerRequest& request, int) {
    if (request.path == "/api/v1/instruments")
      return reply_of(json{{"instruments", {instrument_document("BTCUSDT")}}, {"next_cursor", nullptr}}.dump());
    return request.method == "POST" ? problem(404, "not_found") : problem(503, "unavailable");
  });
  request_.symbol = "BTCUSDT:mark";
  EXPECT_EQ(data_->read(request_, {}, {}).error().code, ErrorCode::not_found);
  const auto asked = requests();
  EXPECT_EQ(parameter(asked[1], "symbol"), "BTCUSDT");
  EXPECT_EQ(json::parse(asked.back().body)["series"], "bybit.linear.BTCUSDT:mark@1h");
}

TEST_F(ClientTest, ListsAreFollowedToTheirEnd) {
  serve([](const net::ServerRequest& request, int) {
    const bool first = parameter(request, "cursor").empty();
    return reply_of(json{{"instruments", {instrument_document(first ? "AUSDT" : "BUSDT")}},
                         {"next_cursor", first ? json("1") : json(nullptr)}}
                        .dump());
  });
  query::InstrumentsRequest request;
  request.exchange = "bybit";
  const auto found = data_->instruments(request, {});
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[1].id.text(), "bybit.linear.BUSDT");
  EXPECT_EQ((*found)[1].launch_time, from_ms(testing::kStart));

  const auto series = data_->expand({"bybit.linear.*USDT@1m"}, false, {});
  ASSERT_TRUE(series) << series.error().message;
  EXPECT_EQ(series->size(), 2U);
}

TEST_F(ClientTest, CoverageSeriesAndEstimate) {
  serve([](const net::ServerRequest& request, int) {
    const json range{{"first", testing::kStart}, {"last", nullptr}, {"watermark", testing::kStart}};
    if (request.path == "/api/v1/coverage") {
      auto row = range;
      row.update(
          {{"series", "bybit.linear.BTCUSDT@1h"}, {"expected", 5}, {"present", 4}, {"confirmed", 3}, {"gap_count", 1}});
      return reply_of(json{{"coverage", {row}}, {"next_cursor", nullptr}}.dump());
    }
    if (request.path == "/api/v1/series") {
      auto row = range;
      row.update({{"series", "bybit.linear.BTCUSDT@1h"}, {"rows", 5}, {"bytes", 400}, {"gaps", 1}});
      return reply_of(json{{"series", {row}}, {"next_cursor", nullptr}}.dump());
    }
    if (request.path == "/api/v1/gaps/accept") return reply_of(R"({"accepted":3})");
    return reply_of(json{{"series", "bybit.linear.BTCUSDT@1h"},
                         {"start", 1},
                         {"end", 2},
                         {"bars", 3},
                         {"missing_bars", 2},
                         {"requests", 1},
                         {"bytes", 80},
                         {"seconds", 0.5}}
                        .dump());
  });
  const auto coverage = data_->coverage({"bybit.linear.BTCUSDT@1h"}, "2023-01-01", {});
  ASSERT_TRUE(coverage) << coverage.error().message;
  EXPECT_EQ(coverage->front().present, 4);
  EXPECT_EQ(coverage->front().last, std::nullopt);
  const auto list = data_->list({});
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(list->front().bytes, 400);
  EXPECT_EQ(data_->expand({}, true, {})->size(), 1U);
  const auto estimate = data_->estimate(testing::kSeries, {}, {}, {});
  ASSERT_TRUE(estimate) << estimate.error().message;
  EXPECT_EQ(estimate->missing_bars, 2);
  EXPECT_EQ(data_->accept_gaps(testing::kSeries, "2023-01-01..2023-01-02", "known", {}).value_or(0), 3);
  EXPECT_EQ(data_->verify({}).error().code, ErrorCode::invalid_argument);
}

TEST(Connect, RefusesWhatIsNoAddress) {
  RemoteOptions options;
  options.url = "localhost:8000";
  const auto refused = connect(options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().parameter, "url");
}

TEST(Connect, NobodyListeningIsUnavailable) {
  RemoteOptions options;
  options.url = "http://127.0.0.1:1";
  options.attempts = 2;
  const auto data = connect(options);
  ASSERT_TRUE(data);
  const auto info = (*data)->info();
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code, ErrorCode::unavailable);
  EXPECT_NE(info.error().message.find("127.0.0.1"), std::string::npos);
}

}  // namespace
}  // namespace tdm::remote
