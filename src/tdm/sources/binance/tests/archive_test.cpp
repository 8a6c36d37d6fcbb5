#include "tdm/sources/binance/detail/archive.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tdm/net/sha256.hpp"  // sha256
#include "tdm/sources/binance/tests/support.hpp"
#include "tests/support/zip.hpp"

namespace tdm::sources::binance {
namespace {

using support::zip_of;
using testing::at;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::range_of;
using testing::series_of;

constexpr std::string_view kHeader =
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,"
    "ignore\n";

PageContext context() { return {at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:01Z"), "100"}; }

std::string row(TimePoint open, Timeframe timeframe, bool micros = false, std::string_view close = "1.5") {
  const auto first = micros ? to_us(open) : to_ms(open);
  const auto last = micros ? to_us(timeframe.close_of(open)) - 1 : to_ms(timeframe.close_of(open)) - 1;
  return fmt::format("{},1.0,2.0,0.5,{},10.00,{},15.5,7,4,6.2,0\n", first, close, last);
}
std::string rows(const Series& series, TimeRange range, bool micros = false) {
  std::string text;
  for (auto open = range.begin(); open < range.end(); open = series.timeframe.close_of(open))
    text += row(open, series.timeframe, micros);
  return text;
}

const auto kSpot = series_of("binance.spot.BTCUSDT@1h");
const auto kDay = range_of("2023-01-31", "2023-02-01");

Result<Page> parse(std::string_view csv, const Series& series = kSpot, TimeRange range = kDay,
                   TimeRange period = kDay) {
  return parse_archive(csv, series, {range, period}, context());
}
std::string reason_of(const Result<Page>& page) {
  if (page) return "it was accepted";
  EXPECT_EQ(page.error().code, ErrorCode::corrupt_data);
  return page.error().message;
}

TEST(BinanceArchiveFiles, LieWhereBinancePutsThem) {
  const auto month = range_of("2023-01-01", "2023-02-01");
  const auto target = [](std::string_view series, TimeRange period) {
    return archive_target(series_of(series), period);
  };
  EXPECT_EQ(target("binance.spot.BTCUSDT@1m", month), "/data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2023-01.zip");
  EXPECT_EQ(target("binance.spot.BTCUSDT@1m", kDay), "/data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2023-01-31.zip");
  EXPECT_EQ(target("binance.usdm.BTCUSDT:mark@5m", kDay),
            "/data/futures/um/daily/markPriceKlines/BTCUSDT/5m/BTCUSDT-5m-2023-01-31.zip");
  EXPECT_EQ(target("binance.coinm.BTCUSD_PERP:premium@1h", month),
            "/data/futures/cm/monthly/premiumIndexKlines/BTCUSD_PERP/1h/BTCUSD_PERP-1h-2023-01.zip");
  EXPECT_EQ(target("binance.coinm.BTCUSD_PERP:index@1h", month),  // under the pair
            "/data/futures/cm/monthly/indexPriceKlines/BTCUSD/1h/BTCUSD-1h-2023-01.zip");
}

TEST(BinanceArchiveFiles, AreThoseThatArePublished) {
  const auto series = series_of("binance.spot.BTCUSDT@1m");
  const auto names = [&](std::string_view begin, std::string_view end, std::string_view now) {
    std::vector<std::string> found;
    for (const auto& file : archive_files(series, range_of(begin, end), at(now))) {
      EXPECT_GT(file.seconds, 0);
      EXPECT_EQ(file.requests, 2);
      found.push_back(archive_name(series, file.period).substr(11));
    }
    return found;
  };
  EXPECT_THAT(names("2023-01-30", "2023-02-02", "2024-01-01"),
              ElementsAre("2023-01", "2023-02", "2023-01-30", "2023-01-31", "2023-02-01"));
  // The first Monday of February 2023 is the 6th.
  EXPECT_THAT(names("2023-01-31", "2023-02-01", "2023-02-06T23:00Z"), ElementsAre("2023-01-31"));
  EXPECT_THAT(names("2023-01-31", "2023-02-01", "2023-02-07"), ElementsAre("2023-01", "2023-01-31"));
  EXPECT_THAT(names("2023-01-31", "2023-02-02", "2023-02-01T10:00Z"), ElementsAre("2023-01-31"));
  EXPECT_THAT(names("2023-01-31", "2023-02-02", "2023-02-01T09:59Z"), ElementsAre());
  EXPECT_THAT(names("2019-12-31T12:00Z", "2020-01-01T12:00Z", "2024-01-01"),
              ElementsAre("2019-12", "2020-01", "2019-12-31", "2020-01-01"));
}

TEST(BinanceArchiveFiles, HoldNoWeeksAndMonths) {
  for (const auto* timeframe : {"1w", "1M"})
    EXPECT_TRUE(archive_files(series_of(fmt::format("binance.spot.BTCUSDT@{}", timeframe)),
                              range_of("2020-01-01", "2021-01-01"), at("2024-01-01"))
                    .empty());
  EXPECT_EQ(archive_files(series_of("binance.spot.BTCUSDT@1d"), range_of("2020-01-01", "2020-02-01"), at("2024-01-01"))
                .size(),
            32U);
}

TEST(BinanceArchiveChecksum, NamesTheFile) {
  const std::string hash = net::sha256("abc");
  EXPECT_EQ(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(parse_checksum(hash + "  A.zip\n", "A.zip"), hash);
  EXPECT_EQ(parse_checksum(hash + "  A.zip", "A.zip"), hash);
  EXPECT_EQ(parse_checksum(hash + " *A.zip\r\n", "A.zip"), hash);
  auto upper = hash;
  std::ranges::transform(upper, upper.begin(), [](char c) { return static_cast<char>(std::toupper(c)); });
  EXPECT_EQ(parse_checksum(upper + "  A.zip\n", "A.zip"), hash);
  for (const auto& bad : {std::string{}, std::string{"<html>"}, hash, hash + "\n", hash + "  B.zip\n", hash + "A.zip",
                          hash.substr(1) + "  A.zip\n", std::string(64, 'g') + "  A.zip\n"}) {
    const auto parsed = parse_checksum(bad, "A.zip");
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, ErrorCode::corrupt_data);
  }
}

TEST(BinanceArchiveRows, WithAndWithoutHeaderInMillisecondsAndMicroseconds) {
  const auto plain = parse(rows(kSpot, kDay));
  ASSERT_TRUE(plain) << plain.error().message;
  ASSERT_EQ(plain->rows.size(), 24U);
  EXPECT_TRUE(plain->rejected.empty());
  const auto& columns = plain->rows;
  EXPECT_EQ(columns.open_time.front(), kDay.begin());
  EXPECT_EQ(columns.volume[3], "10.00");  // the text that was sent
  EXPECT_EQ(columns.quote_volume[3], "15.5");
  EXPECT_EQ(columns.trade_count[3], "7");
  EXPECT_EQ(columns.taker_buy_volume[3], "4");
  EXPECT_EQ(columns.taker_buy_quote_volume[3], "6.2");
  EXPECT_TRUE(columns.extra.is_null(3));
  EXPECT_EQ(columns.channel[3], Channel::archive);
  EXPECT_EQ(columns.close_proof[3], CloseProof::archive);
  EXPECT_EQ(columns.event_time[3], context().exchange_time);
  EXPECT_EQ(columns.received_at[3], context().received_at);

  EXPECT_EQ(parse(std::string{kHeader} + rows(kSpot, kDay))->rows, columns);
  EXPECT_EQ(parse(rows(kSpot, kDay, true))->rows, columns);
  auto dos = std::string{kHeader} + rows(kSpot, kDay);
  for (std::size_t i = 0; (i = dos.find('\n', i)) != std::string::npos; i += 2) dos.replace(i, 1, "\r\n");
  EXPECT_EQ(parse(dos)->rows, columns);
}

// The unit belongs to the value: files of one symbol are of both kinds.
TEST(BinanceArchiveRows, UnitsAreToldApartRowByRow) {
  const auto first = kDay.begin();
  const auto page = parse(row(first, kSpot.timeframe) + row(kSpot.timeframe.close_of(first), kSpot.timeframe, true));
  ASSERT_TRUE(page);
  EXPECT_THAT(page->rows.open_time, ElementsAre(first, kSpot.timeframe.close_of(first)));
}

TEST(BinanceArchiveRows, OnlyWhatWasAskedForOfTheFile) {
  const auto month = range_of("2023-01-01", "2023-02-01");
  const auto page = parse(rows(kSpot, month), kSpot, kDay, month);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->rows.size(), 24U);
  EXPECT_TRUE(page->rejected.empty());
  // Beyond the file's own period a row has no business.
  const auto strange = parse(rows(kSpot, range_of("2023-01-31", "2023-02-02")), kSpot, kDay, month);
  ASSERT_TRUE(strange);
  EXPECT_EQ(strange->rows.size(), 24U);
  ASSERT_EQ(strange->rejected.size(), 24U);
  EXPECT_EQ(strange->rejected[0].rule, "C6");
}

TEST(BinanceArchiveRows, WhatIsOddIsTold) {
  const auto first = kDay.begin();
  const auto hour = [&](int number) { return kSpot.timeframe.advance(first, number); };
  const auto timeframe = kSpot.timeframe;
  std::string text = row(hour(1), timeframe) + row(hour(0), timeframe);     // out of order
  text += row(hour(2), timeframe) + row(hour(2), timeframe);                // twice
  text += row(hour(3), timeframe) + row(hour(3), timeframe, false, "1.6");  // twice and not the same
  text += fmt::format("{},1,2,0.5,1.5,10,{},15,7,4,6,0\n", to_ms(hour(4)), to_ms(hour(4)) + 100);  // cut by an outage
  text += fmt::format("{},1,2,0.5,1.5,10,{},15,7,4,6,5,x\n", to_ms(hour(5)), to_ms(hour(6)) - 1);  // other columns
  text += fmt::format("{},1,2,0.5\n", to_ms(hour(6)));                                             // too few
  text += row(hour(7) + std::chrono::minutes{1}, timeframe);                                       // off the grid
  text += "soon,1,2,0.5,1.5,10,later,15,7,4,6,0\n";
  const auto page = parse(text);
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_THAT(page->rows.open_time, ElementsAre(hour(0), hour(1), hour(2), hour(4), hour(5), hour(6)));
  EXPECT_EQ(page->duplicates, 1);
  EXPECT_EQ(page->rows.extra[3], fmt::format(R"({{"close_time":{}}})", to_ms(hour(4)) + 100));
  EXPECT_EQ(page->rows.extra[4], R"({"column_12":"5","column_13":"x"})");
  EXPECT_TRUE(page->rows.close.is_null(5));
  EXPECT_EQ(page->rows.channel[5], Channel::archive);
  std::vector<std::string> rules;
  for (const auto& rejection : page->rejected) rules.push_back(rejection.rule);
  EXPECT_THAT(rules, ::testing::UnorderedElementsAre("C6", "C6", "T1", "S9"));
}

TEST(BinanceArchiveRows, WhatIsNoArchiveIsRefused) {
  EXPECT_THAT(reason_of(parse("")), HasSubstr("empty"));
  EXPECT_THAT(reason_of(parse("\n\n")), HasSubstr("empty"));
  EXPECT_THAT(reason_of(parse("<!DOCTYPE html><html></html>")), HasSubstr("HTML"));
  EXPECT_THAT(reason_of(parse("id,price,qty\n1,2,3\n")), HasSubstr("header"));
  EXPECT_THAT(reason_of(parse("open_time,close\n" + rows(kSpot, kDay))), HasSubstr("header"));
  EXPECT_THAT(reason_of(parse("{\"code\":-1121}")), HasSubstr("header"));
  EXPECT_THAT(reason_of(parse("1\n2\n3\n")), HasSubstr("none of the 3 rows"));
  EXPECT_THAT(reason_of(parse("99999999999999999999,1,2\n")), HasSubstr("none of the 1 rows"));
  EXPECT_THAT(reason_of(parse(rows(kSpot, range_of("2023-03-01", "2023-03-02")))), HasSubstr("lies inside"));
  const auto only_header = parse(kHeader);
  ASSERT_TRUE(only_header) << "a day without bars";
  EXPECT_EQ(only_header->rows.size(), 0U);
}

// On coinm the columns have other meanings under the same names.
TEST(BinanceArchiveRows, ContractsAreWorthTheirSize) {
  const auto series = series_of("binance.coinm.BTCUSD_PERP@1h");
  const auto page = parse(std::string{kHeader} + rows(series, kDay), series);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->rows.size(), 24U);
  EXPECT_EQ(page->rows.volume[0], "15.5");
  EXPECT_EQ(page->rows.quote_volume[0], "1000");
  EXPECT_EQ(page->rows.channel[0], Channel::archive);
  EXPECT_THAT(std::string{page->rows.extra[0].value()}, HasSubstr(R"("contracts":"10.00")"));
}

TEST(BinanceArchiveZip, HoldsTheFileOfItsName) {
  const PageRequest request{kDay, kDay};
  const auto csv = rows(kSpot, kDay);
  const auto read = [&](std::string_view bytes) { return parse_archive_zip(bytes, kSpot, request, context()); };
  const auto page = read(zip_of("BTCUSDT-1h-2023-01-31.csv", csv));
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->rows, parse(csv)->rows);
  EXPECT_THAT(reason_of(read(zip_of("ETHUSDT-1h-2023-01-31.csv", csv))),
              HasSubstr("and not BTCUSDT-1h-2023-01-31.csv"));
  EXPECT_THAT(reason_of(read(csv)), HasSubstr("not a zip file"));
}

// The plain road and the careful one say the same of rows that both can read.
TEST(BinanceArchiveRows, BothRoadsGiveTheSameColumns) {
  std::mt19937 random{11};  // NOLINT(bugprone-random-generator-seed): the same every time
  const auto series = series_of("binance.spot.BTCUSDT@1m");
  for (int round = 0; round < 50; ++round) {
    std::string text = round % 3 == 0 ? std::string{kHeader} : std::string{};
    std::string last;
    for (auto open = kDay.begin(); open < kDay.end(); open += std::chrono::minutes{1}) {
      if (random() % 10 == 0) continue;
      last = row(open, series.timeframe, round % 2 == 0, fmt::format("{}.{:02}", random() % 3, random() % 100));
      text += last;
    }
    const auto plain = parse(text, series);
    const auto careful = parse(text + last, series);  // its last row twice: not plain
    ASSERT_TRUE(plain && careful);
    EXPECT_EQ(careful->duplicates, 1);
    ASSERT_EQ(plain->rows, careful->rows);
  }
}

TEST(BinanceArchiveRecordings, AreReadWhole) {
  const auto folder = testing::recordings() / "datatool";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "needs ../shared";
  const auto series = series_of("binance.spot.BTCUSDT@1m");
  for (const auto* day : {"2020-01-01", "2020-01-02"}) {
    const auto begin = at(day);
    const auto period = TimeRange::of(begin, begin + std::chrono::days{1});
    const auto name = archive_name(series, period) + ".zip";
    const auto bytes = testing::read_file(folder / name);
    EXPECT_EQ(parse_checksum(testing::read_file(folder / (name + ".CHECKSUM")), name), net::sha256(bytes));
    const auto page = parse_archive_zip(bytes, series, {period, period}, context());
    ASSERT_TRUE(page) << page.error().message;
    EXPECT_EQ(page->rows.size(), 1'440U);
    EXPECT_TRUE(page->rejected.empty());
  }
  const auto adabtc = series_of("binance.spot.ADABTC@1m");
  const auto period = range_of("2021-11-27", "2021-11-28");
  const auto few = parse_archive(testing::read_file(testing::recordings() / "nautilus/ADABTC-1m-2021-11-27.csv"),
                                 adabtc, {period, period}, context());
  ASSERT_TRUE(few) << few.error().message;
  EXPECT_EQ(few->rows.size(), 10U);
  EXPECT_EQ(few->rows.volume[0], "36304.20000000");
}

// What Binance itself says of files that it issued again.
TEST(BinanceArchiveRecordings, ChecksumsOfReissuedFilesAreRead) {
  const auto file = testing::recordings() / "public-data/2022-10-04_aggregate_trade_updates.csv";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "needs ../shared";
  std::ifstream lines{file};
  std::string line;
  std::getline(lines, line);
  int read = 0;
  while (std::getline(lines, line)) {
    auto name = line.substr(0, line.find(','));
    if (!name.ends_with(".zip")) name += ".zip";
    const auto first = line.find(',') + 1, second = line.find(',', first) + 1;
    const auto old_hash = parse_checksum(line.substr(first, second - 1 - first), name);
    const auto new_hash = parse_checksum(line.substr(second), name);
    ASSERT_TRUE(old_hash && new_hash) << line;
    EXPECT_NE(*old_hash, *new_hash);
    ++read;
  }
  EXPECT_EQ(read, 132);
}

}  // namespace
}  // namespace tdm::sources::binance
