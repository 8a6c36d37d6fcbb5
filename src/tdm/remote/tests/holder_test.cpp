#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "tdm/net/http_server.hpp"
#include "tdm/remote/remote.hpp"
#include "tdm/remote/tests/support.hpp"

namespace tdm::remote {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

class HolderTest : public ::testing::Test {
 protected:
  HolderTest() {
    static std::atomic<int> number = 0;
    socket_ = (std::filesystem::temp_directory_path() /
               ("tdm_holder_" + std::to_string(::getpid()) + "_" + std::to_string(++number) + ".sock"))
                  .string();
    filler_ = make_holder_filler(socket_);
  }
  ~HolderTest() override {
    server_.reset();
    std::filesystem::remove(socket_);
  }

  void serve(net::HttpServer::Handler handler) {
    net::ServerOptions options;
    options.body_bytes = 16 << 20;  // as the holder itself takes
    options.unix_path = socket_;
    auto server = net::HttpServer::start(options, std::move(handler));
    ASSERT_TRUE(server) << server.error().message;
    server_ = *std::move(server);
  }
  // Answers a fill with these pieces, one after another.
  void serve_pieces(std::vector<std::string> pieces) {
    serve([pieces = std::move(pieces)](const net::ServerRequest&) {
      net::ServerReply reply;
      reply.headers = {{"Content-Type", "application/x-ndjson"}};
      reply.next_piece = [pieces, next = std::size_t{0}]() mutable -> std::optional<std::string> {
        if (next == pieces.size()) return std::nullopt;
        return pieces[next++];
      };
      return reply;
    });
  }
  ingest::FillRequest request() { return {.series = testing::kSeries, .range = testing::hours(0, 10), .to_now = true}; }

  std::string socket_;
  std::unique_ptr<net::HttpServer> server_;
  std::shared_ptr<ingest::Filler> filler_;
};

constexpr std::string_view kProgress =
    R"({"progress":{"total_bars":10,"done_bars":4,"requests":1,"bars_per_second":2.5,"eta_seconds":3,"planned":true}})";
constexpr std::string_view kReport =
    R"({"report":{"fetched":10,"stored":9,"unchanged":1,"rejected":0,"requests":2,"exchange_time_us":1672531200000000}})";

TEST_F(HolderTest, AFillReportsItsProgressAndItsEnd) {
  // Lines come in any pieces.
  const auto text = std::string{kProgress} + "\n" + std::string{kProgress} + "\n" + std::string{kReport} + "\n";
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < text.size(); at += 37) pieces.push_back(text.substr(at, 37));
  serve_pieces(pieces);
  std::vector<ingest::Progress> seen;
  auto asked = request();
  asked.on_progress = [&](const ingest::Progress& progress) { seen.push_back(progress); };
  const auto report = filler_->fill(asked);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->stored, 9);
  EXPECT_EQ(report->exchange_time, from_ms(testing::kStart));
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].done_bars, 4);
  EXPECT_TRUE(seen[0].planned);
}

TEST_F(HolderTest, SaysWhatIsToBeFilled) {
  json body;
  serve([&](const net::ServerRequest& asked) {
    body = json::parse(asked.body);
    EXPECT_EQ(asked.path, "/holder/v1/fill");
    EXPECT_EQ(asked.method, "POST");
    net::ServerReply reply;
    reply.body = std::string{kReport} + "\n";
    return reply;
  });
  ASSERT_TRUE(filler_->fill(request()));
  EXPECT_EQ(body, (json{{"series", "bybit.linear.BTCUSDT@1h"},
                        {"start_ms", testing::kStart},
                        {"end_ms", testing::kStart + 10 * testing::kHour},
                        {"to_now", true}}));
}

TEST_F(HolderTest, AnErrorLineIsTheError) {
  serve_pieces(
      {R"({"error":{"code":"rate_limited","message":"banned","parameter":"p","suggestions":["a"],"retry_after_ms":1500}})"
       "\n"});
  const auto report = filler_->fill(request());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error(), (Error{ErrorCode::rate_limited, "banned", "p", {"a"}, 1500ms}));
}

TEST_F(HolderTest, AStreamWithoutAnEndIsUnavailable) {
  serve_pieces({std::string{kProgress} + "\n"});
  EXPECT_EQ(filler_->fill(request()).error().code, ErrorCode::unavailable);
}

TEST_F(HolderTest, LinesThatMeanNothingAreCorrupt) {
  for (const auto* line : {"{}\n", "nonsense\n",
                           R"({"progress":{}})"
                           "\n",
                           R"({"report":{"fetched":"many"}})"
                           "\n"}) {
    serve_pieces({line});
    EXPECT_EQ(filler_->fill(request()).error().code, ErrorCode::corrupt_data) << line;
    server_.reset();
    std::filesystem::remove(socket_);
  }
}

TEST_F(HolderTest, NobodyListeningIsUnavailable) {
  EXPECT_EQ(filler_->fill(request()).error().code, ErrorCode::unavailable);
  EXPECT_EQ(filler_->refresh_instruments("bybit", "linear", 60s, {}).error().code, ErrorCode::unavailable);
}

