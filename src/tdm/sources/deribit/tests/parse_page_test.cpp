#include <gtest/gtest.h>

#include "tdm/sources/deribit/detail/chart.hpp"
#include "tdm/sources/deribit/detail/parse.hpp"
#include "tdm/sources/deribit/tests/support.hpp"

namespace tdm::sources::deribit {
namespace {

using testing::answer;
using testing::at;
using testing::range_of;
using testing::series_of;

const TimePoint kReceived = from_ms(1'766'487'086'200);

Result<ParsedPage> parse(const std::string& body, std::string_view series = "deribit.future.BTC-PERPETUAL@1m",
                         std::string_view begin = "2025-12-23T09:51:00Z",
                         std::string_view end = "2025-12-23T09:56:00Z") {
  return parse_page(body, series_of(series), {range_of(begin, end)}, kReceived);
}

std::string result(std::string_view ticks, std::string_view rest) {
  return "{\"status\":\"ok\",\"ticks\":[" + std::string{ticks} + "]," + std::string{rest} + "}";
}
constexpr std::string_view kOneRow =
    R"("open":[1],"high":[2.0],"low":[1e0],"close":["1.5"],"volume":[0.25],"cost":[null])";
constexpr std::string_view kTwoRows =
    R"("open":[1,1],"high":[2,2],"low":[1,1],"close":[1,1],"volume":[0,3],"cost":[0,3])";

TEST(DeribitPage, ReadsARecordedAnswer) {
  const auto path = testing::recordings() / "nautilus_trader/http_get_tradingview_chart_data.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs ../shared";
  const auto parsed = parse(testing::read_file(path));
  ASSERT_TRUE(parsed) << parsed.error().message;
  const auto& rows = parsed->page.rows;
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_TRUE(parsed->page.rejected.empty());
  EXPECT_EQ(parsed->page.unknown_fields, 0);
  EXPECT_EQ(parsed->page.exchange_time, from_us(1'766'487'086'141'005));
  EXPECT_EQ(rows.open_time[0], at("2025-12-23T09:51:00Z"));
  EXPECT_EQ(rows.open[0], "87451.0");
  EXPECT_EQ(rows.volume[0], "2.94375216");      // trap: inverse volume is coin,
  EXPECT_EQ(rows.quote_volume[0], "257490.0");  // and cost is USD
}

TEST(DeribitPage, ReadsTheRecordedBarInProgress) {
  const auto path = testing::recordings() / "ccxt/static_responses_public.jsonl";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs ../shared";
  std::ifstream file{path};
  std::string line;
  for (int i = 0; i < 3; ++i) std::getline(file, line);
  const auto document = parse_json(line);
  ASSERT_TRUE(document);
  const auto parsed = parse(to_line(member(*document, "httpResponse")), "deribit.spot.BTC_USDT@1h",
                            "2024-03-13T11:00:00Z", "2024-03-13T12:00:00Z");
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->page.rows.size(), 1U);
  EXPECT_LT(parsed->page.exchange_time, at("2024-03-13T12:00:00Z"));
  EXPECT_EQ(parsed->page.rows.volume[0], "0.008");
  EXPECT_EQ(parsed->page.rows.quote_volume[0], "587.580928");
}

// Trap: numbers are spelled in several ways and keys come in any order; the text stays as it was sent.
TEST(DeribitPage, KeepsEveryTextAsItWasSent) {
  const auto parsed = parse(answer(result("1.76648346e12", kOneRow)));
  ASSERT_TRUE(parsed) << parsed.error().message;
  const auto& rows = parsed->page.rows;
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows.open_time[0], from_ms(1'766'483'460'000));
  EXPECT_EQ(rows.high[0], "2.0");
  EXPECT_EQ(rows.low[0], "1e0");
  EXPECT_EQ(rows.close[0], "1.5");
  EXPECT_TRUE(rows.quote_volume.is_null(0));
  EXPECT_TRUE(rows.trade_count.is_null(0));
}

TEST(DeribitPage, BarsWithoutTradesAreObservations) {
  const auto parsed = parse(answer(result("1766483460000,1766483520000", kTwoRows)));
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->page.rows.size(), 2U);
  EXPECT_EQ(parsed->page.rows.volume[0], "0");
  EXPECT_EQ(parsed->page.rows.quote_volume[0], "0");
}

TEST(DeribitPage, NoDataIsAnEmptyPageWhateverItsShape) {
  for (const auto* body :
       {R"({"status":"no_data"})", R"({"status":"no_data","ticks":[],"open":[],"close":[]})",
        R"({"status":"no_data","ticks":null})",
        R"({"status":"ok","ticks":[],"open":[],"high":[],"low":[],"close":[],"volume":[],"cost":[]})"}) {
    const auto parsed = parse(answer(body));
    ASSERT_TRUE(parsed) << body << parsed.error().message;
    EXPECT_EQ(parsed->page.rows.size(), 0U);
    EXPECT_TRUE(parsed->has_exchange_time);
  }
}

TEST(DeribitPage, RefusesWhatIsNoChart) {
  for (
      const auto& body : {
          std::string{"{}"},
          std::string{"[]"},
          std::string{"null"},
          std::string{""},
          std::string{"<html></html>"},
          std::string{R"({"jsonrpc":"2.0"})"},
          answer("null"),
          answer("[]"),
          answer("17"),
          answer("{}"),
          answer(R"({"status":"ok"})"),
          answer(R"({"status":"error","ticks":[],"open":[],"high":[],"low":[],"close":[],"volume":[],"cost":[]})"),
          answer(
              R"({"status":"no_data","ticks":[1766483460000],"open":[1],"high":[1],"low":[1],"close":[1],"volume":[1],"cost":[1]})"),
          answer(result("1766483460000,1766483520000", kOneRow)),  // trap: unequal lengths
          answer(result("1766483460000", R"("open":[1],"high":[1],"low":[1],"close":[1],"volume":[1])")),
          answer(result("1766483460000", R"("open":1,"high":[1],"low":[1],"close":[1],"volume":[1],"cost":[1])")),
          answer(result("1766483460000", std::string{kOneRow} + R"(,"ticks":[1766483460000])")),
          answer(result("1766483460000", kOneRow)) + "x",
          std::string{R"({"error":{"message":"no code"}})"},
          std::string{R"({"error":{"code":10028,"message":"too_many_requests"}})"},
      }) {
    const auto parsed = parse(body);
    ASSERT_FALSE(parsed) << body;
    EXPECT_EQ(parsed.error().code, ErrorCode::corrupt_data) << body;
    EXPECT_FALSE(parsed.error().message.empty());
  }
}

TEST(DeribitPage, EveryCutIsRefused) {
  const auto whole = answer(result("1766483460000,1766483520000", kTwoRows));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto parsed = parse(whole.substr(0, length));
    ASSERT_FALSE(parsed) << length;
    EXPECT_EQ(parsed.error().code, ErrorCode::corrupt_data);
  }
}

