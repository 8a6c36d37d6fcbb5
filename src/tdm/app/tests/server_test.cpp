#include "tdm/app/server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <thread>

#include "tdm/app/detail/holder_server.hpp"
#include "tdm/app/engine.hpp"
#include "tdm/cli/tests/fake_data.hpp"
#include "tdm/ingest/ingest.hpp"
#include "tdm/net/http_client.hpp"

namespace tdm::app {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

class Folder {
 public:
  Folder() : path_{fs::temp_directory_path() / ("tdm_server_test_" + std::to_string(getpid()))} {
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  fs::path operator/(const char* name) const { return path_ / name; }

 private:
  fs::path path_;
};

int status_at(const net::Url& base, const std::string& target) {
  net::BlockingHttpClient client{base};
  net::HttpRequest request;
  request.base = base;
  request.target = target;
  const auto reply = client.send(std::move(request));
  return reply ? reply->status : 0;
}

class Server : public testing::Test {
 protected:
  config::Config configured(int lock_timeout_ms = 60'000) const {
    return config::load_text(fmt::format("environment: test\nstorage: {{type: duckdb, db_path: {}, parquet_path: {}}}\n"
                                         "api: {{port: 0, log_level: error}}\n"
                                         "exchange_clients: {{bybit: {{base_url: \"http://127.0.0.1:9\"}}}}\n"
                                         "limits: {{lock_timeout_ms: {}}}\n",
                                         (folder_ / "m.db").string(), (folder_ / "lake").string(), lock_timeout_ms),
                             "f.yaml")
        .value();
  }

  // Starts a server on a thread and returns where it listens.
  net::Url start() {
    std::promise<std::uint16_t> port;
    auto listening = port.get_future();
    result_ = std::async(std::launch::async, [this, port = std::move(port)]() mutable {
      return run_server(configured(), stop_.get_token(), [&](std::uint16_t p) { port.set_value(p); });
    });
    EXPECT_EQ(listening.wait_for(60s), std::future_status::ready);
    return net::Url::parse(fmt::format("http://127.0.0.1:{}", listening.get()), "url").value();
  }

  Folder folder_;
  std::stop_source stop_;
  std::future<Result<void>> result_;
};

TEST_F(Server, ServesUntilItIsStoppedAndLeavesNothingListening) {
  const auto url = start();
  EXPECT_EQ(status_at(url, "/healthz"), 200);
  EXPECT_EQ(status_at(url, "/readyz"), 200);
  EXPECT_EQ(status_at(url, "/api/v1/series"), 200);
  EXPECT_EQ(status_at(url, "/holder/v1/fill"), 404) << "what the store's socket knows is not for the network";
  EXPECT_TRUE(fs::exists(folder_ / "m.db.sock"));
  const auto begun = steady_clock::now();
  stop_.request_stop();
  const auto result = result_.get();
  EXPECT_TRUE(result) << result.error().message;
  EXPECT_LT(steady_clock::now() - begun, 10s);
  EXPECT_EQ(status_at(url, "/healthz"), 0);
  EXPECT_FALSE(fs::exists(folder_ / "m.db.sock"));
}

TEST_F(Server, TwoServersOnOneStoreAreOneTooMany) {
  start();
  const auto second = run_server(configured(100), {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::unavailable);
  stop_.request_stop();
  EXPECT_TRUE(result_.get());
}

TEST_F(Server, APortThatIsTakenIsNamed) {
  const auto url = start();
  auto config = configured();
  config.storage.db_path += "2";
  config.storage.parquet_path += "2";
  config.api.port = url.port;
  const auto second = run_server(config, {});
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr(std::to_string(url.port)));
  stop_.request_stop();
  EXPECT_TRUE(result_.get());
}

TEST_F(Server, AnotherDoorOnTheStoreReadsWhileTheServerHoldsIt) {
  start();
  const auto door = Door::open(configured());
  ASSERT_TRUE(door);
  EXPECT_TRUE((*door)->data().list({}));
  const auto series = cli::series_of("bybit.linear.BTCUSDT@1h");
  // The lock is the server's, so it is asked, and it is its answer that comes back.
  const auto accepted = (*door)->data().accept_gaps(series, "2023-01-01..2023-01-02", "known", {});
  EXPECT_TRUE(accepted || accepted.error().code == ErrorCode::not_found) << accepted.error().message;
  stop_.request_stop();
  EXPECT_TRUE(result_.get());
}

TEST(HolderServer, ListensWhileTheLockIsHeld) {
  const Folder folder;
  const auto path = (folder / "m.db.sock").string();
  const auto url = net::Url::parse("unix:" + path, "url").value();
  const auto data = std::make_shared<cli::FakeData>();
  detail::HolderServer server{path, [&] { return std::make_shared<serve::Api>(data, serve::ApiOptions{}); }};
  EXPECT_FALSE(server.listening());
  for (int round = 0; round < 3; ++round) {
    server.hold();
    EXPECT_TRUE(server.listening());
    EXPECT_EQ(status_at(url, "/healthz"), 200);
    server.release();
    EXPECT_FALSE(server.listening());
    EXPECT_FALSE(fs::exists(path));
    EXPECT_EQ(status_at(url, "/healthz"), 0);
  }
  server.hold();
  server.hold();
  EXPECT_EQ(status_at(url, "/healthz"), 200);
}

TEST(HolderServer, ASocketOfAProcessThatDiedIsReplaced) {
  const Folder folder;
  const auto path = (folder / "m.db.sock").string();
  const auto url = net::Url::parse("unix:" + path, "url").value();
  const auto data = std::make_shared<cli::FakeData>();
  const auto make = [&] { return std::make_shared<serve::Api>(data, serve::ApiOptions{}); };
  {
    detail::HolderServer dead{path, make};
    dead.hold();
    fs::rename(path, path + ".kept");
  }
  fs::rename(path + ".kept", path);
  EXPECT_EQ(status_at(url, "/healthz"), 0);
  detail::HolderServer server{path, make};
  server.hold();
  EXPECT_EQ(status_at(url, "/healthz"), 200);
}

// A writer that takes the lock for what it is asked, as others do: that calls hold().
class HoldingFiller final : public ingest::Filler {
 public:
  std::function<void()> hold;
  std::promise<void> asked;
  std::promise<void> may_go_on;

