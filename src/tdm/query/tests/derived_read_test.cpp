#include "src/tdm/query/tests/market.hpp"

namespace tdm::query::testing {
namespace {

// Bars of a timeframe that is not served, or not stored, made of those that are.
class Derived : public Market {
 protected:
  ReadRequest of(std::string timeframe, std::string start, std::string end, Fetch fetch = Fetch::never) const {
    auto request = hourly(std::move(start), std::move(end));
    request.timeframe = std::move(timeframe);
    request.fetch = fetch;
    return request;
  }
  // Stores what an automatic read of it fetches.
  void store_bars(std::string timeframe, std::string start, std::string end) {
    must_read(of(std::move(timeframe), std::move(start), std::move(end), Fetch::automatic));
    courier->fills.clear();
  }
  static std::vector<std::string> sides(const Answer& answer) {
    return {answer.provenance.derived.value_or("itself"), std::to_string(answer.frame.rows)};
  }
  static std::vector<std::string> from(std::string base, int rows) {
    return {"bybit.linear.BTCUSDT@" + base, std::to_string(rows)};
  }
};

TEST_F(Derived, WhatTheExchangeLacksIsMadeOfTheLongestThatDivides) {
  const auto answer = must_read(of("8h", "2024-02-01", "2024-02-02", Fetch::automatic));
  EXPECT_EQ(sides(answer), from("4h", 6));
  ASSERT_EQ(courier->fills.size(), 1u);
  EXPECT_EQ(courier->fills[0].series, series("bybit.linear.BTCUSDT@4h"));
  EXPECT_EQ(courier->fills[0].range, between("2024-02-01T00:00Z", "2024-02-03T00:00Z"));
  EXPECT_EQ(answer.series, series("bybit.linear.BTCUSDT@8h"));
  const auto& provenance = answer.provenance;
  EXPECT_EQ(provenance.timeframe, "8h");
  EXPECT_EQ(provenance.expected, 6);
  EXPECT_EQ(provenance.fetched, 12);
  EXPECT_EQ(provenance.gap_count, 0);
  EXPECT_EQ(provenance.rule_version, 3);
  EXPECT_EQ(provenance.finality, "confirmed");
  EXPECT_EQ(provenance.sources, (std::map<std::string, std::int64_t>{{"rest", 12}}));  // what was read

  EXPECT_EQ(times(answer)[1], at("2024-02-01T08:00Z"));
  const auto first = Courier::close_of(at("2024-02-01T08:00Z"));
  const auto last = Courier::close_of(at("2024-02-01T12:00Z"));
  EXPECT_EQ(values(answer, "open")[1], first - 1);
  EXPECT_EQ(values(answer, "high")[1], std::max(first, last) + 2);
  EXPECT_EQ(values(answer, "low")[1], std::min(first, last) - 2);
  EXPECT_EQ(values(answer, "close")[1], last);
  EXPECT_EQ(values(answer, "volume")[1], 20);

  EXPECT_EQ(must_read(of("8h", "2024-02-01", "2024-02-02", Fetch::automatic)).provenance.fetched, 0);
  EXPECT_EQ(courier->fills.size(), 1u);
}

TEST_F(Derived, StoredMinutesAnswerEveryLongerTimeframe) {
  store_bars("1m", "2024-02-05", "2024-02-11");
  for (const auto& [name, rows] : std::map<std::string, int>{
           {"3m", 3360}, {"1h", 168}, {"4h", 42}, {"8h", 21}, {"12h", 14}, {"1d", 7}, {"1w", 1}}) {
    auto request = of(name, "2024-02-05", "2024-02-11");
    request.on_gap = OnGap::raise;
    EXPECT_EQ(sides(must_read(request)), from("1m", rows)) << name;
  }
  EXPECT_EQ(sides(must_read(of("1M", "2024-02-01", "2024-02-29"))), from("1m", 0));
  EXPECT_TRUE(courier->fills.empty());
}

TEST_F(Derived, ABaseThatHoldsTheRangeIsUsedInsteadOfFetching) {
  store_bars("1m", "2024-02-05", "2024-02-11");
  EXPECT_EQ(sides(must_read(of("1h", "2024-02-05", "2024-02-11", Fetch::automatic))), from("1m", 168));
  EXPECT_TRUE(courier->fills.empty());
  const auto beyond = must_read(of("1h", "2024-02-05", "2024-02-12", Fetch::automatic));
  EXPECT_FALSE(beyond.provenance.derived);
  ASSERT_EQ(courier->fills.size(), 1u);
  EXPECT_EQ(courier->fills[0].series, series("bybit.linear.BTCUSDT@1h"));
  // What the series itself holds needs no deriving any more.
  EXPECT_FALSE(must_read(of("1h", "2024-02-05", "2024-02-11")).provenance.derived);
}

TEST_F(Derived, WithoutFetchingTheMostCompleteAnswers) {
  store_bars("1h", "2024-02-05", "2024-02-05");
  store_bars("1m", "2024-02-05", "2024-02-06");
  EXPECT_EQ(sides(must_read(of("1h", "2024-02-05", "2024-02-06"))), from("1m", 48));
  EXPECT_FALSE(must_read(of("1h", "2024-02-05", "2024-02-05")).provenance.derived);
  const auto more = must_read(of("1h", "2024-02-04", "2024-02-06"));
  EXPECT_EQ(sides(more), from("1m", 48));
  ASSERT_EQ(more.provenance.gap_count, 1);
  EXPECT_EQ(more.provenance.gaps[0].range, between("2024-02-04T00:00Z", "2024-02-05T00:00Z"));
  EXPECT_EQ(more.provenance.gaps[0].bars, 24);
  EXPECT_EQ(more.provenance.gaps[0].evidence, "1440 absent bars of bybit.linear.BTCUSDT@1m: not fetched");
  store_bars("1h", "2024-02-03", "2024-02-04");
  EXPECT_EQ(must_read(of("1h", "2024-02-03", "2024-02-05T12:00Z")).frame.rows, 60u);
}

TEST_F(Derived, WithoutBoundsFromTheFirstWholeBarToTheLast) {
  courier->first_bar = at("2020-03-25T10:30Z");
  store_bars("1m", "2020-03-25", "2020-03-25T14:20Z");
  ReadRequest request{.exchange = "bybit", .symbol = "BTCUSDT", .timeframe = "1h", .fetch = Fetch::never};
  request.on_gap = OnGap::raise;
  const auto answer = must_read(request);
  EXPECT_EQ(times(answer).front(), at("2020-03-25T11:00Z"));
  EXPECT_EQ(times(answer).back(), at("2020-03-25T13:00Z"));
  EXPECT_EQ(answer.range, between("2020-03-25T10:00Z", "2020-03-25T14:00Z"));
  ASSERT_EQ(answer.provenance.gap_count, 1);  // the hour that the listing began in lacks parts, and is named
  EXPECT_EQ(answer.provenance.gaps[0].cause, GapCause::not_listed);
  EXPECT_TRUE(answer.provenance.notes.empty());
  // The exchange has a bar of it, so an automatic read asks for that.
  EXPECT_FALSE(must_read(of("1h", "2020-03-25", "2020-03-25T14:00Z", Fetch::automatic)).provenance.derived);
}

TEST_F(Derived, ABarThatLacksAPartIsLeftOutAndNamed) {
  courier->never_served = {at("2024-02-01T05:07Z"), at("2024-02-01T05:09Z"), at("2024-02-01T07:00Z")};
  store_bars("1m", "2024-02-01", "2024-02-01");
  auto request = of("1h", "2024-02-01", "2024-02-01");
  const auto answer = must_read(request);
  EXPECT_EQ(sides(answer), from("1m", 22));
  ASSERT_EQ(answer.provenance.gap_count, 2);
  EXPECT_EQ(answer.provenance.gaps[0].range, between("2024-02-01T05:00Z", "2024-02-01T06:00Z"));
  EXPECT_EQ(answer.provenance.gaps[1].range, between("2024-02-01T07:00Z", "2024-02-01T08:00Z"));
  EXPECT_EQ(answer.warn_gaps.size(), 2u);

  request.on_gap = OnGap::by_cause;
  const auto error = refusal(request);
  EXPECT_EQ(error.code, ErrorCode::incomplete_data);
  EXPECT_NE(error.message.find("tdm gaps accept 'bybit.linear.BTCUSDT@1h' 2024-02-01T05:00:00Z..2024-02-01T06:00:00Z"),
            std::string::npos)
      << error.message;
  const auto hour = series("bybit.linear.BTCUSDT@1h");
  EXPECT_EQ(engine->accept_gaps(hour, "2024-02-01T05:00:00Z..2024-02-01T06:00:00Z", "a storm", {}).value(), 2);
  EXPECT_EQ(engine->accept_gaps(hour, "2024-02-01T07:00:00Z..2024-02-01T08:00:00Z", "a storm", {}).value(), 1);
  const auto accepted = must_read(request);
  EXPECT_EQ(accepted.frame.rows, 22u);  // lived with, and still not whole
  EXPECT_EQ(accepted.provenance.gaps[0].accepted_reason, "a storm");

  courier->never_served.clear();
  const auto native = must_read(of("1h", "2024-02-01", "2024-02-01", Fetch::automatic));
  EXPECT_FALSE(native.provenance.derived);  // what the parts cannot give, the exchange can
  EXPECT_EQ(native.frame.rows, 24u);
}

TEST_F(Derived, ASettledStopOfTheExchangeHindersNothing) {
  for (auto time = at("2024-02-01T05:30Z"); time < at("2024-02-01T08:30Z"); time += minutes{1})
    courier->never_served.insert(time);
  courier->cause_of_holes = GapCause::exchange_outage;
  store_bars("1m", "2024-02-01", "2024-02-01");
  auto request = of("1h", "2024-02-01", "2024-02-01", Fetch::automatic);
  const auto answer = must_read(request);
  EXPECT_EQ(sides(answer), from("1m", 22));
  EXPECT_EQ(values(answer, "volume")[5], 300);
  EXPECT_EQ(times(answer)[6], at("2024-02-01T08:00Z"));
  EXPECT_EQ(values(answer, "open")[6], Courier::close_of(at("2024-02-01T08:30Z")) - 1);
  std::int64_t bars = 0;
  for (const auto& gap : answer.provenance.gaps) bars += gap.bars;
  EXPECT_EQ(bars, 2);
  EXPECT_EQ(answer.provenance.gaps[0].cause, GapCause::exchange_outage);
  request.on_gap = OnGap::by_cause;
  EXPECT_TRUE(must_read(request).warn_gaps.empty());
}

TEST_F(Derived, ABarIsProvisionalWhenAPartIs) {
  store_bars("1m", "2024-03-01", "2024-12-31");
  auto request = of("1h", "2024-03-01", "2024-12-31");
  const auto answer = must_read(request);
  EXPECT_EQ(sides(answer), from("1m", 11));
  EXPECT_EQ(answer.provenance.finality, "provisional from 2024-03-01T11:00:00Z");
  EXPECT_EQ(answer.provenance.gap_count, 0);
  request.include_open = true;
  request.columns = {"finality", "available_at"};
  const auto live = must_read(request);
  ASSERT_EQ(live.frame.rows, 12u);
  const auto& finality = *std::get<const TextColumn*>(live.frame.find("finality")->data);
  EXPECT_EQ(finality[10], "confirmed");
  EXPECT_EQ(finality[11], "provisional");
  EXPECT_EQ(values<TimePoint>(live, "available_at")[11], at("2024-03-01T12:00Z"));
}

TEST_F(Derived, AReadToNowEndsAtTheLastWholeBarAndAsksForNoMore) {
  const auto answer = must_read(of("8h", "2024-02-29", "2024-12-31", Fetch::automatic));
  EXPECT_EQ(answer.range.end(), at("2024-03-01T08:00Z"));
  EXPECT_EQ(answer.frame.rows, 4u);
  EXPECT_FALSE(courier->fills.back().to_now);
  EXPECT_EQ(courier->fills.back().range.end(), at("2024-03-01T08:00Z"));
}

TEST_F(Derived, TooMuchToFetchNamesTheBase) {
  engine = make({.read_through_bars = 100});
  const auto error = refusal(of("8h", "2023-01-01", "2023-12-31", Fetch::automatic));
  EXPECT_EQ(error.code, ErrorCode::backfill_required);
  EXPECT_NE(error.message.find("2190 bars"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("tdm backfill 'bybit.linear.BTCUSDT@4h'"), std::string::npos) << error.message;
}

TEST_F(Derived, PagesJoinToTheWholeAndBelongToTheirBase) {
  courier->never_served = {at("2024-02-02T04:00Z")};
  store_bars("4h", "2024-02-01", "2024-02-10");
  const auto whole = must_read(of("8h", "2024-02-01", "2024-02-10"));
  EXPECT_EQ(whole.frame.rows, 29u);
  for (const std::int64_t limit : {1, 4, 29, 100}) {
    auto request = of("8h", "2024-02-01", "2024-02-10");
    request.limit = limit;
    std::vector<TimePoint> joined;
    for (int page = 0; page < 50; ++page) {
      const auto answer = must_read(request);
      EXPECT_LE(answer.frame.rows, static_cast<std::size_t>(limit));
      joined.insert(joined.end(), times(answer).begin(), times(answer).end());
      request.cursor = answer.next_cursor;
      if (!request.cursor) break;
    }
    EXPECT_TRUE(std::ranges::equal(joined, times(whole))) << limit;
  }
  // A base that is more complete by now does not take over half-way.
  auto request = of("8h", "2024-02-01", "2024-02-10");
  request.limit = 4;
  request.cursor = must_read(request).next_cursor;
  courier->never_served.clear();
  store_bars("1m", "2024-02-01", "2024-02-10");
  EXPECT_EQ(must_read(request).provenance.derived, "bybit.linear.BTCUSDT@4h");
  request.cursor.reset();
  EXPECT_EQ(must_read(request).provenance.derived, "bybit.linear.BTCUSDT@1m");
}

TEST_F(Derived, FilledRowsStandOnTheGridOfTheAnswer) {
  courier->never_served = {at("2024-02-02T04:00Z")};
  store_bars("4h", "2024-02-01", "2024-02-03");
  auto request = of("8h", "2024-02-01", "2024-02-03");
  request.fill = Fill::ffill;
  const auto whole = must_read(request);
  ASSERT_EQ(whole.frame.rows, 9u);
  EXPECT_EQ(values<std::uint32_t>(whole, "filled")[3], 1u);
  EXPECT_EQ(values(whole, "close")[3], Courier::close_of(at("2024-02-01T20:00Z")));
  request.limit = 3;
  request.cursor = must_read(request).next_cursor;
  EXPECT_EQ(values(must_read(request), "close")[0], values(whole, "close")[3]);
}

TEST_F(Derived, AsOfAndRevisionsReachThroughTheParts) {
  store_bars("4h", "2024-02-01", "2024-02-01");
  clock.advance(hours{24});
  courier->put(series("bybit.linear.BTCUSDT@4h"), at("2024-02-01T04:00Z"), 7, Finality::revised);
  auto request = of("8h", "2024-02-01", "2024-02-01");
  request.columns = {"close", "finality", "recorded_at"};
  const auto now = must_read(request);
  EXPECT_EQ(values(now, "close")[0], 7);
  EXPECT_EQ((*std::get<const TextColumn*>(now.frame.find("finality")->data))[0], "revised");
  EXPECT_EQ(values<TimePoint>(now, "recorded_at")[0], at("2024-03-02T12:00:30Z"));
  request.as_of = "2024-03-02";
  EXPECT_EQ(values(must_read(request), "close")[0], Courier::close_of(at("2024-02-01T04:00Z")));
  request.as_of = "2024-03-01";
  EXPECT_EQ(refusal(request).parameter, "as_of");
}

TEST_F(Derived, EveryColumnHasAValue) {
  store_bars("4h", "2024-02-01", "2024-02-01");
  auto request = of("8h", "2024-02-01", "2024-02-01");
  request.columns = {"all"};
  const auto answer = must_read(request);
  EXPECT_EQ(answer.frame.columns.size(), validated_column_names().size() + 1);
  for (const auto& column : answer.frame.columns)
    std::visit(
        [&]<class Data>(const Data& data) {
          if constexpr (std::is_same_v<Data, const TextColumn*>)
            EXPECT_EQ(data->size(), 3u) << column.name;
          else
            EXPECT_EQ(data.size(), 3u) << column.name;
        },
        column.data);
  EXPECT_EQ(values<TimePoint>(answer, "close_time")[2], at("2024-02-02T00:00Z"));
  request.columns = {"open_time"};
  EXPECT_EQ(must_read(request).frame.rows, 3u);
}

TEST_F(Derived, RawRowsAreNeverDerived) {
  store_bars("1m", "2024-02-01", "2024-02-01");
  auto request = of("8h", "2024-02-01", "2024-02-01");
  request.layer = Layer::raw;
  EXPECT_EQ(refusal(request).parameter, "layer");
  request.timeframe = "1h";
  const auto nothing = must_read(request);
  EXPECT_EQ(nothing.frame.rows, 0u);
  EXPECT_FALSE(nothing.provenance.derived);
}

TEST_F(Derived, QualityIsJudgedOnTheGridOfTheAnswer) {
  courier->never_served = {at("2024-02-02T04:00Z")};
  store_bars("4h", "2024-02-01", "2024-02-03");
  auto request = of("8h", "2024-02-01", "2024-02-03");
  request.min_quality = 0.7;
  const auto answer = must_read(request);
  EXPECT_EQ(std::ranges::count(answer.warn_gaps, GapCause::low_quality, &Gap::cause), 1);
}

TEST_F(Derived, ADayMayBeginAtAnyHour) {
  auto request = of("1d", "2024-02-01", "2024-02-03", Fetch::automatic);
  request.day_start = "08:00";
  request.columns = {"open", "close", "volume", "close_time"};
  const auto answer = must_read(request);
  EXPECT_EQ(sides(answer), from("4h", 2));
  EXPECT_EQ(answer.provenance.day_start, "08:00");
  EXPECT_NE(to_json(answer.provenance).find("\"day_start\":\"08:00\""), std::string::npos);
  EXPECT_EQ(times(answer)[0], at("2024-02-01T08:00Z"));
  EXPECT_EQ(values<TimePoint>(answer, "close_time")[0], at("2024-02-02T08:00Z"));
  EXPECT_EQ(values(answer, "volume")[0], 60);
  EXPECT_EQ(values(answer, "open")[0], Courier::close_of(at("2024-02-01T08:00Z")) - 1);
  EXPECT_EQ(values(answer, "close")[0], Courier::close_of(at("2024-02-02T04:00Z")));
  ASSERT_EQ(answer.provenance.notes.size(), 1u);  // the day that begins on the third ends after the range
  EXPECT_NE(answer.provenance.notes[0].find("2024-02-03T08:00:00Z"), std::string::npos);

  request.straddle = Straddle::keep;
  EXPECT_EQ(must_read(request).frame.rows, 3u);
  request.limit = 1;
  request.cursor = must_read(request).next_cursor;
  EXPECT_EQ(times(must_read(request))[0], at("2024-02-02T08:00Z"));
  request.day_start = "00:00";
  EXPECT_EQ(refusal(request).parameter, "cursor");
  request.cursor.reset();
  EXPECT_FALSE(must_read(request).provenance.derived);

  request.day_start = "08:15";
  EXPECT_EQ(must_read(request).provenance.derived, "bybit.linear.BTCUSDT@15m");
  request.day_start = "8";
  EXPECT_EQ(refusal(request).parameter, "day_start");
  request.day_start = "08:00";
  request.timeframe = "4h";
  EXPECT_EQ(refusal(request).parameter, "day_start");
  request.timeframe = "1d";
  request.symbol = "BTCUSD";  // its market has nothing below 1h
  request.day_start = "08:30";
  EXPECT_EQ(refusal(request).parameter, "day_start");
}

TEST_F(Derived, AnUnbuildableTimeframeSaysWhatThereIs) {
  auto request = of("30m", "2024-02-01", "2024-02-01", Fetch::automatic);
  request.symbol = "BTCUSD";
  const auto error = refusal(request);
  EXPECT_EQ(error.parameter, "timeframe");
  EXPECT_EQ(error.suggestions, (std::vector<std::string>{"1h", "2h", "4h", "6h", "8h", "12h", "1d", "1w", "1M"}));
  EXPECT_NE(error.message.find("1h 2h 4h 6h 8h 12h 1d 1w 1M"), std::string::npos) << error.message;
}

TEST_F(Derived, StoredPartsProveThatTheInstrumentExists) {
  ASSERT_TRUE(courier->fill({series("bybit.spot.BTCUSDT@1m"), between("2024-02-01T00:00Z", "2024-02-02T00:00Z")}));
  const auto answer = must_read(of("1h", "2024-02-01", "2024-02-01"));
  EXPECT_EQ(answer.series, series("bybit.spot.BTCUSDT@1h"));
  EXPECT_EQ(answer.frame.rows, 24u);
  EXPECT_TRUE(courier->refreshed.empty());
}

TEST_F(Derived, TheEtagNamesTheBase) {
  store_bars("1m", "2024-02-01", "2024-02-01");
  const auto derived = must_read(of("1h", "2024-02-01", "2024-02-01")).etag;
  store_bars("1h", "2024-02-01", "2024-02-02");
  EXPECT_NE(must_read(of("1h", "2024-02-01", "2024-02-01")).etag, derived);
}

// ---- the other questions about a series that is not stored

TEST_F(Derived, EstimatesAndFillsAreOfTheBase) {
  const auto wanted = series("bybit.linear.BTCUSDT@8h");
  const auto estimate = engine->estimate(wanted, "2024-02-01", "2024-02-10", {}).value();
  EXPECT_EQ(estimate.series, series("bybit.linear.BTCUSDT@4h"));
  EXPECT_EQ(estimate.bars, 60);
  EXPECT_EQ(estimate.missing_bars, 60);
  EXPECT_EQ(engine->backfill(wanted, "2024-02-01", "2024-02-10", {}, {}).value().stored, 60);
  EXPECT_EQ(courier->fills.back().series, series("bybit.linear.BTCUSDT@4h"));
  EXPECT_EQ(engine->estimate(wanted, "2024-02-01", "2024-02-10", {}).value().missing_bars, 0);
  EXPECT_EQ(engine->update(wanted, {}, {}).value().stored, 117);  // the base goes on to now
  EXPECT_EQ(engine->backfill(series("bybit.inverse.BTCUSD@30m"), "2024-02-01", "2024-02-10", {}, {}).error().parameter,
            "timeframe");
  EXPECT_EQ(engine->estimate(series("bybit.inverse.BTCUSD@30m"), "2024-02-01", "2024-02-10", {}).error().parameter,
            "timeframe");
}

TEST_F(Derived, CoverageAndGapsAreOfWhatCanBeMade) {
  courier->never_served = {at("2024-02-01T05:07Z")};
  store_bars("1m", "2024-02-01", "2024-02-02");
  const auto all = engine->coverage({"bybit.linear.BTCUSDT@8h"}, std::nullopt, std::nullopt).value().at(0);
  EXPECT_EQ(all.series, series("bybit.linear.BTCUSDT@8h"));
  EXPECT_EQ(all.first, at("2024-02-01T08:00Z"));
  EXPECT_EQ(all.last, at("2024-02-02T16:00Z"));
  EXPECT_EQ(all.watermark, at("2024-02-03T00:00Z"));
  EXPECT_EQ(all.expected, 6);
  EXPECT_EQ(all.present, 5);
  EXPECT_EQ(all.confirmed, 5);
  EXPECT_EQ(all.gap_count, 1);
  const auto gaps = engine->gaps({"bybit.linear.BTCUSDT@1h"}, std::nullopt, std::nullopt).value();
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_EQ(gaps[0].range, between("2024-02-01T05:00Z", "2024-02-01T06:00Z"));
  EXPECT_EQ(gaps[0].series, series("bybit.linear.BTCUSDT@1h"));

  const auto tail = engine->backfill(series("bybit.linear.BTCUSDT@1m"), "2024-03-01", std::nullopt, {}, {});
  ASSERT_TRUE(tail);
  const auto today = engine->coverage({"bybit.linear.BTCUSDT@1h"}, "2024-03-01", std::nullopt).value().at(0);
  EXPECT_EQ(today.present, 12);
  EXPECT_EQ(today.confirmed, 11);

  // These speak of what is stored, and this is not.
  EXPECT_EQ(engine->list({"bybit.linear.BTCUSDT@8h"}).error().code, ErrorCode::not_found);
  EXPECT_EQ(engine->verify({"bybit.linear.BTCUSDT@8h"}).error().code, ErrorCode::not_found);
  EXPECT_EQ(engine->coverage({"bybit.spot.BTCUSDT@8h"}, std::nullopt, std::nullopt).error().code, ErrorCode::not_found);
  EXPECT_EQ(engine->coverage({"kraken.spot.BTCUSDT@8h"}, std::nullopt, std::nullopt).error().code,
            ErrorCode::not_found);
}

}  // namespace
}  // namespace tdm::query::testing
