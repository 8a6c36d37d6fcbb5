#include <gtest/gtest.h>

#include <algorithm>

#include "tdm/sources/bybit/detail/parse.hpp"
#include "tdm/sources/bybit/tests/support.hpp"
#include "tdm/sources/json_text.hpp"

namespace tdm::sources::bybit {
namespace {

using testing::read_file;
using testing::recordings;

std::string answer(std::string_view rows, std::string_view cursor = R"("")") {
  return R"({"retCode":0,"retMsg":"OK","result":{"category":"linear","list":[)" + std::string{rows} +
         R"(],"nextPageCursor":)" + std::string{cursor} + R"(},"retExtInfo":{},"time":1771012545280})";
}

constexpr std::string_view kFuture =
    R"({"symbol":"BTCUSDT-27MAR26","contractType":"LinearFutures","status":"Trading","baseCoin":"BTC","quoteCoin":"USDT","launchTime":"1743753600000","deliveryTime":"1774598400000","priceScale":"2","priceFilter":{"tickSize":"0.10"},"lotSizeFilter":{"qtyStep":"0.001"},"fundingInterval":0,"settleCoin":"USDT","weight":1.50e-7})";

TEST(ParseInstruments, ReadsADatedFuture) {
  const auto page = parse_instruments(answer(kFuture, R"("first%3D0GUSDT%26last%3DSOLPERP")"), "linear");
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->instruments.size(), 1U);
  const auto& future = page->instruments[0];
  EXPECT_EQ(future.id.text(), "bybit.linear.BTCUSDT-27MAR26");
  EXPECT_EQ(future.base, "BTC");
  EXPECT_EQ(future.settle, "USDT");
  EXPECT_EQ(future.tick_size, "0.10");
  EXPECT_EQ(future.lot_size, "0.001");
  EXPECT_EQ(future.launch_time, from_ms(1743753600000));
  EXPECT_EQ(future.delivery_time, from_ms(1774598400000));
  EXPECT_TRUE(future.active);
  EXPECT_EQ(page->next_cursor, "first%3D0GUSDT%26last%3DSOLPERP");
  const auto details = nlohmann::json::parse(future.details);
  EXPECT_EQ(details["fundingInterval"], 0);
  EXPECT_EQ(details["weight"], "1.50e-7");  // not a digit is lost
  EXPECT_FALSE(details.contains("symbol"));
}

// Pitfalls: "" is no number; "0" says that a perpetual has no delivery; the stream spells it as an instant.
TEST(ParseInstruments, NoValueIsNoTime) {
  for (const auto* none : {R"("")", R"("0")", "0", "null", R"("soon")"}) {
    const auto row =
        R"({"symbol":"A","status":"Closed","launchTime":)" + std::string{none} + R"(,"deliveryTime":)" + none + "}";
    const auto page = parse_instruments(answer(row), "linear");
    ASSERT_TRUE(page) << page.error().message;
    EXPECT_EQ(page->instruments[0].launch_time, std::nullopt) << none;
    EXPECT_EQ(page->instruments[0].delivery_time, std::nullopt) << none;
    EXPECT_FALSE(page->instruments[0].active);
  }
  const auto page = parse_instruments(answer(R"({"symbol":"A","deliveryTime":"2023-09-29T08:00:00Z"})"), "linear");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->instruments[0].delivery_time, testing::at("2023-09-29T08:00:00Z"));
}

TEST(ParseInstruments, LeavesTheOtherMarketsContractsOut) {
  const auto rows =
      R"({"symbol":"BTCUSD","contractType":"InversePerpetual"},{"symbol":"BTCUSDT","contractType":"LinearPerpetual"})";
  const auto linear = parse_instruments(answer(rows), "linear");
  const auto inverse = parse_instruments(answer(rows), "inverse");
  ASSERT_TRUE(linear && inverse);
  ASSERT_EQ(linear->instruments.size(), 1U);
  EXPECT_EQ(linear->instruments[0].id.symbol.text(), "BTCUSDT");
  ASSERT_EQ(inverse->instruments.size(), 1U);
  EXPECT_EQ(inverse->instruments[0].id.symbol.text(), "BTCUSD");
  EXPECT_EQ(linear->rows, 2U);  // the page was not empty: the list goes on
}

