#include <gtest/gtest.h>

#include "tdm/core/decimal.hpp"
#include "tdm/sources/bybit/detail/parse.hpp"
#include "tdm/sources/bybit/tests/support.hpp"

namespace tdm::sources::bybit {
namespace {

using testing::at;
using testing::kline_answer;
using testing::range_of;
using testing::series_of;

constexpr std::string_view kThree =
    R"(["180000","4","5","3","4.5","1","4"],["120000","3","4","2","4","1","3"],["60000","2","3","1","3","1","2"])";

Result<ParsedPage> parse(std::string_view body, std::string_view series = "bybit.linear.BTCUSDT@1m",
                         TimeRange range = TimeRange::of(from_ms(0), from_ms(600'000))) {
  return parse_page(body, series_of(series), {range}, from_ms(5));
}

Page page_of(std::string_view rows) {
  auto parsed = parse(kline_answer(rows));
  if (!parsed) ADD_FAILURE() << parsed.error().message;
  return std::move(parsed->page);
}

std::string text(std::optional<std::string_view> value) { return std::string{value.value_or("(null)")}; }

TEST(ParsePage, GivesOldestFirst) {
  const auto page = page_of(kThree);
  ASSERT_EQ(page.rows.size(), 3U);
  EXPECT_EQ(page.rows.open_time, (std::vector{from_ms(60'000), from_ms(120'000), from_ms(180'000)}));
  EXPECT_EQ(text(page.rows.close[2]), "4.5");
  EXPECT_EQ(page.exchange_time, from_ms(1791241091387));
  EXPECT_EQ(page.rows.event_time[0], page.exchange_time);
  EXPECT_EQ(page.rows.received_at[0], from_ms(5));
  EXPECT_EQ(page.rows.channel[0], Channel::rest);
  EXPECT_EQ(page.rows.close_proof[0], CloseProof::none);
  EXPECT_TRUE(page.rejected.empty());
}

TEST(ParsePage, SortsRowsOfAnyOrder) {
  const auto page = page_of(
      R"(["120000","3","4","2","4","1","3"],["60000","2","3","1","3","1","2"],["180000","4","5","3","4.5","1","4"])");
  EXPECT_TRUE(std::ranges::is_sorted(page.rows.open_time));
  EXPECT_EQ(page.rows.size(), 3U);
}

// Pitfall: text comparison of prices; the text is kept as it was sent, whatever its type was.
TEST(ParsePage, KeepsTheExactTextOfEveryField) {
  const auto page = page_of(R"(["60000","2.500",1.50e-7 , 1E+3,0.0000010,"",null])");
  ASSERT_EQ(page.rows.size(), 1U);
  EXPECT_EQ(text(page.rows.open[0]), "2.500");
  EXPECT_EQ(text(page.rows.high[0]), "1.50e-7");
  EXPECT_EQ(text(page.rows.low[0]), "1E+3");
  EXPECT_EQ(text(page.rows.close[0]), "0.0000010");
  EXPECT_EQ(text(page.rows.volume[0]), "");
  EXPECT_TRUE(page.rows.quote_volume.is_null(0));
}

TEST(ParsePage, RecordsUnusableValuesAsTheyAreForTheJudge) {
  const auto page = page_of(R"(["60000","NaN","1e400",1e400,{"a": 1},true,"x"])");
  ASSERT_EQ(page.rows.size(), 1U);
  EXPECT_EQ(text(page.rows.open[0]), "NaN");
  EXPECT_EQ(text(page.rows.high[0]), "1e400");
  EXPECT_EQ(text(page.rows.low[0]), "1e400");
  EXPECT_EQ(text(page.rows.close[0]), R"({"a": 1})");
  EXPECT_EQ(text(page.rows.volume[0]), "true");
}

TEST(ParsePage, ShortRowsHaveNullsAndLongOnesExtra) {
  const auto page = page_of(R"(["120000","1","2"],["60000","1","2","1","2","3","4","new \" field",5.10,null])");
  ASSERT_EQ(page.rows.size(), 2U);
  EXPECT_EQ(text(page.rows.extra[0]), R"({"column_8":"new \" field","column_9":5.10,"column_10":null})");
  EXPECT_TRUE(page.rows.low.is_null(1));
  EXPECT_TRUE(page.rows.extra.is_null(1));
}

TEST(ParsePage, RowsWithoutAnOpenTimeAreRejectedWithTheirText) {
  const auto page =
      page_of(R"(["","1","2","1","2","3","4"],[null,"1"],["NaN","1"],[],"text",["60000","2","3","1","3","1","2"])");
  EXPECT_EQ(page.rows.size(), 1U);
  ASSERT_EQ(page.rejected.size(), 5U);
  for (const auto& rejection : page.rejected) {
    EXPECT_EQ(rejection.rule, "S9");
    EXPECT_FALSE(rejection.reason.empty());
    EXPECT_EQ(rejection.open_time, std::nullopt);
  }
  EXPECT_EQ(page.rejected[0].raw, R"(["","1","2","1","2","3","4"])");
  EXPECT_EQ(page.rejected[3].raw, "[]");
}

TEST(ParsePage, OpenTimesInExponentFormAreExact) {
  const auto page = page_of(R"([6E4,"2","3","1","3","1","2"],["120000.0","2","3","1","3","1","2"],[60000.5,"2"])");
  EXPECT_EQ(page.rows.open_time, (std::vector{from_ms(60'000), from_ms(120'000)}));
  EXPECT_EQ(page.rejected.size(), 1U);
}

TEST(ParsePage, RowsOffTheGridAreT1) {
  const auto page = page_of(R"(["60001","2","3","1","3","1","2"],["60000","2","3","1","3","1","2"])");
  ASSERT_EQ(page.rejected.size(), 1U);
  EXPECT_EQ(page.rejected[0].rule, "T1");
  EXPECT_EQ(page.rejected[0].open_time, from_us(60'001'000));
}

// Pitfall: neighbouring windows both contain the boundary bar.
TEST(ParsePage, RowsOutsideTheRequestAreC6) {
  const auto page = page_of(R"(["600000","2","3","1","3","1","2"],["60000","2","3","1","3","1","2"])");
  EXPECT_EQ(page.rows.size(), 1U);
  ASSERT_EQ(page.rejected.size(), 1U);
  EXPECT_EQ(page.rejected[0].rule, "C6");
}

// Pitfall: a parameter under a wrong name is ignored and the latest page comes back.
TEST(ParsePage, APageThatDoesNotMoveIsCorrupt) {
  const auto parsed = parse(kline_answer(R"(["1791241020000","2","3","1","3","1","2"])"));
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, ErrorCode::corrupt_data);
  EXPECT_NE(parsed.error().message.find("2026-10-05"), std::string::npos) << parsed.error().message;
}

TEST(ParsePage, RepeatedRowsAreKeptOnce) {
  const auto page = page_of(
      R"(["60000","2","3","1","3","1","2"],["60000","2","3","1","3","1","2"],["60000","2","3","1","3","1","2"])");
  EXPECT_EQ(page.rows.size(), 1U);
  EXPECT_EQ(page.duplicates, 2);
  EXPECT_TRUE(page.rejected.empty());
}

TEST(ParsePage, TwoTruthsForOneBarAreBothRejected) {
  const auto page = page_of(
      R"(["60000","2","3","1","3","1","2"],["60000","2","3","1","2.9","1","2"],["120000","2","3","1","3","1","2"])");
  EXPECT_EQ(page.rows.open_time, (std::vector{from_ms(120'000)}));
  ASSERT_EQ(page.rejected.size(), 2U);
  EXPECT_EQ(page.rejected[0].rule, "C6");
}

// Pitfall: the volume of inverse is in USD.
TEST(ParsePage, InverseVolumeIsTheTurnover) {
  const auto body = kline_answer(R"(["60000","2","3","1","3","268611","15.74462667"])", ",\"time\":1", "inverse");
  const auto parsed =
      parse_page(body, series_of("bybit.inverse.BTCUSDT@1m"), {TimeRange::of(from_ms(0), from_ms(600'000))}, {});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(text(parsed->page.rows.volume[0]), "15.74462667");
  EXPECT_EQ(text(parsed->page.rows.quote_volume[0]), "268611");
}

TEST(ParsePage, MarkRowsHaveNoVolume) {
  const auto parsed = parse(kline_answer(R"(["60000","2","3","1","3"])"), "bybit.linear.BTCUSDT:mark@1m");
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->page.rows.volume.is_null(0));
  EXPECT_TRUE(parsed->page.rows.quote_volume.is_null(0));
}

TEST(ParsePage, AnEmptyListIsAnEmptyPage) {
  const auto page = page_of("");
  EXPECT_EQ(page.rows.size(), 0U);
  EXPECT_TRUE(page.rejected.empty());
}

// Pitfall: `time` may be absent, and the host's clock decides nothing.
TEST(ParsePage, SaysWhenTheExchangeGaveNoTime) {
  auto parsed = parse(kline_answer(kThree, ""));
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->has_exchange_time);
  set_exchange_time(parsed->page, from_ms(240'000));
  EXPECT_EQ(parsed->page.exchange_time, from_ms(240'000));
  EXPECT_EQ(parsed->page.rows.event_time, (std::vector<TimePoint>(3, from_ms(240'000))));
}

// Pitfall: new keys appear without notice.
TEST(ParsePage, CountsUnknownFieldsAndIgnoresThem) {
  const auto parsed = parse(
      R"({"time":7,"result":{"list":[["60000","2","3","1","3","1","2"]],"novel":{"deep":[1,2]},"category":"linear","more":1},"retMsg":"","retCode":0,"extra":"x"})");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->page.rows.size(), 1U);
  EXPECT_EQ(parsed->page.unknown_fields, 3);
}

// Pitfall: BTCUSDT is in spot and in linear.
TEST(ParsePage, RefusesAnAnswerForAnotherMarketOrSymbol) {
  EXPECT_EQ(parse(kline_answer(kThree, "", "spot")).error().code, ErrorCode::corrupt_data);
  EXPECT_EQ(parse(kline_answer(kThree), "bybit.linear.ETHUSDT@1m").error().code, ErrorCode::corrupt_data);
}

TEST(ParsePage, BrokenBodiesAreCorruptData) {
  const auto whole = kline_answer(kThree);
  std::vector<std::string> bodies{"",
                                  "   ",
                                  "<html><body>403</body></html>",
                                  "null",
                                  "[]",
                                  "\"text\"",
                                  "{}",
                                  R"({"retCode":0,"result":{}})",
                                  R"({"retCode":0,"result":{"rows":[]}})",
                                  R"({"retCode":0,"result":{"list":{}}})",
                                  R"({"retCode":0,"result":[]})",
                                  R"({"retCode":null,"result":{"list":[]}})",
                                  R"({"result":{"list":[]}})",
                                  R"({"retCode":10001,"retMsg":"x","result":{}})",
                                  kline_answer(R"(["60000",NaN,"3","1","3","1","2"])"),
                                  kline_answer(R"(["60000",01,"3","1","3","1","2"])"),
                                  kline_answer(R"(["60000",nul,"3","1","3","1","2"])"),
                                  whole + "{}",
                                  "\xff\xfe" + whole};
  for (std::size_t cut = 1; cut < whole.size(); ++cut) bodies.push_back(whole.substr(0, cut));
  for (const auto& body : bodies) {
    const auto parsed = parse(body);
    ASSERT_FALSE(parsed) << body;
    EXPECT_EQ(parsed.error().code, ErrorCode::corrupt_data) << body;
    EXPECT_FALSE(parsed.error().message.empty());
  }
}

TEST(ParsePage, NamesHtml) { EXPECT_NE(parse("<html>blocked</html>").error().message.find("HTML"), std::string::npos); }

TEST(ParsePage, SurvivesAnyChangeOfOneByte) {
  const auto whole = kline_answer(kThree);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const char byte : {'\0', '"', '{', ']', ',', '9', '-', 'e', '\\', '\xff'}) {
      auto changed = whole;
      changed[i] = byte;
      const auto parsed = parse(changed);
      if (parsed) {
        EXPECT_LE(parsed->page.rows.size() + parsed->page.rejected.size(), 4U);
      }
    }
  }
}

// The decimals of a stored row equal the recording's text.
TEST(Recorded, LinearMinutesAreReadAsSent) {
  const auto file = testing::recordings() / "rest_testnet_kline_linear_1_BTCUSDT_20261005.json";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "needs ../shared";
  const auto body = testing::read_file(file);
  const auto parsed = parse(body, "bybit.linear.BTCUSDT@1m", range_of("2026-10-05", "2026-10-06"));
  ASSERT_TRUE(parsed) << parsed.error().message;
  const auto& rows = parsed->page.rows;
  ASSERT_EQ(rows.size(), 15U);
  EXPECT_TRUE(parsed->page.rejected.empty());
  EXPECT_EQ(rows.open_time.back(), from_ms(1791241020000));
  EXPECT_EQ(text(rows.close[14]), "86769.3");
  EXPECT_EQ(text(rows.quote_volume[14]), "4164.9732");
  for (std::size_t i = 1; i < rows.size(); ++i) EXPECT_EQ(rows.open[i], rows.close[i - 1]);  // open = previous close
}

TEST(Recorded, MarkMinutesHaveFiveColumns) {
  const auto file = testing::recordings() / "rest_testnet_mark-price-kline_linear_1_BTCUSDT_20261005.json";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "needs ../shared";
  const auto parsed =
      parse(testing::read_file(file), "bybit.linear.BTCUSDT:mark@1m", range_of("2026-10-05", "2026-10-06"));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->page.rows.size(), 15U);
  EXPECT_EQ(parsed->page.rows.volume.null_count(), 15U);
}

}  // namespace
}  // namespace tdm::sources::bybit
