#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <thread>

#include "tdm/net/sha256.hpp"  // sha256
#include "tdm/sources/archive_client.hpp"
#include "tdm/sources/binance/detail/archive.hpp"
#include "tdm/sources/binance/detail/connector.hpp"
#include "tdm/sources/binance/tests/fake_binance.hpp"
#include "tdm/sources/binance/tests/support.hpp"
#include "tests/support/zip.hpp"

namespace tdm::sources::binance {
namespace {

using namespace std::chrono_literals;
using testing::at;
using testing::FakeBinance;
using ::testing::HasSubstr;
using testing::series_of;

const auto kSeries = series_of("binance.spot.BTCUSDT@1h");
const auto kDay = TimeRange::of(at("2023-01-31"), at("2023-02-01"));
constexpr std::string_view kTarget = "/archive/data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2023-01-31.zip";

// An archive on loopback beside the REST interface, whose files a test may change.
class BinanceArchiveTest : public ::testing::Test {
 protected:
  BinanceArchiveTest() {
    std::string csv;
    for (auto open = kDay.begin(); open < kDay.end(); open += 1h)
      csv += fmt::format("{},1,2,0.5,1.5,10,{},15,7,4,6,0\n", to_ms(open), to_ms(open) + 3'599'999);
    zip_ = support::zip_of("BTCUSDT-1h-2023-01-31.csv", csv);
    server_.set_script([this](const net::ServerRequest& request, int) { return file(request); });
    ConnectorOptions options;
    options.base_url = server_.base_url();
    options.archive_url = archive_url();
    connector_ = BinanceConnector::make(options, pool_.get_executor(), system_clock()).value();
  }
  void TearDown() override { pool_.join(); }

  std::string archive_url() const { return server_.base_url().substr(0, server_.base_url().rfind('/')) + "/archive"; }
  template <class T>
  T wait_for(asio::awaitable<T> work) {
    auto future = asio::co_spawn(pool_, std::move(work), asio::use_future);
    if (future.wait_for(30s) != std::future_status::ready) throw std::runtime_error{"no end"};
    return future.get();
  }
  Result<Page> fetch() {
    const PageRequest request{kDay, kDay};
    return wait_for(connector_->fetch(kSeries, request));
  }
  bool has_archives() { return !connector_->archive_files(kSeries, kDay, at("2024-01-01")).empty(); }

  static net::ServerReply reply(std::string body, int status = 200) {
    net::ServerReply made;
    made.status = status;
    made.body = std::move(body);
    return made;
  }
  virtual std::optional<net::ServerReply> file(const net::ServerRequest& request) {
    if (!request.path.starts_with("/archive")) return std::nullopt;
    if (spoil_ && request.path == spoiled_) return *spoil_;
    if (request.path == kTarget) return reply(zip_);
    if (request.path == std::string{kTarget} + ".CHECKSUM")
      return reply(net::sha256(zip_) + "  BTCUSDT-1h-2023-01-31.zip\n");
    return reply("<Error><Code>NoSuchKey</Code></Error>", 404);
  }
  void spoil(net::ServerReply reply, bool checksum) {
    spoiled_ = std::string{kTarget} + (checksum ? ".CHECKSUM" : "");
    spoil_ = std::move(reply);
  }

