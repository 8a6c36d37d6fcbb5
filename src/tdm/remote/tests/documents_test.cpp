#include "tdm/remote/detail/documents.hpp"

#include <gtest/gtest.h>

#include "tdm/remote/detail/provenance.hpp"
#include "tdm/remote/detail/targets.hpp"
#include "tdm/remote/tests/support.hpp"

namespace tdm::remote {
namespace {

using testing::gap_of;
using testing::provenance_of;

Json parse(std::string_view text) { return Json::parse(text); }

TEST(Documents, ProvenanceComesBackAsItWas) {
  auto provenance = provenance_of(90, 100);
  provenance.gap_count = 2;
  provenance.gaps = {gap_of(1, 5, 7, GapCause::unknown), gap_of(2, 50, 3, GapCause::not_listed)};
  provenance.gaps[1].accepted_reason = "known";
  provenance.gaps[1].looks = 0;
  provenance.gaps[1].first_look = provenance.gaps[1].last_look = {};
  provenance.derived = "bybit.linear.BTCUSDT@1m";
  provenance.day_start = "08:00";
  provenance.as_of = "2024-01-01T00:00:00Z";
  provenance.fetched = 12;
  provenance.notes = {"a note"};
  const auto text = query::to_json(provenance);
  const auto read = read_document(parse(text), read_provenance);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(query::to_json(*read), text);
  EXPECT_EQ(read->gaps, provenance.gaps);
  EXPECT_EQ(read->range, provenance.range);
  EXPECT_TRUE(read->simulated);
}

TEST(Documents, OtherShapesAreCorruptData) {
  EXPECT_EQ(parse_document("[]").error().code, ErrorCode::corrupt_data);
  EXPECT_EQ(parse_document("{").error().code, ErrorCode::corrupt_data);
  EXPECT_EQ(read_document(parse("{}"), read_provenance).error().code, ErrorCode::corrupt_data);
  EXPECT_EQ(read_document(
                parse(R"({"id":1,"series":"no series","start":1,"end":2,"bars":1,"cause":"unknown","state":"open"})"),
                read_gap)
                .error()
                .code,
            ErrorCode::corrupt_data);
  EXPECT_EQ(read_document(parse(R"({"name":7})"), read_instrument).error().code, ErrorCode::corrupt_data);
  EXPECT_EQ(read_document(parse("[]"), read_job).error().code, ErrorCode::corrupt_data);
}

TEST(Documents, EveryErrorCodeHasItsName) {
  for (int number = 0; number <= static_cast<int>(ErrorCode::internal); ++number) {
    const auto code = static_cast<ErrorCode>(number);
    EXPECT_EQ(parse_error_code(to_string(code)), code);
  }
  EXPECT_EQ(parse_error_code("nonsense"), std::nullopt);
}

TEST(Documents, AProblemIsItsError) {
  net::HttpReply reply;
  reply.status = 404;
  reply.headers = {{"Retry-After", "7"}, {"X-Request-Id", "r1"}};
  reply.body =
      R"({"type":"urn:tdm:problem:unknown_symbol","title":"Not Found","status":404,"detail":"bybit has no BTCUSTD","code":"unknown_symbol",
    "parameter":"symbol","suggestions":["BTCUSDT"],"request_id":"r1"})";
  const auto error = error_of(reply, "http://host/api/v1/ohlcv");
  EXPECT_EQ(error.code, ErrorCode::unknown_symbol);
  EXPECT_EQ(error.message, "bybit has no BTCUSTD");
  EXPECT_EQ(error.parameter, "symbol");
  EXPECT_EQ(error.suggestions, std::vector<std::string>{"BTCUSDT"});
  EXPECT_EQ(error.retry_after, std::chrono::seconds{7});
  EXPECT_EQ(error.answer, (HttpAnswer{404, "http://host/api/v1/ohlcv", "r1", reply.body}));
}

