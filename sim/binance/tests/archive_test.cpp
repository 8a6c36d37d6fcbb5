#include "sim/binance/archive.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "sim/binance/zip_file.hpp"
#include "sim/tests/world_of_test.hpp"
#include "tdm/net/sha256.hpp"  // sha256

namespace tdm::sim::binance {
namespace {

using sim::testing::at;
using sim::testing::default_world;
using sim::testing::get;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Kind = ArchiveFault::Kind;

const TimePoint kNow = at("2025-06-15T00:00:00Z");
constexpr std::string_view kSpotDay = "/data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-12-31.zip";

Answer ask(Archive& archive, std::string_view path, TimePoint now = kNow) {
  return archive.answer(get(std::string{path}), path, now);
}

// The content of a zip file with one member, read as any reader does that trusts the first local header.
std::string content_of(const std::string& zip) {
  const auto number = [&](std::size_t position) {
    return static_cast<std::size_t>(static_cast<unsigned char>(zip[position])) |
           static_cast<std::size_t>(static_cast<unsigned char>(zip[position + 1])) << 8U |
           static_cast<std::size_t>(static_cast<unsigned char>(zip[position + 2])) << 16U;
  };
  const auto packed = number(18), size = number(22), begin = 30 + (number(26) & 0xffffU);
  std::string content(size, '\0');
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, -15), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(zip.data() + begin));
  stream.avail_in = static_cast<uInt>(packed);
  stream.next_out = reinterpret_cast<Bytef*>(content.data());
  stream.avail_out = static_cast<uInt>(content.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  inflateEnd(&stream);
  return content;
}

TEST(BinanceArchive, ServesTheKlinesOfTheTruth) {
  Archive archive{default_world(), {}};
  const auto answer = ask(archive, kSpotDay);
  ASSERT_EQ(answer.reply.status, 200);
  EXPECT_EQ(answer.rows, 24);
  const auto csv = content_of(answer.reply.body);
  EXPECT_EQ(std::ranges::count(csv, '\n'), 24);
  EXPECT_THAT(csv, StartsWith("1735603200000,"));  // no header, milliseconds
  EXPECT_THAT(csv, HasSubstr(",1735606799999,"));
  EXPECT_THAT(csv, Not(HasSubstr("\"")));
  const auto checksum = ask(archive, std::string{kSpotDay} + ".CHECKSUM").reply.body;
  EXPECT_EQ(checksum, net::sha256(answer.reply.body) + "  BTCUSDT-1h-2024-12-31.zip\n");
}

TEST(BinanceArchive, SpotChangesToMicrosecondsAndFuturesHaveAHeader) {
  Archive archive{default_world(), {}};
  const auto csv = [&](std::string_view path) {
    const auto answer = ask(archive, path);
    EXPECT_EQ(answer.reply.status, 200) << path;
    return answer.reply.status == 200 ? content_of(answer.reply.body) : std::string{};
  };
  EXPECT_THAT(csv("/data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2025-01-01.zip"), StartsWith("1735689600000000,"));
  EXPECT_THAT(csv("/data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2025-01-01.zip"), HasSubstr(",1735693199999999,"));
  EXPECT_THAT(csv("/data/futures/um/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2025-01-01.zip"),
              StartsWith("open_time,open,high,low,close,volume,close_time,quote_volume,count,"));
  EXPECT_THAT(csv("/data/futures/cm/monthly/klines/BTCUSD_PERP/1h/BTCUSD_PERP-1h-2022-04.zip"), StartsWith("16487712"));
  EXPECT_THAT(csv("/data/futures/um/daily/markPriceKlines/BTCUSDT/1h/BTCUSDT-1h-2025-01-01.zip"), HasSubstr(",0,"));
  EXPECT_THAT(csv("/data/futures/cm/daily/indexPriceKlines/BTCUSD/1h/BTCUSD-1h-2025-01-01.zip"),
              HasSubstr("\n1735689600000,"));
  EXPECT_THAT(csv("/data/spot/monthly/klines/BTCUSDT/1mo/BTCUSDT-1mo-2024-12.zip"), StartsWith("1733011200000,"));
}

TEST(BinanceArchive, LacksWhatIsNotPublishedOrNeverWas) {
  Archive archive{default_world(), {}};
  EXPECT_EQ(ask(archive, kSpotDay, at("2025-01-01T08:29Z")).reply.status, 404);
  EXPECT_EQ(ask(archive, kSpotDay, at("2025-01-01T08:30Z")).reply.status, 200);
  const std::string_view month = "/data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-12.zip";
  EXPECT_EQ(ask(archive, month, at("2025-01-05T23:59Z")).reply.status, 404);
  EXPECT_EQ(ask(archive, month, at("2025-01-06T00:00Z")).reply.status, 200);  // a Monday
  for (const char* path : {"/data", "/data/spot/daily/klines/NOPE/1h/NOPE-1h-2024-12-31.zip",
                           "/data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2019-12-31.zip",
                           "/data/spot/daily/klines/BTCUSDT/1w/BTCUSDT-1w-2024-12-30.zip",
                           "/data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-12.zip",
                           "/data/spot/daily/klines/BTCUSDT/1h/ETHUSDT-1h-2024-12-31.zip",
                           "/data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-13-31.zip",
                           "/data/spot/daily/markPriceKlines/BTCUSDT/1h/BTCUSDT-1h-2024-12-31.zip"}) {
    const auto answer = ask(archive, path);
    EXPECT_EQ(answer.reply.status, 404) << path;
    EXPECT_THAT(answer.reply.body, HasSubstr("<Code>NoSuchKey</Code>"));
  }
}

TEST(BinanceArchive, FilesAreWrongAsTheScriptSays) {
  const auto with = [](Kind kind, TimeRange rows = {}) {
    return std::make_unique<Archive>(default_world(), std::vector<ArchiveFault>{{"BTCUSDT-1h-2024-12-*", kind, rows}});
  };
  const auto checksum_of = [](Archive& archive) {
    return ask(archive, std::string{kSpotDay} + ".CHECKSUM").reply.body.substr(0, 64);
  };
  const auto zip_of = [](Archive& archive) { return ask(archive, kSpotDay).reply.body; };
  EXPECT_EQ(ask(*with(Kind::missing), kSpotDay).reply.status, 404);
  const auto wrong = with(Kind::wrong_checksum);
  EXPECT_NE(checksum_of(*wrong), net::sha256(zip_of(*wrong)));
  EXPECT_NE(checksum_of(*wrong), net::sha256(zip_of(*wrong)));
  const auto reissued = with(Kind::reissued);
  EXPECT_NE(checksum_of(*reissued), net::sha256(zip_of(*reissued)));
  EXPECT_EQ(checksum_of(*reissued), net::sha256(zip_of(*reissued)));
  const auto hours = TimeRange::of(at("2024-12-31T03:00Z"), at("2024-12-31T05:00Z"));
  const auto lacking = with(Kind::lacks_rows, hours);
  EXPECT_EQ(checksum_of(*lacking), net::sha256(zip_of(*lacking)));
  EXPECT_EQ(std::ranges::count(content_of(zip_of(*lacking)), '\n'), 22);
  EXPECT_THAT(zip_of(*with(Kind::html)), StartsWith("<html>"));
  EXPECT_THAT(content_of(zip_of(*with(Kind::wrong_header))), StartsWith("time,o,"));
  const auto bomb = with(Kind::bomb);
  EXPECT_LT(zip_of(*bomb).size(), 1'000'000U);
  EXPECT_EQ(checksum_of(*bomb), net::sha256(zip_of(*bomb)));
}

TEST(BinanceArchive, ListsFoldersAsABucketDoes) {
  Archive archive{default_world(), {}};
  const auto list = [&](std::string prefix, std::string marker = {}) {
    const auto request = get("", {{"delimiter", "/"}, {"prefix", std::move(prefix)}, {"marker", std::move(marker)}});
    return archive.answer(request, "", kNow).reply.body;
  };
  const auto symbols = list("data/spot/monthly/klines/");
  EXPECT_THAT(symbols,
              HasSubstr("<CommonPrefixes><Prefix>data/spot/monthly/klines/BTCUSDT/</Prefix></CommonPrefixes>"));
  EXPECT_THAT(symbols, HasSubstr("<Prefix>data/spot/monthly/klines/SRMUSDT/</Prefix>"));  // dead
  EXPECT_THAT(symbols, HasSubstr("<IsTruncated>false</IsTruncated>"));
  EXPECT_THAT(list("data/futures/um/daily/klines/"), HasSubstr("FTTUSDT/"));
  EXPECT_THAT(list("data/spot/daily/klines/BTCUSDT/"),
              HasSubstr("<Prefix>data/spot/daily/klines/BTCUSDT/1m/</Prefix>"));
  EXPECT_THAT(list("data/spot/daily/klines/BTCUSDT/"), Not(HasSubstr("1w")));
  const auto months = list("data/spot/monthly/klines/BTCUSDT/1h/");
  EXPECT_THAT(months, HasSubstr("<Key>data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2020-01.zip</Key>"));
  EXPECT_THAT(months, HasSubstr("BTCUSDT-1h-2025-05.zip.CHECKSUM"));
  EXPECT_THAT(months, Not(HasSubstr("2025-06")));
  const auto days = list("data/spot/daily/klines/BTCUSDT/1h/");
  EXPECT_THAT(days, HasSubstr("<IsTruncated>true</IsTruncated>"));
  const auto from = days.find("<NextMarker>") + 12;
  const auto next = list("data/spot/daily/klines/BTCUSDT/1h/", days.substr(from, days.find("</NextMarker>") - from));
  EXPECT_THAT(next, Not(HasSubstr("2020-01-01")));
  EXPECT_THAT(next, HasSubstr("<Key>"));
}

}  // namespace
}  // namespace tdm::sim::binance
