#include "src/tdm/query/tests/market.hpp"

namespace tdm::query::testing {
namespace {

using ::testing::Test;

class Resolve : public Market {
 protected:
  std::string id(const std::string& symbol, std::optional<std::string> market = std::nullopt) {
    const auto found = engine->instrument("bybit", symbol, market, {});
    return found ? found->id.text() : std::string{to_string(found.error().code)} + " " + found.error().parameter;
  }
};

TEST_F(Resolve, EverySpellingMeansTheSameInstrument) {
  for (const auto* symbol : {"BTCUSDT", "btcusdt", "bybit.linear.BTCUSDT", "BTC/USDT:USDT"})
    EXPECT_EQ(id(symbol), "bybit.linear.BTCUSDT") << symbol;
  EXPECT_EQ(id("BTC/USDT"), "bybit.spot.BTCUSDT");
  EXPECT_EQ(id("btcusdt", "spot"), "bybit.spot.BTCUSDT");
  EXPECT_EQ(id("bybit.spot.BTCUSDT"), "bybit.spot.BTCUSDT");
}

TEST_F(Resolve, WithoutAMarketTheDefaultDecidesAndThenTheOnlyOne) {
  EXPECT_EQ(id("BTCUSDT"), "bybit.linear.BTCUSDT");
  EXPECT_EQ(id("SOLUSDT"), "bybit.spot.SOLUSDT");
  EXPECT_EQ(id("BTCUSD"), "bybit.inverse.BTCUSD");
}

TEST_F(Resolve, TheConfiguredDefaultMarketWins) {
  engine = make({.default_market = {{"bybit", "spot"}}});
  EXPECT_EQ(id("BTCUSDT"), "bybit.spot.BTCUSDT");
}

TEST_F(Resolve, WhereTheSymbolDecidesTheFirstMarketThatHasItIsTheOne) {
  venue->default_market_ = "";
  EXPECT_EQ(id("BTCUSD"), "bybit.inverse.BTCUSD");
  EXPECT_EQ(courier->refreshed, (std::vector<std::string>{"linear", "inverse"}));  // the other lists are not asked for
  EXPECT_EQ(id("SOLUSDT"), "bybit.spot.SOLUSDT");
}

TEST_F(Resolve, SeveralMarketsAndNoDefaultIsTheCallersChoice) {
  courier->list("bybit.inverse.SOLUSDT");
  const auto found = engine->instrument("bybit", "SOLUSDT", std::nullopt, {});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(found.error().parameter, "market");
  EXPECT_EQ(found.error().suggestions, (std::vector<std::string>{"inverse", "spot"}));
}

TEST_F(Resolve, UnknownNamesComeWithTheNearest) {
  const auto exchange = engine->instrument("bibyt", "BTCUSDT", std::nullopt, {});
  ASSERT_FALSE(exchange);
  EXPECT_EQ(exchange.error().code, ErrorCode::unknown_exchange);
  EXPECT_EQ(exchange.error().suggestions, std::vector<std::string>{"bybit"});

  const auto symbol = engine->instrument("bybit", "BTCUSTD", std::nullopt, {});
  ASSERT_FALSE(symbol);
  EXPECT_EQ(symbol.error().code, ErrorCode::unknown_symbol);
  EXPECT_EQ(symbol.error().parameter, "symbol");
  EXPECT_EQ(symbol.error().suggestions, (std::vector<std::string>{"BTCUSD", "BTCUSDT"}));

  const auto half = engine->instrument("bybit", "eth", std::nullopt, {});
  ASSERT_FALSE(half);
  EXPECT_EQ(half.error().suggestions, std::vector<std::string>{"ETHUSDT"});

  const auto market = engine->instrument("bybit", "BTCUSDT", "liniar", {});
  ASSERT_FALSE(market);
  EXPECT_EQ(market.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(market.error().suggestions, (std::vector<std::string>{"linear", "inverse", "spot"}));

  EXPECT_EQ(id("", std::nullopt), "invalid_argument symbol");
  EXPECT_EQ(id("XRP/USDT:USDT"), "unknown_symbol symbol");
  EXPECT_EQ(id("bybit.linear.BTCUSDT", "spot"), "invalid_argument market");
}

TEST_F(Resolve, TheFirstResolutionStandsAndALaterAmbiguityWarns) {
  auto request = hourly("2024-02-01", "2024-02-01");
  request.symbol = "SOLUSDT";
  EXPECT_EQ(must_read(request).provenance.instrument, "bybit.spot.SOLUSDT");
  EXPECT_TRUE(must_read(request).provenance.notes.empty());

  courier->list("bybit.linear.SOLUSDT");
  ASSERT_TRUE(courier->refresh_instruments("bybit", "linear", {}, {}));
  engine = make();  // another process
  const auto later = must_read(request);
  EXPECT_EQ(later.provenance.instrument, "bybit.spot.SOLUSDT");
  ASSERT_EQ(later.provenance.notes.size(), 1u);
  EXPECT_NE(later.provenance.notes[0].find("bybit.linear.SOLUSDT"), std::string::npos);
}

TEST_F(Resolve, ASymbolThatWasListedMeanwhileIsFoundAndAWrongOneAsksNotTwice) {
  EXPECT_EQ(id("NEWUSDT"), "unknown_symbol symbol");
  const auto asked = courier->refreshed.size();
  EXPECT_EQ(id("NEWUSDT"), "unknown_symbol symbol");
  EXPECT_EQ(courier->refreshed.size(), asked);
  courier->list("bybit.linear.NEWUSDT");
  clock.advance(minutes{11});
  EXPECT_EQ(id("NEWUSDT"), "bybit.linear.NEWUSDT");
}

TEST_F(Resolve, StoredBarsNeedNoListAndNoNetwork) {
  must_read(hourly("2024-02-01", "2024-02-02"));
  courier->list_failure = courier->failure = courier->memory_failure =
      Error{.code = ErrorCode::unavailable, .message = "no network"};
  courier->refreshed.clear();
  engine = make();
  EXPECT_EQ(must_read(hourly("2024-02-01", "2024-02-02")).frame.rows, 48u);
  auto lower = hourly("2024-02-01", "2024-02-02");
  lower.symbol = "bybit.linear.btcusdt";
  EXPECT_EQ(must_read(lower).frame.rows, 48u);
  EXPECT_TRUE(courier->refreshed.empty());
}

TEST_F(Resolve, AnExchangeThatCannotBeAskedIsNoUnknownSymbol) {
  courier->list_failure = Error{.code = ErrorCode::unavailable, .message = "no network"};
  EXPECT_EQ(id("BTCUSDT"), "unavailable ");
}

TEST_F(Resolve, AMemoryThatCannotBeWrittenDoesNotSpoilTheAnswer) {
  courier->memory_failure = Error{.code = ErrorCode::unavailable, .message = "locked"};
  EXPECT_EQ(id("BTCUSDT"), "bybit.linear.BTCUSDT");
}

TEST_F(Resolve, NeverFetchingAsksForNoList) {
  auto request = hourly("2024-02-01", "2024-02-01");
  request.fetch = Fetch::never;
  EXPECT_EQ(refusal(request).code, ErrorCode::unknown_symbol);
  EXPECT_TRUE(courier->refreshed.empty());
  EXPECT_TRUE(courier->fills.empty());
}

TEST_F(Resolve, InstrumentsAreFilteredByPatternDayAndActivity) {
  auto& linear = courier->exchange_lists["linear"];
  linear[1].active = false;
  linear[1].delivery_time = at("2021-06-25T08:00Z");
  const auto symbols = [&](const InstrumentsRequest& request) {
    std::vector<std::string> names;
    const auto found = engine->instruments(request, {}).value();
    for (const auto& each : found) names.push_back(each.id.text());
    return names;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(symbols({.exchange = "bybit", .market = "linear"}),
            (Names{"bybit.linear.BTCUSDT", "bybit.linear.ETHUSDT"}));
  EXPECT_EQ(symbols({.exchange = "bybit", .pattern = "btc*"}),
            (Names{"bybit.inverse.BTCUSD", "bybit.linear.BTCUSDT", "bybit.spot.BTCUSDT"}));
  EXPECT_EQ(symbols({.exchange = "bybit", .market = "linear", .active_only = true}), Names{"bybit.linear.BTCUSDT"});
  EXPECT_EQ(symbols({.exchange = "bybit", .market = "linear", .as_of = "2021-06-25"}).size(), 2u);
  EXPECT_EQ(symbols({.exchange = "bybit", .market = "linear", .as_of = "2021-06-26"}), Names{"bybit.linear.BTCUSDT"});
  EXPECT_EQ(symbols({.exchange = "bybit", .market = "linear", .as_of = "2019-12-31"}), Names{});
  EXPECT_FALSE(engine->instruments({.exchange = "bybit", .market = "swap"}, {}));
  EXPECT_FALSE(engine->instruments({.exchange = "bybit", .as_of = "someday"}, {}));
}

}  // namespace
}  // namespace tdm::query::testing