TEST(ParseInstruments, TheEndIsAnEmptyNullOrAbsentCursor) {
  for (const auto* cursor : {R"("")", "null"})
    EXPECT_EQ(parse_instruments(answer(kFuture, cursor), "linear")->next_cursor, "");
  EXPECT_EQ(parse_instruments(R"({"retCode":0,"result":{"list":[]}})", "spot")->next_cursor, "");
}

TEST(ParseInstruments, BrokenAnswersAreCorruptData) {
  const std::string deep(2'000, '[');
  for (const auto& body :
       {std::string{""}, std::string{"<html>"}, std::string{"{"}, std::string{R"({"retCode":0,"result":{}})"},
        answer(R"({"name":"BTCUSDT"})"), answer("7"), answer(R"({"symbol":"a/b"})"), deep}) {
    const auto page = parse_instruments(body, "linear");
    ASSERT_FALSE(page) << body;
    EXPECT_EQ(page.error().code, ErrorCode::corrupt_data);
  }
}

TEST(ParseInstruments, OneUnusableRowDoesNotCostTheOthers) {
  const auto page = parse_instruments(answer(std::string{kFuture} + R"(,{"symbol":""},null)"), "linear");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->instruments.size(), 1U);
  EXPECT_EQ(page->unusable, 2U);
}

TEST(ServerTime, IsReadToTheMicrosecond) {
  const auto time = parse_server_time(
      R"({"retCode":0,"result":{"timeSecond":"1771012544","timeNano":"1771012544990817347"},"time":1771012544990})");
  ASSERT_TRUE(time);
  EXPECT_EQ(to_us(*time), 1771012544990817);
  EXPECT_EQ(parse_server_time(R"({"retCode":0,"result":{},"time":5})").value_or(TimePoint{}), from_ms(5));
  EXPECT_FALSE(parse_server_time(R"({"retCode":0,"result":{}})"));
}

TEST(Recorded, InstrumentsOfLinear) {
  const auto file = recordings() / "rest_mainnet_instruments-info_linear_page1_20260213.json";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "needs ../shared";
  const auto page = parse_instruments(read_file(file), "linear");
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->instruments.size(), 500U);
  EXPECT_FALSE(page->next_cursor.empty());  // 500 is not all: without paging all after S is lost
  const auto first_digit = [](const Instrument& i) {
    return i.id.symbol.text()[0] >= '0' && i.id.symbol.text()[0] <= '9';
  };
  EXPECT_GT(std::ranges::count_if(page->instruments, first_digit), 10);
  for (const auto& instrument : page->instruments) {
    EXPECT_FALSE(instrument.tick_size.empty());
    EXPECT_FALSE(instrument.lot_size.empty());
    EXPECT_TRUE(instrument.launch_time);
  }
}

// The form of early 2023: status "1".
TEST(Recorded, InstrumentsOfSpotInTheirOldForm) {
  const auto file = recordings() / "rest_testnet_instruments-info_spot_2023.result.json";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "needs ../shared";
  const auto page = parse_instruments(R"({"retCode":0,"result":)" + read_file(file) + "}", "spot");
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->instruments.size(), 190U);
  for (const auto& instrument : page->instruments) {
    EXPECT_TRUE(instrument.active) << instrument.id.text();
    EXPECT_EQ(instrument.contract_type, "spot");
    EXPECT_FALSE(instrument.lot_size.empty());
    EXPECT_EQ(instrument.launch_time, std::nullopt);
  }
}

}  // namespace
}  // namespace tdm::sources::bybit