// Trap: the bar that contains the start is returned, so a page may begin before it was asked for.
TEST(DeribitPage, RowsOutsideOrOffTheGridAreToldApart) {
  const auto parsed = parse(answer(result("1766483400000,1766483460000,1766483520001",
                                          R"("open":[1,1,1],"high":[2,2,2],"low":[1,1,1],)"
                                          R"("close":[1,1,"x"],"volume":[0,3,3],"cost":[0,3,3])")));
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->page.rows.size(), 1U);
  ASSERT_EQ(parsed->page.rejected.size(), 2U);
  EXPECT_EQ(parsed->page.rejected[0].rule, "C6");
  EXPECT_EQ(parsed->page.rejected[0].raw,
            R"({"ticks":1766483400000,"open":1,"high":2,"low":1,"close":1,"volume":0,"cost":0})");
  EXPECT_EQ(parsed->page.rejected[1].rule, "T1");
  EXPECT_NE(parsed->page.rejected[1].raw.find(R"("close":"x")"), std::string::npos);
}

TEST(DeribitPage, ADayThatBeginsAtEightIsOffTheGrid) {
  const auto parsed = parse(answer(result("1766476800000", kOneRow)), "deribit.future.BTC-PERPETUAL@1d", "2025-12-23",
                            "2025-12-24T00:00:00Z");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->page.rows.size(), 0U);
  ASSERT_EQ(parsed->page.rejected.size(), 1U);
  EXPECT_EQ(parsed->page.rejected[0].rule, "T1");
}

TEST(DeribitPage, SortsAndKeepsRepeatedRowsOnce) {
  const auto parsed = parse(
      answer(result("1766483520000,1766483460000,1766483460000",
                    R"("open":[1,5,5],"high":[2,6,6],"low":[1,5,5],"close":[1,5,5],"volume":[1,5,5],"cost":[1,5,5])")));
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->page.rows.size(), 2U);
  EXPECT_EQ(parsed->page.rows.open[0], "5");
  EXPECT_EQ(parsed->page.duplicates, 1);
}

TEST(DeribitPage, RowsThatDidNotMoveWithTheRequestAreCorrupt) {
  const auto parsed = parse(answer(result("1700000040000", kOneRow)));
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, ErrorCode::corrupt_data);
}

// Trap: new keys appear without notice.
TEST(DeribitPage, CountsWhatItDoesNotKnow) {
  const auto parsed =
      parse(answer(result("1766483460000", std::string{kOneRow} + R"(,"starbase_match_id":[9007199254740993])"),
                   R"("trace":{"a":[1]},"usIn":1766487086141005,)"));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->page.unknown_fields, 2);
  EXPECT_FALSE(parse(answer("{}", "\"usIn\":12,")));
}

TEST(DeribitPage, ATimeThatIsNoneIsAbsent) {
  for (const auto* time : {"", R"("usIn":null,)", R"("usIn":"soon",)", R"("usIn":-5,)", R"("usIn":1e30,)"}) {
    const auto parsed = parse(answer(result("1766483460000", kOneRow), time));
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_FALSE(parsed->has_exchange_time) << time;
  }
}

TEST(DeribitPage, ServerTime) {
  EXPECT_EQ(parse_server_time(answer("1766487086141")), from_ms(1'766'487'086'141));
  EXPECT_EQ(parse_server_time(answer("1.766487086141e12")), from_ms(1'766'487'086'141));
  EXPECT_FALSE(parse_server_time(answer("null")));
  EXPECT_FALSE(parse_server_time("nonsense"));
}

}  // namespace
}  // namespace tdm::sources::deribit