  Result<ingest::FillReport> fill(const ingest::FillRequest&) override { return ingest::FillReport{}; }
  Result<void> refresh_instruments(std::string, std::string, std::chrono::seconds, std::stop_token) override {
    asked.set_value();
    may_go_on.get_future().wait();
    hold();
    return {};
  }
  Result<store::Resolution> remember(const store::Resolution& resolution, std::stop_token) override {
    return resolution;
  }
  Result<std::int64_t> accept_gaps(const Series&, TimeRange, std::string, std::stop_token) override { return 0; }
  Result<ingest::FillReport> import_bars(const ingest::ImportRequest&) override { return ingest::FillReport{}; }
  Result<store::Footprint> remove(const Series&, store::Raw, std::stop_token) override { return store::Footprint{}; }
};

// Otherwise two processes chase each other: the request that is cut off opens the next socket to be cut off.
TEST(HolderServer, WhatRunsAtTheEndOpensNoSocketAnyMore) {
  const Folder folder;
  const auto path = (folder / "m.db.sock").string();
  const auto url = net::Url::parse("unix:" + path, "url").value();
  const auto filler = std::make_shared<HoldingFiller>();
  serve::ApiOptions options;
  options.holder_routes = true;
  options.filler = filler;
  const auto data = std::make_shared<cli::FakeData>();
  auto server =
      std::make_unique<detail::HolderServer>(path, [&] { return std::make_shared<serve::Api>(data, options); });
  filler->hold = [&server = *server] { server.hold(); };
  server->hold();
  const auto other = std::async(std::launch::async, [&] {
    net::BlockingHttpClient client{url};
    net::HttpRequest request;
    request.base = url;
    request.method = "POST";
    request.target = "/holder/v1/refresh_instruments";
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = R"({"exchange": "bybit", "market": "linear", "max_age_s": 0})";
    return client.send(std::move(request)).has_value();
  });
  filler->asked.get_future().wait();
  auto ended = std::async(std::launch::async, [&] { server.reset(); });
  other.wait();  // cut off by the end
  filler->may_go_on.set_value();
  EXPECT_EQ(ended.wait_for(30s), std::future_status::ready);
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace tdm::app