  std::string zip_, spoiled_;
  std::optional<net::ServerReply> spoil_;
  FakeBinance server_;
  asio::thread_pool pool_{2};
  std::shared_ptr<Connector> connector_;
};

TEST_F(BinanceArchiveTest, AFileIsAPageAndTouchesNoOtherHost) {
  const auto page = fetch();
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->rows.size(), 24U);
  EXPECT_EQ(page->rows.channel[0], Channel::archive);
  EXPECT_EQ(page->request.archive, kDay);
  EXPECT_GE(page->exchange_time, kDay.end());
  EXPECT_EQ(page->bytes, static_cast<std::int64_t>(zip_.size()));
  // Neither the clock nor the instruments of a market are asked for.
  EXPECT_EQ(server_.targets(), (std::vector<std::string>{std::string{kTarget} + ".CHECKSUM", std::string{kTarget}}));
  EXPECT_EQ(connector_->requests_sent(), 2);
  EXPECT_TRUE(has_archives());
}

TEST_F(BinanceArchiveTest, AFaultOfTheFileIsNotTheHosts) {
  struct Case {
    net::ServerReply reply;
    bool checksum;
    ErrorCode code;
    std::string_view says;
  };
  const auto bad_zip = support::zip_of("BTCUSDT-1h-2023-01-31.csv", "open_time,close\n1,2\n");
  const Case cases[] = {
      {reply("<Error/>", 404), true, ErrorCode::not_found, "no such file"},
      {reply("<Error/>", 404), false, ErrorCode::not_found, "no such file"},
      {reply("<html>sorry</html>"), true, ErrorCode::corrupt_data, "no SHA-256"},
      {reply(std::string(64, '0') + "  BTCUSDT-1h-2023-01-31.zip\n"), true, ErrorCode::corrupt_data,
       "CHECKSUM file says"},
      {reply(net::sha256(zip_) + "  BTCUSDT-1h-2023-01-30.zip\n"), true, ErrorCode::corrupt_data, "another file"},
      {reply("<html>sorry</html>"), false, ErrorCode::corrupt_data, "SHA-256"},
      {reply(zip_.substr(0, zip_.size() / 2)), false, ErrorCode::corrupt_data, "SHA-256"},
  };
  for (const auto& wrong : cases) {
    spoil(wrong.reply, wrong.checksum);
    const auto page = fetch();
    ASSERT_FALSE(page) << wrong.says;
    EXPECT_EQ(page.error().code, wrong.code) << page.error().message;
    EXPECT_THAT(page.error().message, HasSubstr(wrong.says));
    EXPECT_THAT(page.error().message, HasSubstr("binance.spot.BTCUSDT@1h archive file BTCUSDT-1h-2023-01-31.zip"));
    EXPECT_TRUE(has_archives());
  }
  // What its checksum vouches for is read with the same doubt.
  zip_ = bad_zip;
  spoil_.reset();
  const auto page = fetch();
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, ErrorCode::corrupt_data);
  EXPECT_THAT(page.error().message, HasSubstr("header"));
}

TEST_F(BinanceArchiveTest, AHostThatRefusesIsGivenUp) {
  for (const int status : {403, 451, 500, 503, 301}) {
    connector_ = [&] {
      ConnectorOptions options;
      options.base_url = server_.base_url();
      options.archive_url = archive_url();
      return BinanceConnector::make(options, pool_.get_executor(), system_clock()).value();
    }();
    spoil(reply("no", status), true);
    const auto page = fetch();
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().code, ErrorCode::unavailable) << status;
    EXPECT_FALSE(has_archives()) << status;
  }
}

TEST_F(BinanceArchiveTest, WhatNeverAnswersIsGivenUpInTime) {
  ArchiveClientOptions options;
  options.exchange = "binance";
  options.patience = 600ms;
  auto silent = reply("too late");
  silent.delay = 20s;
  spoil(std::move(silent), true);
  options.base = net::Url::parse(archive_url(), "test").value();
  ArchiveClient client{pool_.get_executor(), options};
  const auto target = std::string{kTarget.substr(8)} + ".CHECKSUM";
  const auto begun = std::chrono::steady_clock::now();
  const auto body = wait_for(client.get(target, client.deadline()));
  const auto took = std::chrono::steady_clock::now() - begun;
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().code, ErrorCode::unavailable);
  EXPECT_FALSE(client.is_open());
  EXPECT_LT(took, 4s);  // two waits of half a second, and a busy machine

  ArchiveClientOptions nowhere;
  nowhere.base = net::Url::parse("http://127.0.0.1:1", "test").value();
  ArchiveClient down{pool_.get_executor(), nowhere};
  EXPECT_FALSE(wait_for(down.get("/data", down.deadline())));
  EXPECT_FALSE(down.is_open());
}

TEST_F(BinanceArchiveTest, OnlyPublicHostsHavePublicArchives) {
  const auto has = [&](std::string base_url, std::string archive) {
    ConnectorOptions options;
    options.base_url = std::move(base_url);
    options.archive_url = std::move(archive);
    const auto made = BinanceConnector::make(options, pool_.get_executor(), system_clock());
    return made && !(*made)->archive_files(kSeries, kDay, at("2024-01-01")).empty();
  };
  EXPECT_TRUE(has("", ""));
  EXPECT_TRUE(has("https://data-api.binance.vision", ""));
  EXPECT_FALSE(has("https://testnet.binance.vision", ""));
  EXPECT_FALSE(has(server_.base_url(), "")) << "another origin's bars are not mixed in";
  EXPECT_TRUE(has(server_.base_url(), archive_url()));
  ConnectorOptions bad;
  bad.archive_url = "ftp://data.binance.vision";
  const auto made = BinanceConnector::make(bad, pool_.get_executor(), system_clock());
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().parameter, "exchange_clients.binance.archive_url");
}

}  // namespace
}  // namespace tdm::sources::binance