TEST_F(HolderTest, StopCancelsAtOnce) {
  serve([](const net::ServerRequest&) {
    net::ServerReply reply;
    reply.next_piece = [pieces = 0]() mutable -> std::optional<std::string> {
      std::this_thread::sleep_for(50ms);
      if (++pieces == 60) return std::nullopt;
      return std::string{kProgress} + "\n";
    };
    return reply;
  });
  std::stop_source stop;
  auto asked = request();
  asked.stop = stop.get_token();
  const std::jthread stopper{[&] {
    std::this_thread::sleep_for(200ms);
    stop.request_stop();
  }};
  const auto begin = std::chrono::steady_clock::now();
  const auto report = filler_->fill(asked);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 400ms);
}

TEST_F(HolderTest, SmallCallsAndTheirProblems) {
  std::vector<json> bodies;
  serve([&](const net::ServerRequest& asked) {
    bodies.push_back(json::parse(asked.body));
    net::ServerReply reply;
    if (asked.path == "/holder/v1/refresh_instruments") {
      reply.body = "{}";
    } else if (asked.path == "/holder/v1/remember") {
      reply.body = R"({"exchange":"bybit","symbol":"btcusdt","instrument":"bybit.spot.BTCUSDT","decided_at_us":5})";
    } else {
      reply.status = 404;
      reply.body = R"({"code":"not_found","detail":"no gap","parameter":"range","suggestions":[]})";
    }
    return reply;
  });
  EXPECT_TRUE(filler_->refresh_instruments("bybit", "linear", 60s, {}));
  const auto stored =
      filler_->remember({"bybit", "btcusdt", *InstrumentId::parse("bybit.linear.BTCUSDT"), from_us(9)}, {});
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_EQ(stored->instrument.text(), "bybit.spot.BTCUSDT");  // the first decision stands
  const auto accepted = filler_->accept_gaps(testing::kSeries, testing::hours(0, 3), "known", {});
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().code, ErrorCode::not_found);
  EXPECT_EQ(accepted.error().parameter, "range");
  EXPECT_EQ(bodies[0], (json{{"exchange", "bybit"}, {"market", "linear"}, {"max_age_s", 60}}));
  EXPECT_EQ(bodies[1]["decided_at_us"], 9);
  EXPECT_EQ(bodies[2]["reason"], "known");
}

TEST_F(HolderTest, AFileIsBroughtInPartsAndTheReportsAreOne) {
  std::vector<json> bodies;
  serve([&](const net::ServerRequest& asked) {
    EXPECT_EQ(asked.path, "/holder/v1/import");
    bodies.push_back(json::parse(asked.body));
    net::ServerReply reply;
    const auto rows = bodies.back()["rows"]["open_time_us"].size();
    reply.body = std::string{kProgress} + "\n" +
                 json{{"report", {{"fetched", rows}, {"stored", rows}, {"revised", 1}}}}.dump() + "\n";
    return reply;
  });
  constexpr std::size_t kRows = 50'010;
  ingest::ImportRequest request{.series = testing::kSeries};
  auto& rows = request.rows;
  for (std::size_t row = 0; row < kRows; ++row) {
    // Newest first; at the border between two parts three rows have one time.
    const auto hour = static_cast<std::int64_t>(kRows - row);
    rows.open_time.push_back(
        from_ms(testing::kStart + (hour > 49'999 && hour < 50'002 ? 50'000 : hour) * testing::kHour));
    for (const auto& field : ingest::text_fields())
      field.name == "quote_volume" ? (rows.*field.column).append_null()
                                   : (rows.*field.column).append(std::string_view{"1.50"});
  }
  std::vector<ingest::Progress> seen;
  request.on_progress = [&](const ingest::Progress& progress) { seen.push_back(progress); };
  const auto report = filler_->import_bars(request);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->fetched, static_cast<std::int64_t>(kRows));
  EXPECT_EQ(report->revised, 2);
  ASSERT_EQ(bodies.size(), 2U);
  EXPECT_FALSE(bodies[0].contains("after_us"));
  EXPECT_EQ(bodies[0]["quote_volume"], false);
  EXPECT_EQ(bodies[0]["rows"]["close"][0], "1.50");
  EXPECT_TRUE(bodies[0]["rows"]["quote_volume"][0].is_null());
  EXPECT_EQ(bodies[1]["after_us"], bodies[0]["rows"]["open_time_us"].back());
  EXPECT_NE(bodies[1]["rows"]["open_time_us"][0], bodies[0]["rows"]["open_time_us"].back());
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[1].total_bars, static_cast<std::int64_t>(kRows));
  EXPECT_EQ(seen[1].done_bars, 4 + static_cast<std::int64_t>(bodies[0]["rows"]["open_time_us"].size()));
}

TEST_F(HolderTest, ARemovalSaysWhatWent) {
  json body;
  serve([&](const net::ServerRequest& asked) {
    EXPECT_EQ(asked.path, "/holder/v1/remove");
    body = json::parse(asked.body);
    net::ServerReply reply;
    reply.body = R"({"rows":4,"bytes":3,"raw_rows":2,"raw_bytes":1})";
    return reply;
  });
  const auto gone = filler_->remove(testing::kSeries, store::Raw::removed, {});
  ASSERT_TRUE(gone) << gone.error().message;
  EXPECT_EQ(*gone, (store::Footprint{.rows = 4, .bytes = 3, .raw_rows = 2, .raw_bytes = 1}));
  EXPECT_EQ(body, (json{{"series", "bybit.linear.BTCUSDT@1h"}, {"with_raw", true}}));
}

}  // namespace
}  // namespace tdm::remote
