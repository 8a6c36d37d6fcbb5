#include "src/tdm/query/tests/market.hpp"

namespace tdm::query::testing {
namespace {

class TheEngine : public Market {
 protected:
  std::vector<std::string> expanded(const std::vector<std::string>& patterns, bool stored_only = false) {
    const auto found = engine->expand(patterns, stored_only, {});
    if (!found) return {std::string{to_string(found.error().code)}};
    std::vector<std::string> texts;
    for (const auto& each : *found) texts.push_back(each.text());
    return texts;
  }
  using Texts = std::vector<std::string>;
};

TEST_F(TheEngine, PatternsExpandOverTheInstrumentsOfTheExchange) {
  EXPECT_EQ(expanded({"bybit.linear.*USDT@1m"}), (Texts{"bybit.linear.BTCUSDT@1m", "bybit.linear.ETHUSDT@1m"}));
  EXPECT_EQ(expanded({"*.*.btc*@1h", "bybit.linear.BTCUSDT@1h"}),
            (Texts{"bybit.inverse.BTCUSD@1h", "bybit.linear.BTCUSDT@1h", "bybit.spot.BTCUSDT@1h"}));
  EXPECT_EQ(expanded({"bybit.linear.BTCUSDT:m*@1d"}), Texts{"bybit.linear.BTCUSDT:mark@1d"});
  EXPECT_EQ(expanded({"bybit.spot.SOLUSDT@1?"}).size(), 5u);  // 1m 1h 1d 1w 1M
  EXPECT_EQ(expanded({"bybit.linear.btcusdt@1h"}), Texts{"bybit.linear.BTCUSDT@1h"});
  EXPECT_EQ(expanded({"bybit.linear.*XYZ@1m"}), Texts{"not_found"});
  EXPECT_EQ(expanded({"bybit.linear.BTCUSDX@1m"}), Texts{"unknown_symbol"});
  EXPECT_EQ(expanded({"bybit.linear.BTCUSDT@8h"}), Texts{"bybit.linear.BTCUSDT@8h"});  // derived
  EXPECT_EQ(expanded({"bybit.inverse.BTCUSD@30m"}), Texts{"invalid_argument"});
  EXPECT_EQ(expanded({"bybit.linear.*@8h"}), (Texts{"bybit.linear.BTCUSDT@8h", "bybit.linear.ETHUSDT@8h"}));
  EXPECT_EQ(expanded({"bybit.inverse.*@?h"}).size(), 4u);  // 1h 2h 4h 6h, and not 8h
  EXPECT_EQ(expanded({"bybit.linear.*"}), Texts{"invalid_argument"});
  EXPECT_EQ(expanded({"kraken.spot.BTC@1h"}), Texts{"unknown_exchange"});
  EXPECT_EQ(expanded({}), Texts{"invalid_argument"});
  EXPECT_EQ(expanded({""}), Texts{"invalid_argument"});
}

TEST_F(TheEngine, StoredPatternsSpeakOfWhatIsStored) {
  must_read(hourly("2024-02-01", "2024-02-01"));
  courier->refreshed.clear();
  EXPECT_EQ(expanded({}, true), Texts{"bybit.linear.BTCUSDT@1h"});
  EXPECT_EQ(expanded({"*"}, true), Texts{"bybit.linear.BTCUSDT@1h"});
  EXPECT_EQ(expanded({"bybit.*"}, true), Texts{"bybit.linear.BTCUSDT@1h"});
  EXPECT_EQ(expanded({"bybit.spot.*@1h"}, true), Texts{});
  EXPECT_EQ(expanded({"bybit.linear.BTCUSDT@1m"}, true), Texts{"not_found"});
  EXPECT_TRUE(courier->refreshed.empty());
}

TEST_F(TheEngine, AnEstimateCountsWhatIsMissing) {
  must_read(hourly("2024-02-01", "2024-02-01"));
  const auto estimate = engine->estimate(series("bybit.linear.BTCUSDT@1h"), "2024-02-01", "2024-02-10", {}).value();
  EXPECT_EQ(estimate.bars, 240);
  EXPECT_EQ(estimate.missing_bars, 216);
  EXPECT_EQ(estimate.requests, 1);
  EXPECT_EQ(courier->fills.size(), 1u);
}

TEST_F(TheEngine, ABackfillWithoutAnEndGoesToNowAndAnUpdateGoesOn) {
  const auto hour = series("bybit.linear.BTCUSDT@1h");
  const auto filled = engine->backfill(hour, "2024-02-29", std::nullopt, {}, {}).value();
  EXPECT_EQ(filled.stored, 36);
  EXPECT_TRUE(courier->fills.back().to_now);
  clock.advance(hours{3});
  EXPECT_EQ(engine->update(hour, {}, {}).value().stored, 3);
  EXPECT_EQ(courier->fills.back().range.begin(), at("2024-03-01T11:00Z"));  // the provisional bar is looked at again
  EXPECT_EQ(engine->update(series("bybit.linear.ETHUSDT@1h"), {}, {}).error().code, ErrorCode::not_found);
  EXPECT_EQ(engine->backfill(series("bybit.linear.XRPUSDT@1h"), "2024-02-29", std::nullopt, {}, {}).error().code,
            ErrorCode::unknown_symbol);
}

TEST_F(TheEngine, ListCoverageAndGapsTellOneStory) {
  courier->never_served = {at("2024-02-01T05:00Z")};
  must_read(hourly("2024-02-01", "2024-02-02"));
  const auto list = engine->list({}).value();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].rows, 47);
  EXPECT_EQ(list[0].gaps, 1);