TEST(Documents, ABodyThatIsNoProblemIsJudgedByItsStatus) {
  const auto code = [](int status) {
    net::HttpReply reply;
    reply.status = status;
    reply.body = "<html>proxy</html>";
    return error_of(reply).code;
  };
  EXPECT_EQ(code(401), ErrorCode::invalid_argument);
  EXPECT_EQ(code(404), ErrorCode::not_found);
  EXPECT_EQ(code(429), ErrorCode::rate_limited);
  EXPECT_EQ(code(502), ErrorCode::unavailable);
  EXPECT_EQ(code(500), ErrorCode::internal);
}

TEST(Provenance, OfPagesIsThatOfTheWhole) {
  auto whole = provenance_of(60, 100);
  whole.gap_count = 1;
  whole.gaps = {gap_of(1, 5, 7, GapCause::unknown)};
  auto page = whole;
  page.rows = 33;
  page.sources = {{"rest", 30}, {"ws", 3}};
  page.gap_count = 2;
  page.gaps.push_back(gap_of(0, 70, 7, GapCause::low_quality));
  page.notes = {"note"};
  join(whole, page);
  join(whole, page);
  EXPECT_EQ(whole.rows, 126);
  EXPECT_EQ(whole.sources, (std::map<std::string, std::int64_t>{{"rest", 120}, {"ws", 6}}));
  EXPECT_EQ(whole.gap_count, 2);
  EXPECT_EQ(whole.gaps.size(), 2U);
  EXPECT_EQ(whole.notes.size(), 1U);
}

TEST(Provenance, NamesItsSeries) {
  auto provenance = provenance_of(1, 1);
  EXPECT_EQ(series_of(provenance)->text(), "bybit.linear.BTCUSDT@1h");
  provenance.price_kind = "mark";
  EXPECT_EQ(series_of(provenance)->text(), "bybit.linear.BTCUSDT:mark@1h");
}

TEST(Targets, SayEverythingThatWasAsked) {
  query::ReadRequest request;
  request.exchange = "bybit";
  request.symbol = "BTC/USDT:USDT";
  request.timeframe = "1h";
  EXPECT_EQ(bars_target(request, {}),
            "/api/v1/ohlcv?format=arrow&exchange=bybit&symbol=BTC%2FUSDT%3AUSDT&timeframe=1h");
  request.market = "linear";
  request.price_kind = "mark";
  request.start = "2023-01-01 00:00";
  request.end = "2023-12-31";
  request.as_of = "2024-01-01";
  request.columns = {"open", "close"};
  request.layer = query::Layer::raw;
  request.fetch = query::Fetch::never;
  request.straddle = query::Straddle::keep;
  request.fill = query::Fill::ffill;
  request.confirmed_only = false;
  request.day_start = "08:00";
  request.min_quality = 0.5;
  request.limit = 10;
  const auto target = bars_target(request, "abc");
  for (const auto* part :
       {"&market=linear", "&price_kind=mark", "&start=2023-01-01%2000%3A00", "&end=2023-12-31", "&as_of=2024-01-01",
        "&columns=open%2Cclose", "&layer=raw", "&fetch=never", "&straddle=keep", "&fill=ffill", "&include_open=true",
        "&min_quality=0.5", "&limit=10", "&cursor=abc", "&day_start=08%3A00"})
    EXPECT_NE(target.find(part), std::string::npos) << part << " in " << target;
}

TEST(Targets, PatternsHoldGlobsInTheSymbolOnly) {
  const auto pattern = SymbolPattern::parse("bybit.linear.*USDT:mark@1m");
  ASSERT_TRUE(pattern);
  EXPECT_EQ(pattern->exchange, "bybit");
  EXPECT_EQ(pattern->market, "linear");
  EXPECT_EQ(pattern->symbol, "*USDT");
  EXPECT_EQ(pattern->rest, ":mark@1m");
  for (const auto* text :
       {"*", "bybit.*.BTCUSDT@1h", "*.linear.BTCUSDT@1h", "bybit.linear.BTC*@*", "bybit.linear.BTC*", "bybit.linear"}) {
    const auto refused = SymbolPattern::parse(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().parameter, "series");
  }
}

}  // namespace
}  // namespace tdm::remote
