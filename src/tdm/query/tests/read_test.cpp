#include <cmath>

#include "src/tdm/query/tests/market.hpp"

namespace tdm::query::testing {
namespace {

class Read : public Market {};

TEST_F(Read, TheYearOfTheFixedCall) {
  const auto answer = must_read(hourly("2023-01-01", "2023-12-31"));
  EXPECT_EQ(answer.frame.rows, 8760u);
  EXPECT_EQ(times(answer).front(), at("2023-01-01T00:00Z"));
  EXPECT_EQ(times(answer).back(), at("2023-12-31T23:00Z"));
  EXPECT_EQ(answer.range, between("2023-01-01T00:00Z", "2024-01-01T00:00Z"));
  std::vector<std::string> names;
  for (const auto& column : answer.frame.columns) names.push_back(column.name);
  EXPECT_EQ(names, (std::vector<std::string>{"open_time", "open", "high", "low", "close", "volume"}));

  const auto& provenance = answer.provenance;
  EXPECT_EQ(provenance.instrument, "bybit.linear.BTCUSDT");
  EXPECT_EQ(provenance.origin, "mainnet");
  EXPECT_EQ(provenance.rows, 8760);
  EXPECT_EQ(provenance.expected, 8760);
  EXPECT_EQ(provenance.fetched, 8760);
  EXPECT_EQ(provenance.gap_count, 0);
  EXPECT_EQ(provenance.finality, "confirmed");
  EXPECT_EQ(provenance.open_rule, "previous_close");
  EXPECT_EQ(provenance.rule_version, 3);
  EXPECT_EQ(provenance.sources, (std::map<std::string, std::int64_t>{{"rest", 8760}}));

  const auto again = must_read(hourly("2023-01-01", "2023-12-31"));
  EXPECT_EQ(again.provenance.fetched, 0);
  EXPECT_EQ(courier->fills.size(), 1u);
}

TEST_F(Read, OnlyWhatIsMissingIsAskedFor) {
  must_read(hourly("2024-02-01", "2024-02-02"));
  EXPECT_EQ(must_read(hourly("2024-02-01", "2024-02-03")).provenance.fetched, 24);
}

TEST_F(Read, ARangeThatReachesPastNowEndsAtTheLastClosedBar) {
  const auto answer = must_read(hourly("2024-03-01", "2024-12-31"));
  EXPECT_EQ(answer.range, between("2024-03-01T00:00Z", "2024-03-01T12:00Z"));
  EXPECT_EQ(answer.frame.rows, 11u);  // the last has ended and is not proven: 12:00 + 60 s is to come
  EXPECT_EQ(answer.provenance.finality, "provisional from 2024-03-01T11:00:00Z");
  EXPECT_EQ(answer.provenance.gap_count, 0);

  auto live = hourly("2024-03-01", "2024-12-31");
  live.include_open = true;
  EXPECT_EQ(must_read(live).frame.rows, 12u);
  EXPECT_TRUE(must_read(hourly("2025-01-01", "2025-01-02")).frame.rows == 0);
}

TEST_F(Read, NowIsTheExchangesTime) {
  courier->ahead = -minutes{1};  // there it is 11:59:30 still
  auto request = hourly("2024-03-01", "2024-03-02");
  request.on_gap = OnGap::raise;
  EXPECT_EQ(must_read(request).range.end(), at("2024-03-01T11:00Z"));
  EXPECT_EQ(must_read(request).range.end(), at("2024-03-01T11:00Z"));
}

TEST_F(Read, WithoutBoundsFromTheFirstBarToTheLast) {
  ReadRequest request{.exchange = "bybit", .symbol = "BTCUSDT", .timeframe = "1d"};
  const auto answer = must_read(request);
  EXPECT_EQ(times(answer).front(), at("2020-03-25T00:00Z"));  // the day that overlaps the listing
  EXPECT_EQ(times(answer).back(), at("2024-02-29T00:00Z"));
  EXPECT_EQ(answer.range.begin(), at("2020-03-25T00:00Z"));
  EXPECT_EQ(answer.provenance.expected, answer.provenance.rows);
  request.fetch = Fetch::never;
  EXPECT_EQ(must_read(request).frame.rows, answer.frame.rows);
}

TEST_F(Read, BeforeTheListingIsAnEmptyAnswerAndNoError) {
  auto request = hourly("2019-01-01", "2019-01-31");
  request.on_gap = OnGap::raise;
  const auto answer = must_read(request);
  EXPECT_EQ(answer.frame.rows, 0u);
  EXPECT_EQ(answer.frame.columns.size(), 6u);
  ASSERT_EQ(answer.provenance.gap_count, 1);
  EXPECT_EQ(answer.provenance.gaps[0].cause, GapCause::not_listed);
  EXPECT_TRUE(answer.warn_gaps.empty());
  const auto partly = must_read(hourly("2020-03-25", "2020-03-25"));
  EXPECT_EQ(partly.frame.rows, 14u);
}

TEST_F(Read, ABarThatStraddlesTheEndIsWithheldAndNamed) {
  ReadRequest request{
      .exchange = "bybit", .symbol = "BTCUSDT", .timeframe = "1w", .start = "2023-12-01", .end = "2023-12-29"};
  const auto answer = must_read(request);
  EXPECT_EQ(times(answer).back(), at("2023-12-18T00:00Z"));
  ASSERT_EQ(answer.provenance.notes.size(), 1u);
  EXPECT_NE(answer.provenance.notes[0].find("2023-12-25T00:00:00Z"), std::string::npos);
  request.straddle = Straddle::keep;
  const auto kept = must_read(request);
  EXPECT_EQ(times(kept).back(), at("2023-12-25T00:00Z"));
  EXPECT_EQ(kept.range.end(), at("2024-01-01T00:00Z"));
  EXPECT_TRUE(kept.provenance.notes.empty());
}

TEST_F(Read, TooMuchToFetchInsideARead) {
  engine = make({.read_through_bars = 1000});
  const auto error = refusal(hourly("2023-01-01", "2023-12-31"));
  EXPECT_EQ(error.code, ErrorCode::backfill_required);
  EXPECT_NE(error.message.find("8760 bars"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("tdm backfill 'bybit.linear.BTCUSDT@1h'"), std::string::npos);
  EXPECT_TRUE(courier->fills.empty());
  // What the stated launch rules out is no reason to refuse: the exchange has nothing there.
  EXPECT_EQ(must_read(hourly("2018-01-01", "2019-06-30")).frame.rows, 0u);
  auto patient = hourly("2023-01-01", "2023-12-31");
  patient.read_through_bars = 10'000;
  EXPECT_EQ(must_read(patient).frame.rows, 8760u);
}

TEST_F(Read, NeverFetchingAnswersFromWhatIsHeldAndNamesTheRest) {
  must_read(hourly("2024-02-01", "2024-02-01"));
  auto request = hourly("2024-02-01", "2024-02-02");
  request.fetch = Fetch::never;
  const auto answer = must_read(request);
  EXPECT_EQ(answer.frame.rows, 24u);
  EXPECT_EQ(courier->fills.size(), 1u);
  ASSERT_EQ(answer.provenance.gap_count, 1);
  const auto& gap = answer.provenance.gaps[0];
  EXPECT_EQ(gap.cause, GapCause::unknown);
  EXPECT_EQ(gap.state, GapState::open);
  EXPECT_EQ(gap.evidence, "not fetched");
  EXPECT_EQ(gap.range, between("2024-02-02T00:00Z", "2024-02-03T00:00Z"));
  EXPECT_EQ(gap.bars, 24);
  EXPECT_EQ(answer.warn_gaps.size(), 1u);
  request.on_gap = OnGap::by_cause;
  EXPECT_NE(refusal(request).message.find("tdm backfill"), std::string::npos);
}

TEST_F(Read, TheGapPolicyDecides) {
  courier->never_served = {at("2024-02-01T05:00Z"), at("2024-02-01T06:00Z")};
  auto request = hourly("2024-02-01", "2024-02-01");
  request.on_gap = OnGap::by_cause;
  const auto error = refusal(request);
  EXPECT_EQ(error.code, ErrorCode::incomplete_data);
  for (const auto* part :
       {"2 bars", "2024-02-01T05:00:00Z", "unknown", "on_gap=", "wait",
        "tdm gaps accept 'bybit.linear.BTCUSDT@1h' 2024-02-01T05:00:00Z..2024-02-01T06:00:00Z --reason"})
    EXPECT_NE(error.message.find(part), std::string::npos) << part << " in " << error.message;

  request.on_gap = OnGap::warn;
  const auto warned = must_read(request);
  EXPECT_EQ(warned.frame.rows, 22u);
  EXPECT_EQ(warned.warn_gaps.size(), 2u);
  EXPECT_EQ(warned.provenance.gap_count, 2);
  request.on_gap = OnGap::ignore;
  EXPECT_TRUE(must_read(request).warn_gaps.empty());

  ASSERT_EQ(engine->accept_gaps(series("bybit.linear.BTCUSDT@1h"), "2024-02-01..2024-02-01", "a storm", {}).value(), 2);
  request.on_gap = OnGap::raise;
  const auto accepted = must_read(request);
  EXPECT_EQ(accepted.provenance.gap_count, 2);
  EXPECT_NE(to_json(accepted.provenance).find("\"accepted_reason\":\"a storm\""), std::string::npos);
}

TEST_F(Read, ABarThatIsAbsentWithoutARecordIsNeverSilent) {
  const auto hour = series("bybit.linear.BTCUSDT@1h");
  store::Batch batch{.series = hour, .instrument = listed("bybit.linear.BTCUSDT")};
  batch.looked = {between("2024-02-01T00:00Z", "2024-02-01T03:00Z")};
  ASSERT_TRUE(store->lock({}, {}).value()->commit(batch));
  courier->put(hour, at("2024-02-01T00:00Z"), 1);
  courier->put(hour, at("2024-02-01T02:00Z"), 2);
  auto request = hourly("2024-02-01T00:00Z", "2024-02-01T03:00Z");
  const auto answer = must_read(request);
  ASSERT_EQ(answer.provenance.gap_count, 1);
  EXPECT_EQ(answer.provenance.gaps[0].range, between("2024-02-01T01:00Z", "2024-02-01T02:00Z"));
  EXPECT_EQ(answer.provenance.gaps[0].evidence, "absent without a record");
}

TEST_F(Read, MinQualityIsJudgedByDay) {
  for (int hour = 0; hour < 6; ++hour) courier->never_served.insert(at("2024-02-02T00:00Z") + hours{hour});
  courier->cause_of_holes = GapCause::upstream_missing;
  auto request = hourly("2024-02-01", "2024-02-03");
  request.on_gap = OnGap::by_cause;
  EXPECT_EQ(must_read(request).warn_gaps.size(), 6u);
  request.min_quality = 0.75;
  EXPECT_EQ(must_read(request).frame.rows, 66u);
  request.min_quality = 0.76;
  EXPECT_NE(refusal(request).message.find("low_quality"), std::string::npos);
  request.on_gap = OnGap::warn;
  const auto warned = must_read(request);
  EXPECT_EQ(warned.frame.rows, 66u);  // rows are never dropped
  EXPECT_EQ(std::ranges::count(warned.warn_gaps, GapCause::low_quality, &Gap::cause), 1);
  request.min_quality = std::nan("");
  EXPECT_EQ(refusal(request).parameter, "min_quality");
  request.min_quality = 1.5;
  EXPECT_EQ(refusal(request).parameter, "min_quality");
}

TEST_F(Read, PagesJoinToTheWholeAndBelongToTheirRequest) {
  courier->never_served = {at("2024-02-01T05:00Z"), at("2024-02-01T06:00Z"), at("2024-02-01T23:00Z")};
  const auto whole = must_read(hourly("2024-02-01", "2024-02-02"));
  for (const std::int64_t limit : {1, 7, 44, 45, 1000}) {
    auto request = hourly("2024-02-01", "2024-02-02");
    request.limit = limit;
    std::vector<TimePoint> joined;
    for (int page = 0; page < 100; ++page) {
      const auto answer = must_read(request);
      EXPECT_LE(answer.frame.rows, static_cast<std::size_t>(limit));
      EXPECT_GT(answer.frame.rows, 0u);
      EXPECT_EQ(answer.provenance.expected, 48);
      joined.insert(joined.end(), times(answer).begin(), times(answer).end());
      request.cursor = answer.next_cursor;
      if (!request.cursor) break;
    }
    EXPECT_TRUE(std::ranges::equal(joined, times(whole))) << limit;
  }
}

TEST_F(Read, ACursorIsRefusedWhereItDoesNotBelong) {
  auto request = hourly("2024-02-01", "2024-02-02");
  request.limit = 10;
  const auto cursor = must_read(request).next_cursor.value();
  auto other = request;
  other.cursor = cursor;
  other.end = "2024-02-03";
  EXPECT_EQ(refusal(other).parameter, "cursor");
  auto forged = cursor;
  forged[40] = forged[40] == '0' ? '1' : '0';
  other = request;
  for (const auto& text : {std::string{"nonsense"}, std::string{}, forged, cursor + "0"}) {
    other.cursor = text;
    EXPECT_EQ(refusal(other).parameter, "cursor") << text;
  }
  courier->put(series("bybit.linear.BTCUSDT@1h"), at("2024-02-02T05:00Z"), 7, Finality::revised);
  other.cursor = cursor;
  EXPECT_NE(refusal(other).message.find("version"), std::string::npos);
}

TEST_F(Read, LimitsAreRefusedBeforeAnythingElse) {
  for (const std::int64_t limit :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{100'001}, std::int64_t{1'000'000'000}}) {
    auto request = hourly("2024-02-01", "2024-02-02");
    request.limit = limit;
    const auto error = refusal(request);
    EXPECT_EQ(error.code, ErrorCode::invalid_argument);
    EXPECT_EQ(error.parameter, "limit");
  }
  EXPECT_TRUE(courier->fills.empty());
}

TEST_F(Read, ColumnsAreChosenByName) {
  auto request = hourly("2024-02-01", "2024-02-01");
  request.columns = {"close", "close_time", "close", "open_time"};
  const auto chosen = must_read(request);
  ASSERT_EQ(chosen.frame.columns.size(), 3u);
  EXPECT_EQ(values(chosen, "close")[3], Courier::close_of(at("2024-02-01T03:00Z")));
  EXPECT_EQ(values<TimePoint>(chosen, "close_time")[3], at("2024-02-01T04:00Z"));
  request.columns = {"close_time"};
  EXPECT_EQ(must_read(request).frame.columns.size(), 2u);
  request.columns = {"open_time"};
  EXPECT_EQ(must_read(request).frame.columns.size(), 1u);
  request.columns = {"all"};
  const auto all = must_read(request);
  EXPECT_EQ(all.frame.columns.size(), validated_column_names().size() + 1);
  EXPECT_EQ(all.frame.columns.back().name, "close_time");
  request.columns = {"closse"};
  const auto error = refusal(request);
  EXPECT_EQ(error.parameter, "columns");
  EXPECT_EQ(error.suggestions.front(), "close");
}

TEST_F(Read, RawRowsAreWhatWasSent) {
  const auto hour = series("bybit.linear.BTCUSDT@1h");
  must_read(hourly("2024-02-01", "2024-02-01"));
  courier->put(hour, at("2024-02-01T03:00Z"), 7, Finality::revised);
  auto request = hourly("2024-02-01", "2024-02-01");
  request.layer = Layer::raw;
  const auto whole = must_read(request);
  EXPECT_EQ(whole.frame.rows, 25u);
  EXPECT_EQ((*std::get<const TextColumn*>(whole.frame.find("close")->data))[4], "7.000000");
  EXPECT_EQ(whole.provenance.sources, (std::map<std::string, std::int64_t>{{"rest", 25}}));
  EXPECT_EQ(whole.frame.find("channel"), nullptr);

  for (const std::int64_t limit : {1, 4, 5, 25}) {
    request.limit = limit;
    request.cursor.reset();
    std::size_t rows = 0;
    std::string closes;
    for (int page = 0; page < 60; ++page) {
      const auto answer = must_read(request);
      rows += answer.frame.rows;
      closes += std::get<const TextColumn*>(answer.frame.find("close")->data)->bytes();
      request.cursor = answer.next_cursor;
      if (!request.cursor) break;
    }
    EXPECT_EQ(rows, 25u) << limit;
    EXPECT_EQ(closes, std::get<const TextColumn*>(whole.frame.find("close")->data)->bytes()) << limit;
  }
  request.limit.reset();
  request.cursor.reset();
  request.fill = Fill::nan;
  EXPECT_EQ(refusal(request).parameter, "fill");
}

TEST_F(Read, AThousandYearsAreNotFilled) {
  must_read(hourly("2024-02-01", "2024-02-01"));
  auto request = hourly("1024-01-01", "2024-02-01");
  request.fetch = Fetch::never;
  request.fill = Fill::ffill;
  const auto error = refusal(request);
  EXPECT_EQ(error.parameter, "fill");
  EXPECT_NE(error.message.find("at most 6000000 can be filled at once"), std::string::npos) << error.message;
}

TEST_F(Read, FilledRowsAreMarkedAndChangeNoType) {
  courier->never_served = {at("2024-02-01T00:00Z"), at("2024-02-01T05:00Z"), at("2024-02-01T06:00Z")};
  auto request = hourly("2024-02-01", "2024-02-01");
  request.columns = {"open", "volume", "trade_count", "quote_volume", "finality", "available_at"};
  request.fill = Fill::ffill;
  const auto carried = must_read(request);
  ASSERT_EQ(carried.frame.rows, 24u);
  EXPECT_EQ(carried.frame.columns.back().name, "filled");
  const auto filled = values<std::uint32_t>(carried, "filled");
  EXPECT_EQ(std::ranges::count(filled, 1u), 3);
  EXPECT_EQ(filled[5], 1u);
  EXPECT_EQ(values(carried, "open")[6], Courier::close_of(at("2024-02-01T04:00Z")));
  EXPECT_EQ(values(carried, "volume")[6], 0);
  EXPECT_TRUE(std::isnan(values(carried, "open")[0]));  // nothing to carry
  EXPECT_EQ(values(carried, "open")[7], Courier::close_of(at("2024-02-01T07:00Z")) - 1);
  EXPECT_TRUE(std::get<const TextColumn*>(carried.frame.find("finality")->data)->is_null(5));
  EXPECT_EQ(carried.frame.find("available_at")->valid[5], 0);
  EXPECT_EQ(carried.frame.find("close"), nullptr);

  request.fill = Fill::nan;
  const auto empty = must_read(request);
  EXPECT_TRUE(std::isnan(values(empty, "volume")[5]));
  EXPECT_EQ(empty.frame.find("quote_volume")->valid[5], 0);
  EXPECT_EQ(empty.provenance.gap_count, 3);

  request.fill = Fill::ffill;
  request.limit = 5;
  std::vector<double> joined;
  do {
    const auto page = must_read(request);
    joined.insert(joined.end(), values(page, "open").begin(), values(page, "open").end());
    request.cursor = page.next_cursor;
  } while (request.cursor);
  ASSERT_EQ(joined.size(), 24u);
  EXPECT_TRUE(std::equal(joined.begin() + 1, joined.end(), values(carried, "open").begin() + 1));
}

TEST_F(Read, NothingIsMadeInPlaceOfTheProvisionalTail) {
  auto request = hourly("2024-03-01", "2024-03-01");
  request.fill = Fill::ffill;
  EXPECT_EQ(times(must_read(request)).back(), at("2024-03-01T10:00Z"));
}

TEST_F(Read, AsOfGivesWhatWasKnown) {
  const auto hour = series("bybit.linear.BTCUSDT@1h");
  must_read(hourly("2024-02-01", "2024-02-01"));
  clock.advance(hours{24});
  courier->put(hour, at("2024-02-01T03:00Z"), 7, Finality::revised);
  auto request = hourly("2024-02-01", "2024-02-01");
  EXPECT_EQ(values(must_read(request), "close")[3], 7);
  request.as_of = "2024-03-02";
  const auto before = must_read(request);
  EXPECT_EQ(values(before, "close")[3], Courier::close_of(at("2024-02-01T03:00Z")));
  EXPECT_EQ(before.provenance.as_of, "2024-03-02T00:00:00Z");
  request.as_of = "2024-03-01T12:00:29Z";
  const auto error = refusal(request);
  EXPECT_EQ(error.parameter, "as_of");
  EXPECT_NE(error.message.find("2024-03-01T12:00:30Z"), std::string::npos);

  request = hourly("2024-02-01", "2024-02-02");
  request.as_of = "2024-03-02";
  EXPECT_EQ(must_read(request).provenance.gap_count, 1);  // an old view is not mended by fetching now
  request.symbol = "ETHUSDT";
  EXPECT_EQ(refusal(request).code, ErrorCode::invalid_argument);
}

TEST_F(Read, WrongWordsNameTheirParameter) {
  const auto parameter_of = [&](auto change) {
    auto request = hourly("2024-02-01", "2024-02-02");
    change(request);
    const auto error = refusal(request);
    EXPECT_EQ(error.code, ErrorCode::invalid_argument) << error.message;
    return error.parameter;
  };
  EXPECT_EQ(parameter_of([](ReadRequest& r) { r.timeframe = "7m"; }), "timeframe");
  EXPECT_EQ(parameter_of([](ReadRequest& r) { r.symbol = "BTCUSD", r.timeframe = "30m"; }), "timeframe");
  EXPECT_EQ(parameter_of([](ReadRequest& r) { r.price_kind = "index"; }), "price_kind");
  EXPECT_EQ(parameter_of([](ReadRequest& r) { r.start = "yesterday"; }), "start");
  EXPECT_EQ(parameter_of([](ReadRequest& r) { r.end = "2024-02-30"; }), "end");
  EXPECT_EQ(parameter_of([](ReadRequest& r) { r.end = "2024-01-01"; }), "start");
  EXPECT_EQ(parameter_of([](ReadRequest& r) { r.market = "swap"; }), "market");
  EXPECT_EQ(parameter_of([](ReadRequest& r) { r.as_of = "1"; }), "as_of");
  EXPECT_FALSE(parse_fetch("sometimes"));
  EXPECT_EQ(parse_fetch("auto").value(), Fetch::automatic);
  EXPECT_EQ(parse_on_gap("rise").error().suggestions.front(), "raise");
  EXPECT_EQ(parse_layer("raw").value(), Layer::raw);
  EXPECT_EQ(parse_straddle("keep").value(), Straddle::keep);
  EXPECT_EQ(parse_fill("").error().parameter, "fill");
}

TEST_F(Read, ASymbolMaySayWhichPriceIsMeant) {
  auto request = hourly("2024-02-01", "2024-02-01");
  for (const auto* symbol : {"BTCUSDT:mark", "btcusdt:mark", "bybit.linear.BTCUSDT:mark", "BTC/USDT:USDT:mark"}) {
    request.symbol = symbol;
    const auto answer = must_read(request);
    EXPECT_EQ(answer.series, series("bybit.linear.BTCUSDT:mark@1h")) << symbol;
    EXPECT_EQ(answer.provenance.price_kind, "mark");
  }
  request.price_kind = "mark";
  EXPECT_EQ(must_read(request).provenance.price_kind, "mark");
  request.price_kind = "last";
  EXPECT_EQ(refusal(request).parameter, "price_kind");
  request.price_kind.reset();
  request.symbol = "BTC/USDT:USDT";  // the coin it settles in is no price
  EXPECT_EQ(must_read(request).provenance.price_kind, "last");
  request.symbol = "BTCUSDT:index";
  EXPECT_EQ(refusal(request).parameter, "price_kind");
  request.symbol = "BTCUSDT:Mark";
  EXPECT_EQ(refusal(request).code, ErrorCode::unknown_symbol);
}

// Rule F4: a hole in the mark prices is one of theirs and says nothing of the traded ones.
TEST_F(Read, GapsOfMarkPricesAreCountedApart) {
  auto request = hourly("2024-02-01", "2024-02-01");
  must_read(request);
  courier->never_served = {at("2024-02-01T05:00Z")};
  request.price_kind = "mark";
  EXPECT_EQ(must_read(request).provenance.gap_count, 1);
  request.price_kind = "last";
  EXPECT_EQ(must_read(request).provenance.gap_count, 0);
  const auto gaps = engine->gaps({"bybit.linear.BTCUSDT:*"}, {}, {});
  ASSERT_TRUE(gaps) << gaps.error().message;
  ASSERT_EQ(gaps->size(), 1U);
  EXPECT_EQ(gaps->front().series, series("bybit.linear.BTCUSDT:mark@1h"));
}

TEST_F(Read, AFailedFetchSaysHowToReadWhatIsThere) {
  courier->failure = Error{.code = ErrorCode::unavailable, .message = "bybit does not answer"};
  const auto error = refusal(hourly("2024-02-01", "2024-02-02"));
  EXPECT_EQ(error.code, ErrorCode::unavailable);
  EXPECT_NE(error.message.find("fetch=\"never\""), std::string::npos);
}

TEST_F(Read, ALoopbackOriginIsSimulated) {
  courier->origin = venue->origin_ = "127.0.0.1";
  EXPECT_TRUE(must_read(hourly("2024-02-01", "2024-02-01")).provenance.simulated);
}

TEST_F(Read, TheEtagFollowsTheDataAndTheRequest) {
  const auto request = hourly("2024-02-01", "2024-02-01");
  const auto first = must_read(request).etag;
  engine = make();
  EXPECT_EQ(must_read(request).etag, first);
  auto other = request;
  other.columns = {"close"};
  EXPECT_NE(must_read(other).etag, first);
  courier->put(series("bybit.linear.BTCUSDT@1h"), at("2024-02-01T05:00Z"), 7, Finality::revised);
  EXPECT_NE(must_read(request).etag, first);
}

TEST_F(Read, AStopEndsTheCall) {
  std::stop_source source;
  source.request_stop();
  courier->failure = Error{.code = ErrorCode::cancelled, .message = "stopped"};
  const auto answer = engine->read(hourly("2024-02-01", "2024-02-01"), {}, source.get_token());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::cancelled);
}

}  // namespace
}  // namespace tdm::query::testing