  const auto all = engine->coverage({"bybit.linear.BTCUSDT@1h"}, std::nullopt, std::nullopt).value().at(0);
  EXPECT_EQ(all.first, at("2024-02-01T00:00Z"));
  EXPECT_EQ(all.last, at("2024-02-02T23:00Z"));
  EXPECT_EQ(all.watermark, at("2024-02-03T00:00Z"));
  EXPECT_EQ(all.expected, 48);
  EXPECT_EQ(all.present, 47);
  EXPECT_EQ(all.confirmed, 47);
  EXPECT_EQ(all.gap_count, 1);
  const auto day = engine->coverage({"*"}, "2024-02-02", "2024-02-03").value().at(0);
  EXPECT_EQ(day.expected, 48);
  EXPECT_EQ(day.present, 24);
  EXPECT_EQ(day.gap_count, 0);

  EXPECT_EQ(engine->gaps({"*"}, std::nullopt, std::nullopt).value().size(), 1u);
  EXPECT_EQ(engine->gaps({"*"}, "2024-02-02", std::nullopt).value().size(), 0u);
  EXPECT_EQ(engine->gaps({"bybit.spot.BTCUSDT@1h"}, std::nullopt, std::nullopt).error().code, ErrorCode::not_found);
}

TEST_F(TheEngine, AcceptingAGapNeedsARangeAndAReason) {
  const auto hour = series("bybit.linear.BTCUSDT@1h");
  courier->never_served = {at("2024-02-01T05:00Z")};
  must_read(hourly("2024-02-01", "2024-02-02"));
  EXPECT_EQ(engine->accept_gaps(hour, "2024-02-01", "why", {}).error().parameter, "range");
  EXPECT_EQ(engine->accept_gaps(hour, "2024-02-02..2024-02-01", "why", {}).error().parameter, "start");
  EXPECT_EQ(engine->accept_gaps(hour, "2024-02-01..2024-02-01", "", {}).error().parameter, "reason");
  EXPECT_EQ(engine->accept_gaps(series("bybit.spot.BTCUSDT@1h"), "2024-02-01..2024-02-01", "why", {}).error().code,
            ErrorCode::not_found);
  EXPECT_EQ(engine->accept_gaps(hour, "2024-02-01T05:00Z..2024-02-01T06:00Z", "a storm", {}).value(), 1);
  EXPECT_EQ(engine->gaps({"*"}, std::nullopt, std::nullopt).value().at(0).accepted_reason, "a storm");
}

