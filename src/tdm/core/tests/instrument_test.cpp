#include "tdm/core/instrument.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tdm {
namespace {

TEST(Name, AcceptsWhatExchangesCallThings) {
  for (const auto* text : {"bybit", "okx", "x", "a234567890123456", "usdm"}) EXPECT_TRUE(Exchange::parse(text)) << text;
  for (const auto* text : {"BTCUSDT", "1000PEPEUSDT", "BTC-27JUN25", "BTC_USDC-PERPETUAL", "btcusdt", "1INCHUSDT",
                           "BTCUSDT-26DEC25", "币安人生USDT", "XRP_USDC-30AUG24-0d5-C", "A"})
    EXPECT_TRUE(Symbol::parse(text)) << text;
  EXPECT_EQ(Symbol::parse(std::string(64, 'A'))->text().size(), 64u);
}

TEST(Name, RefusesTheRestAndNamesTheParameter) {
  for (const auto* text : {"", "Bybit", "1bybit", "by-bit", "by bit", "bybit.", "a2345678901234567", "b\xC3\xBC"}) {
    const auto exchange = Exchange::parse(text);
    ASSERT_FALSE(exchange) << text;
    EXPECT_EQ(exchange.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(exchange.error().parameter, "exchange");
    EXPECT_EQ(Market::parse(text).error().parameter, "market");
  }
  const std::string nul{"BTC\0USDT", 8};
  for (const std::string& text :
       {std::string{}, std::string{"BTC/USDT"}, std::string{"BTC\\USDT"}, std::string{"A@B"}, std::string{"A:B"},
        std::string{"A:"}, std::string{"A B"}, std::string{"A\n"}, nul, std::string(65, 'A'), std::string{"\xFF"},
        std::string{"\xC3"}, std::string{"\xC0\xAF"}, std::string{"\xE0\x80\xAF"}, std::string{"\xED\xA0\x80"},
        std::string{"\xF0\x80\x80\xAF"}, std::string{"\xF4\x90\x80\x80"}, std::string{"\xF5\x80\x80\x80"},
        std::string{"\x80"}}) {
    const auto symbol = Symbol::parse(text);
    ASSERT_FALSE(symbol) << text;
    EXPECT_EQ(symbol.error().parameter, "symbol");
  }
}

TEST(InstrumentId, SplitsAtTheFirstTwoPoints) {
  const auto id = InstrumentId::parse("bybit.linear.BTCUSDT");
  ASSERT_TRUE(id);
  EXPECT_EQ(id->exchange.text(), "bybit");
  EXPECT_EQ(id->market.text(), "linear");
  EXPECT_EQ(id->symbol.text(), "BTCUSDT");
  EXPECT_EQ(InstrumentId::parse("a.b.C.D.E")->symbol.text(), "C.D.E");
  for (const auto* text :
       {"bybit.linear.BTCUSDT", "bybit.option.BTC-27JUN25-100000-C", "binance.usdm.币安人生USDT", "a.b.C.D"})
    EXPECT_EQ(InstrumentId::parse(text)->text(), text);
}

TEST(InstrumentId, RefusesOtherShapes) {
  for (const auto& [text, parameter] :
       {std::pair{"", "instrument"}, std::pair{"BTCUSDT", "instrument"}, std::pair{"bybit.BTCUSDT", "instrument"},
        std::pair{"bybit.linear.", "symbol"}, std::pair{".linear.BTCUSDT", "exchange"},
        std::pair{"bybit..BTCUSDT", "market"}, std::pair{"Bybit.linear.BTCUSDT", "exchange"},
        std::pair{"bybit.Linear.BTCUSDT", "market"}}) {
    const auto id = InstrumentId::parse(text);
    ASSERT_FALSE(id) << text;
    EXPECT_EQ(id.error().parameter, parameter) << text;
  }
}

TEST(Series, ReadsBackWhatItWrites) {
  for (const auto* exchange : {"bybit", "deribit"})
    for (const auto* symbol : {"BTCUSDT", "1000PEPEUSDT", "BTC-27JUN25", "X.Y"})
      for (const auto kind : {PriceKind::last, PriceKind::mark, PriceKind::index, PriceKind::premium})
        for (const auto timeframe : Timeframe::all()) {
          const Series series{
              {*Exchange::parse(exchange), *Market::parse("linear"), *Symbol::parse(symbol)}, kind, timeframe};
          const auto again = Series::parse(series.text());
          ASSERT_TRUE(again) << series.text();
          EXPECT_EQ(*again, series);
        }
}

TEST(Series, HasItsWrittenForm) {
  EXPECT_EQ(Series::parse("bybit.linear.BTCUSDT@1h")->text(), "bybit.linear.BTCUSDT@1h");
  EXPECT_EQ(Series::parse("bybit.linear.BTCUSDT:mark@1M")->text(), "bybit.linear.BTCUSDT:mark@1M");
  EXPECT_EQ(Series::parse("bybit.linear.BTCUSDT:last@1h")->text(), "bybit.linear.BTCUSDT@1h");
}

TEST(Series, RefusesOtherShapesAndNamesThePart) {
  for (const auto& [text, parameter] :
       {std::pair{"", "series"}, std::pair{"bybit.linear.BTCUSDT", "series"},
        std::pair{"bybit.linear.BTCUSDT@", "timeframe"}, std::pair{"bybit.linear.BTCUSDT@1H", "timeframe"},
        std::pair{"bybit.linear.BTCUSDT:marc@1h", "price_kind"}, std::pair{"bybit.linear.BTCUSDT:@1h", "price_kind"},
        std::pair{"bybit.BTCUSDT@1h", "instrument"}, std::pair{"bybit.linear.@1h", "symbol"},
        std::pair{"bybit.linear.A@B@1h", "symbol"}, std::pair{"bybit.linear.A:mark:mark@1h", "symbol"}}) {
    const auto series = Series::parse(text);
    ASSERT_FALSE(series) << text;
    EXPECT_EQ(series.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(series.error().parameter, parameter) << text;
  }
  EXPECT_EQ(Series::parse("bybit.linear.BTCUSDT:marc@1h").error().suggestions, std::vector<std::string>{"mark"});
}

TEST(PriceKind, ReadsBackItsWords) {
  for (const auto kind : {PriceKind::last, PriceKind::mark, PriceKind::index, PriceKind::premium})
    EXPECT_EQ(parse_price_kind(to_string(kind)).value(), kind);
  EXPECT_FALSE(parse_price_kind("Last"));
}

}  // namespace
}  // namespace tdm
