#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tdm/sources/binance/detail/parse.hpp"
#include "tdm/sources/binance/tests/support.hpp"

namespace tdm::sources::binance {
namespace {

using testing::range_of;
using testing::series_of;

constexpr std::string_view kTwo =
    R"([[60000,"2","3","1","3","10",119999,"20",5,"4","8","0"],[120000,"3","4","2","4","11",179999,"22",6,"5","9","0"]])";

Result<Page> parse(std::string_view body, std::string_view series = "binance.spot.BTCUSDT@1m",
                   TimeRange range = TimeRange::of(from_ms(0), from_ms(600'000))) {
  return parse_page(body, series_of(series), {range}, {from_ms(700'000), from_ms(5), "100"});
}

Page page_of(std::string_view body, std::string_view series = "binance.spot.BTCUSDT@1m",
             TimeRange range = TimeRange::of(from_ms(0), from_ms(600'000))) {
  auto page = parse(body, series, range);
  if (!page) ADD_FAILURE() << page.error().message;
  return *std::move(page);
}

std::string text(std::optional<std::string_view> value) { return std::string{value.value_or("(null)")}; }

TEST(ParsePage, ReadsTheTwelveColumns) {
  const auto page = page_of(kTwo);
  ASSERT_EQ(page.rows.size(), 2U);
  EXPECT_EQ(page.rows.open_time, (std::vector{from_ms(60'000), from_ms(120'000)}));
  EXPECT_EQ(text(page.rows.open[0]), "2");
  EXPECT_EQ(text(page.rows.high[0]), "3");
  EXPECT_EQ(text(page.rows.low[0]), "1");
  EXPECT_EQ(text(page.rows.close[1]), "4");
  EXPECT_EQ(text(page.rows.volume[0]), "10");
  EXPECT_EQ(text(page.rows.quote_volume[0]), "20");
  EXPECT_EQ(text(page.rows.trade_count[0]), "5");
  EXPECT_EQ(text(page.rows.taker_buy_volume[0]), "4");
  EXPECT_EQ(text(page.rows.taker_buy_quote_volume[0]), "8");
  EXPECT_TRUE(page.rows.extra.is_null(0));
  EXPECT_EQ(page.exchange_time, from_ms(700'000));
  EXPECT_EQ(page.rows.event_time[0], from_ms(700'000));
  EXPECT_EQ(page.rows.received_at[0], from_ms(5));
  EXPECT_EQ(page.rows.channel[0], Channel::rest);
  // Trap 4: the newest row is usually open, and no row says so.
  EXPECT_EQ(page.rows.close_proof, std::vector<CloseProof>(2, CloseProof::none));
}

TEST(ParsePage, KeepsTheExactTextOfEveryField) {
  const auto page =
      page_of(R"([[60000,"13715.65000000",1.50e-7 , 1E+3,"0.0000010","",119999,null,9762,"NaN",true,"0"]])");
  ASSERT_EQ(page.rows.size(), 1U);
  EXPECT_EQ(text(page.rows.open[0]), "13715.65000000");
  EXPECT_EQ(text(page.rows.high[0]), "1.50e-7");
  EXPECT_EQ(text(page.rows.low[0]), "1E+3");
  EXPECT_EQ(text(page.rows.close[0]), "0.0000010");
  EXPECT_EQ(text(page.rows.volume[0]), "");
  EXPECT_TRUE(page.rows.quote_volume.is_null(0));
  EXPECT_EQ(text(page.rows.trade_count[0]), "9762");
  EXPECT_EQ(text(page.rows.taker_buy_volume[0]), "NaN");
  EXPECT_EQ(text(page.rows.taker_buy_quote_volume[0]), "true");
}

// Trap 14: on coinm, volume is in contracts; base volume is in another column.
TEST(ParsePage, CoinmVolumesComeInOurUnits) {
  const auto page = page_of(R"([[60000,"2","3","1","3","1645",119999,"2.66160000",5,"40.5","0.06","0"]])",
                            "binance.coinm.BTCUSD_PERP@1m");
  ASSERT_EQ(page.rows.size(), 1U);
  EXPECT_EQ(text(page.rows.volume[0]), "2.66160000");
  EXPECT_EQ(text(page.rows.quote_volume[0]), "164500");
  EXPECT_EQ(text(page.rows.taker_buy_volume[0]), "0.06");
  EXPECT_EQ(text(page.rows.taker_buy_quote_volume[0]), "4050");
  EXPECT_EQ(text(page.rows.extra[0]), R"({"contracts":"1645","taker_buy_contracts":"40.5"})");
}

// Columns 6, 8, 10 and 11 are "0" there and column 9 counts samples: no volumes, no trades (§6.2).
TEST(ParsePage, MarkIndexAndPremiumHaveNoVolumes) {
  constexpr std::string_view kRow = R"([[60000,"-2.5","3","-4","3","0",119999,"0",60,"0","0","0"]])";
  for (const auto* series : {"binance.usdm.BTCUSDT:premium@1m", "binance.coinm.BTCUSD_PERP:mark@1m"}) {
    const auto page = page_of(kRow, series);
    ASSERT_EQ(page.rows.size(), 1U);
    EXPECT_EQ(text(page.rows.open[0]), "-2.5");
    for (const auto* column : {&page.rows.volume, &page.rows.quote_volume, &page.rows.trade_count,
                               &page.rows.taker_buy_volume, &page.rows.taker_buy_quote_volume})
      EXPECT_TRUE(column->is_null(0));
    EXPECT_EQ(text(page.rows.extra[0]), R"({"samples":"60"})");
  }
  const auto odd = page_of(R"([[60000,"1","1","1","1","7",119999,"0",60,"0","0.5","0"]])", "binance.usdm.X:mark@1m");
  EXPECT_EQ(text(odd.rows.extra[0]), R"({"column_6":"7","column_11":"0.5","samples":"60"})");
}

TEST(ParsePage, ContractsThatAreNoNumberStayForTheJudge) {
  const auto page =
      page_of(R"([[60000,"2","3","1","3","many",119999,"2",5,null,"0.06","0"]])", "binance.coinm.BTCUSD_PERP@1m");
  EXPECT_EQ(text(page.rows.quote_volume[0]), "many");
  EXPECT_TRUE(page.rows.taker_buy_quote_volume.is_null(0));
}

// Trap 5: a bar that an outage cut ends early; the fact is kept.
TEST(ParsePage, ATruncatedBarKeepsItsEnd) {
  const auto page =
      page_of(R"([[1518048000000,"7637.86","7660","7581","7636.02","1",1518049694788,"2",3,"4","5","0"]])",
              "binance.spot.BTCUSDT@2h", range_of("2018-02-08", "2018-02-09"));
  ASSERT_EQ(page.rows.size(), 1U);
  EXPECT_EQ(text(page.rows.extra[0]), R"({"close_time":1518049694788})");
  const auto point = page_of(R"([[1504713600000,"4","4","4","4","0",1504713600000,"0",0,"0","0","0"]])",
                             "binance.spot.BTCUSDT@2h", range_of("2017-09-06", "2017-09-07"));
  ASSERT_EQ(point.rows.size(), 1U);
  EXPECT_EQ(text(point.rows.extra[0]), R"({"close_time":1504713600000})");
  EXPECT_EQ(text(point.rows.trade_count[0]), "0");
}

TEST(ParsePage, AWrongOrAbsentEndIsKeptToo) {
  EXPECT_EQ(text(page_of(R"([[60000,"2","3","1","3","1","soon","2",3,"4","5","0"]])").rows.extra[0]),
            R"({"close_time":"soon"})");
  EXPECT_TRUE(page_of(R"([[60000,"2","3","1","3","1"]])").rows.extra.is_null(0));
}

TEST(ParsePage, FurtherColumnsAreKept) {
  const auto page =
      page_of(R"([[60000,"2","3","1","3","1",119999,"2",3,"4","5","17928899.62","new \" field",5.10,null,[1, 2]]])");
  EXPECT_EQ(
      text(page.rows.extra[0]),
      R"({"column_12":"17928899.62","column_13":"new \" field","column_14":5.10,"column_15":null,"column_16":[1, 2]})");
}

// Traps 6 and 7: holes and flat bars without trades are legal; nothing is made up, nothing is thrown away.
TEST(ParsePage, HolesAndFlatBarsPass) {
  const auto page = page_of(
      R"([[60000,"5","5","5","5","0",119999,"0",0,"0","0","0"],[300000,"5","5","5","5","0",359999,"0",0,"0","0","0"]])");
  EXPECT_EQ(page.rows.open_time, (std::vector{from_ms(60'000), from_ms(300'000)}));
  EXPECT_TRUE(page.rejected.empty());
}

// Weeks begin on Monday, months on day one, and the first bar opens on the grid before the first trade.
TEST(ParsePage, CalendarBarsStandOnTheirGrid) {
  const auto week = page_of(R"([[1502668800000,"1","1","1","1","1",1503273599999,"2",3,"4","5","0"]])",
                            "binance.spot.BTCUSDT@1w", range_of("2017-08-01", "2017-09-01"));
  EXPECT_EQ(week.rows.size(), 1U);
  EXPECT_TRUE(week.rows.extra.is_null(0));
  const auto month = page_of(R"([[1501545600000,"1","1","1","1","1",1504223999999,"2",3,"4","5","0"]])",
                             "binance.spot.BTCUSDT@1M", range_of("2017-08-01", "2017-09-01"));
  EXPECT_EQ(month.rows.size(), 1U);
  EXPECT_TRUE(month.rows.extra.is_null(0));
  const auto off = page_of(R"([[1502755200000,"1","1","1","1","1",1503273599999,"2",3,"4","5","0"]])",
                           "binance.spot.BTCUSDT@1w", range_of("2017-08-01", "2017-09-01"));
  ASSERT_EQ(off.rejected.size(), 1U);
  EXPECT_EQ(off.rejected[0].rule, "T1");
}

TEST(ParsePage, MicrosecondsAreNoMilliseconds) {
  const auto page = page_of(R"([[1735689600000000,"1","1","1","1","1",1,"2",3,"4","5","0"]])");
  ASSERT_EQ(page.rejected.size(), 1U);
  EXPECT_EQ(page.rejected[0].rule, "S9");
}

TEST(ParsePage, RowsOutsideRepeatedAndContradictingAreToldApart) {
  EXPECT_EQ(parse(R"([[6000000,"1","1","1","1","1",6059999,"2",3,"4","5","0"]])").error().code,
            ErrorCode::corrupt_data);
  const std::string row = R"([60000,"2","3","1","3","10",119999,"20",5,"4","8","0"])";
  const auto twice = page_of("[" + row + "," + row + "]");
  EXPECT_EQ(twice.rows.size(), 1U);
  EXPECT_EQ(twice.duplicates, 1);
  const auto torn = page_of("[" + row + R"(,[60000,"2","3","1","2","10",119999,"20",5,"4","8","0"],[1],"x",null])");
  EXPECT_EQ(torn.rows.size(), 0U);
  EXPECT_EQ(torn.rejected.size(), 5U);
}

TEST(ParsePage, AnEmptyListIsAnEmptyPage) { EXPECT_EQ(page_of("[]").rows.size(), 0U); }

TEST(ParsePage, BrokenBodiesAreCorruptData) {
  std::vector<std::string> bodies{"",
                                  "  ",
                                  "<html>",
                                  "null",
                                  "7",
                                  "\"x\"",
                                  "{}",
                                  R"({"code":-1121,"msg":"Invalid symbol."})",
                                  R"([[60000,NaN]])",
                                  R"([[60000,01]])",
                                  R"([[60000,nul]])",
                                  std::string{kTwo} + "[]",
                                  "\xff\xfe" + std::string{kTwo}};
  for (std::size_t cut = 1; cut < kTwo.size(); ++cut) bodies.emplace_back(kTwo.substr(0, cut));
  for (const auto& body : bodies) {
    const auto page = parse(body);
    ASSERT_FALSE(page) << body;
    EXPECT_EQ(page.error().code, ErrorCode::corrupt_data) << body;
  }
}

TEST(ParsePage, SurvivesAnyChangeOfOneByte) {
  for (std::size_t i = 0; i < kTwo.size(); ++i) {
    for (const char byte : {'\0', '"', '{', ']', ',', '9', '-', 'e', '\\', '\xff'}) {
      std::string changed{kTwo};
      changed[i] = byte;
      const auto page = parse(changed);
      if (page) {
        EXPECT_LE(page->rows.size() + page->rejected.size(), 3U);
      }
    }
  }
}

// Every text of every row of every page, and what the outages did to it.
TEST(Recorded, SpotPagesAreReadAsSent) {
  const auto folder = testing::recordings() / "static-klines";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "needs ../shared";
  const auto all = TimeRange::of(from_ms(0), testing::at("2030-01-01"));
  int files = 0;
  std::size_t rows = 0;
  std::size_t truncated = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{folder}) {
    const auto interval = entry.path().parent_path().filename().string();
    if (!entry.is_regular_file() || entry.path().extension() != ".json" || interval == "3d") continue;
    const auto symbol = entry.path().parent_path().parent_path().filename().string();
    const auto body = testing::read_file(entry.path());
    const auto page = page_of(body, "binance.spot." + symbol + "@" + interval, all);
    const auto recorded = nlohmann::json::parse(body);
    ASSERT_EQ(page.rows.size(), recorded.size()) << entry.path();
    EXPECT_TRUE(page.rejected.empty()) << entry.path();
    const std::array<const TextColumn*, 10> columns{&page.rows.open,
                                                    &page.rows.high,
                                                    &page.rows.low,
                                                    &page.rows.close,
                                                    &page.rows.volume,
                                                    nullptr,
                                                    &page.rows.quote_volume,
                                                    nullptr,
                                                    &page.rows.taker_buy_volume,
                                                    &page.rows.taker_buy_quote_volume};
    for (std::size_t i = 0; i < recorded.size(); ++i) {
      for (std::size_t column = 0; column < columns.size(); ++column) {
        if (columns[column] == nullptr) continue;
        ASSERT_EQ(text((*columns[column])[i]), recorded[i][column + 1].get<std::string>());
      }
      ASSERT_EQ(text(page.rows.trade_count[i]), recorded[i][8].dump());
      truncated += page.rows.extra.is_null(i) ? 0 : 1;
    }
    rows += page.rows.size();
    ++files;
  }
  EXPECT_GE(files, 25);
  EXPECT_GT(rows, 10'000U);
  EXPECT_GT(truncated, 10U);
}

TEST(Recorded, MinutesOfTwentyTwentyOne) {
  const auto file = testing::recordings() / "nautilus" / "http_spot_market_klines.json";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "needs ../shared";
  const auto page = page_of(testing::read_file(file), "binance.spot.BTCUSDT@1m", range_of("2021-10-22", "2021-10-23"));
  ASSERT_EQ(page.rows.size(), 10U);
  EXPECT_EQ(text(page.rows.close[0]), "60719.27000000");
}

}  // namespace
}  // namespace tdm::sources::binance