TEST_F(TheEngine, ASeriesIsRemovedByItsWholeName) {
  const std::string hour = "bybit.linear.BTCUSDT@1h";
  must_read(hourly("2024-02-01", "2024-02-02"));
  EXPECT_EQ(engine->remove({.series = "bybit.linear.*@1h"}, {}).error().parameter, "series");
  EXPECT_EQ(engine->remove({.series = "bybit.linear"}, {}).error().code, ErrorCode::invalid_argument);
  const auto absent = engine->remove({.series = "bybit.linear.BTCUSD@1h"}, {});
  EXPECT_EQ(absent.error().code, ErrorCode::not_found);
  EXPECT_EQ(absent.error().suggestions, Texts{hour});

  EXPECT_EQ(engine->remove({.series = hour, .dry_run = true}, {})->gone.rows, 48);
  EXPECT_EQ(engine->list({}).value().size(), 1u) << "nothing was removed";
  EXPECT_EQ(engine->remove({.series = hour}, {})->gone.rows, 48);
  EXPECT_TRUE(engine->list({}).value().empty());
  EXPECT_EQ(engine->remove({.series = hour}, {}).error().code, ErrorCode::not_found);
  EXPECT_EQ(must_read(hourly("2024-02-01", "2024-02-02")).frame.rows, 48u) << "and fetched again";
}

TEST_F(TheEngine, AnImportIsOfTheSeriesThatTheWordsMean) {
  ASSERT_TRUE(engine->import_bars({.series = series("bybit.linear.btcusdt@1h")}));
  ASSERT_EQ(courier->imports.size(), 1u);
  EXPECT_EQ(courier->imports[0].series.text(), "bybit.linear.BTCUSDT@1h");
  EXPECT_EQ(engine->import_bars({.series = series("bybit.linear.NOSUCH@1h")}).error().code, ErrorCode::unknown_symbol);
}

TEST_F(TheEngine, VerifyHoldsRowsAgainstWhatIsSaidOfThem) {
  courier->never_served = {at("2024-02-01T05:00Z")};
  must_read(hourly("2024-02-01", "2024-02-02"));
  const auto holds = engine->verify({}).value().at(0);
  EXPECT_EQ(holds.problems, Texts{});
  EXPECT_EQ(holds.rows, 47);

  courier->put(series("bybit.linear.BTCUSDT@1h"), at("2024-02-01T05:00Z"), 7);  // where the ledger says there is none
  store::Batch liar{.series = series("bybit.linear.BTCUSDT@1h"), .instrument = listed("bybit.linear.BTCUSDT")};
  liar.watermark = at("2024-02-04T00:00Z");
  ASSERT_TRUE(store->lock({}, {}).value()->commit(liar));
  const auto broken = engine->verify({"bybit.linear.BTCUSDT@1h"}).value().at(0);
  ASSERT_EQ(broken.problems.size(), 2u);
  EXPECT_NE(broken.problems[0].find("24 bars of [2024-02-03T00:00:00Z"), std::string::npos) << broken.problems[0];
  EXPECT_NE(broken.problems[1].find("holds the bar 2024-02-01T05:00:00Z"), std::string::npos) << broken.problems[1];
}

TEST_F(TheEngine, InfoSaysWhatThisIs) {
  engine = make({.environment = "test", .exchanges = {"bybit"}, .backends = {"duckdb"}});
  const auto info = engine->info().value();
  EXPECT_EQ(info.version, "1.2.3");
  EXPECT_EQ(info.door, "embedded");
  EXPECT_EQ(info.exchanges, Texts{"bybit"});
}

}  // namespace
}  // namespace tdm::query::testing
