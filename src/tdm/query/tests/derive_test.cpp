#include "tdm/query/detail/derive.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <sstream>

#include "src/tdm/query/tests/market.hpp"
#include "tdm/core/decimal.hpp"
#include "tdm/query/detail/account.hpp"
#include "tdm/query/detail/bases.hpp"
#include "tdm/query/detail/decimal_sum.hpp"
#include "tdm/query/detail/frames.hpp"
#include "tdm/query/detail/gaps.hpp"
#include "tdm/store/rows.hpp"

namespace tdm::query::testing {
namespace {

using namespace detail;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::vector<std::string> all_columns() {
  const auto names = validated_column_names();
  return {names.begin(), names.end()};
}

// A bar of a tape, in whole units: prices of 0.01, volumes of 0.001.
struct Whole {
  TimePoint open_time;
  std::int64_t open = 0, high = 0, low = 0, close = 0, volume = 0, quote = 0, trades = 0;
};

void add(BarColumns& rows, const Whole& bar, const Grid& grid) {
  rows.open_time.push_back(bar.open_time);
  rows.open.push_back(static_cast<double>(bar.open) / 100);
  rows.high.push_back(static_cast<double>(bar.high) / 100);
  rows.low.push_back(static_cast<double>(bar.low) / 100);
  rows.close.push_back(static_cast<double>(bar.close) / 100);
  rows.volume.push_back(static_cast<double>(bar.volume) / 1000);
  rows.quote_volume.append(static_cast<double>(bar.quote) / 100'000);
  rows.trade_count.append(bar.trades);
  rows.taker_buy_volume.append(static_cast<double>(bar.volume) / 1000);
  rows.taker_buy_quote_volume.append_null();
  rows.finality.push_back(Finality::confirmed);
  rows.quality_flags.push_back(0);
  rows.source.push_back(Channel::rest);
  rows.revision.push_back(0);
  rows.available_at.push_back(grid.close_of(bar.open_time));
  rows.recorded_at.push_back(grid.close_of(bar.open_time));
  rows.rule_version.push_back(3);
}

// What was traded, and the bars that an exchange makes of it: one for each slot, flat at the last price where nothing
// was traded. With `opens_at_last` every bar opens at the close before it, as Bybit's do.
class Tape {
 public:
  Tape(TimeRange range, double trades_per_minute, std::uint64_t seed) : range_{range} {
    std::mt19937_64 random{seed};
    std::exponential_distribution<double> pause{trades_per_minute / 60e6};
    std::normal_distribution<double> step{0, 40};
    std::int64_t price = 1'000'000;
    for (auto at = range.begin();;) {
      at += Micros{1 + static_cast<std::int64_t>(pause(random))};
      if (at >= range.end()) break;
      price = std::max<std::int64_t>(100, price + static_cast<std::int64_t>(step(random)));
      trades_.push_back({at, price, 1 + static_cast<std::int64_t>(random() % 50'000)});
    }
  }

  BarColumns bars(const Grid& grid, bool opens_at_last) const {
    BarColumns rows;
    auto trade = trades_.begin();
    std::int64_t last = 1'000'000;
    for (auto open = grid.ceil(range_.begin()); open < range_.end(); open = grid.close_of(open)) {
      Whole bar{open, last, last, last, last};
      for (; trade != trades_.end() && trade->at < grid.close_of(open); ++trade) {
        if (trade->at < open) {
          last = trade->price;
          bar = {open, last, last, last, last};
          continue;
        }
        if (bar.trades == 0 && !opens_at_last) bar.open = bar.high = bar.low = trade->price;
        bar.high = std::max(bar.high, trade->price);
        bar.low = std::min(bar.low, trade->price);
        bar.close = trade->price;
        bar.volume += trade->amount;
        bar.quote += trade->amount * trade->price;
        ++bar.trades;
      }
      last = bar.close;
      if (grid.close_of(open) <= range_.end()) add(rows, bar, grid);
    }
    return rows;
  }

 private:
  struct Trade {
    TimePoint at;
    std::int64_t price, amount;
  };
  TimeRange range_;
  std::vector<Trade> trades_;
};

BarColumns derived(const BarColumns& parts, const Derivation& how) {
  return store::bars_of(derive(store::view_of(parts), all_columns(), how)).value();
}

// ---- a derived bar is the bar that the exchange makes itself

TEST(Derive, EqualsTheBarsOfTheTape) {
  std::uint64_t seed = 1;
  for (const double rate : {4.0, 0.3, 0.01}) {
    for (const bool opens_at_last : {true, false}) {
      const Tape tape{between("2024-02-28T00:00Z", "2024-03-02T00:00Z"), rate, seed++};
      for (const auto part : Timeframe::all()) {
        if (part.nominal_length() > hours{4}) break;
        const auto parts = tape.bars(part, opens_at_last);
        for (const auto longer : Timeframe::all()) {
          const Grid grid{longer};
          if (!grid.is_made_of(part) || longer.nominal_length() > std::chrono::days{1}) continue;
          EXPECT_EQ(derived(parts, {grid, part, {}, opens_at_last ? "" : "trade_count"}),
                    tape.bars(grid, opens_at_last))
              << part.name() << " -> " << longer.name() << " at " << rate;
        }
        const Grid day{timeframe("1d"), hours{8}};
        EXPECT_EQ(derived(parts, {day, part, {}, opens_at_last ? "" : "trade_count"}), tape.bars(day, opens_at_last))
            << part.name();
      }
    }
  }
}

TEST(Derive, WeeksAndMonthsFollowTheCalendar) {
  const Tape tape{between("2023-12-01T00:00Z", "2024-04-01T00:00Z"), 0.02, 7};
  for (const auto* part : {"1h", "4h", "1d"})
    for (const auto* longer : {"1w", "1M"}) {
      const auto wanted = tape.bars(timeframe(longer), true);
      EXPECT_EQ(derived(tape.bars(timeframe(part), true), {timeframe(longer), timeframe(part)}), wanted)
          << part << " -> " << longer;
      ASSERT_GE(wanted.size(), 4u);
    }
  EXPECT_EQ(tape.bars(timeframe("1w"), true).open_time.front(), at("2023-12-04T00:00Z"));  // a Monday
}

TEST(Derive, InTwoStepsAsInOne) {
  const Tape tape{between("2024-02-26T00:00Z", "2024-03-02T00:00Z"), 3, 11};
  const auto minutes = tape.bars(timeframe("1m"), true);
  const auto direct = derived(minutes, {timeframe("12h"), timeframe("1m")});
  for (const auto* between : {"5m", "30m", "2h", "4h"}) {
    const auto step = derived(minutes, {timeframe(between), timeframe("1m")});
    EXPECT_EQ(derived(step, {timeframe("12h"), timeframe(between)}), direct) << between;
  }
}

TEST(Derive, RecordedBinanceBarsMakeTheRecordedLongerOnes) {
  const std::filesystem::path folder = std::string{TDM_SHARED_DIR} + "/recordings/binance/static-klines/BTCUSDT";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "needs ../shared";
  std::vector<TimeRange> windows;  // of the shorter bars, two months each
  const auto load = [&](const std::string& name, bool remember) {
    std::map<TimePoint, nlohmann::json> rows;
    for (const auto& file : std::filesystem::directory_iterator{folder / name}) {
      std::ifstream stream{file.path()};
      for (auto& row : nlohmann::json::parse(stream)) rows.emplace(from_ms(row[0].get<std::int64_t>()), row);
      const auto begin = parse_time_bound(file.path().stem().string(), "start").value().first;
      const auto month = timeframe("1M");
      if (remember) windows.push_back(TimeRange::of(begin, month.advance(begin, 2)));
    }
    BarColumns bars;
    for (const auto& [time, row] : rows) {
      const auto number = [&](std::size_t field) {
        const auto text = row[field].get<std::string>();
        double value = 0;
        std::from_chars(text.data(), text.data() + text.size(), value);
        return value;
      };
      add(bars, {.open_time = time}, timeframe(name));
      bars.open.back() = number(1);
      bars.high.back() = number(2);
      bars.low.back() = number(3);
      bars.close.back() = number(4);
      bars.volume.back() = number(5);
      bars.quote_volume.values.back() = number(7);
      bars.trade_count.values.back() = row[8].get<std::int64_t>();
      bars.taker_buy_volume.values.back() = number(9);
    }
    return bars;
  };
  const auto two = load("2h", true);
  const auto four = load("4h", false);
  windows = merge(std::move(windows));
  const auto recorded = [&](TimePoint time) {
    return std::ranges::any_of(windows, [&](TimeRange window) { return window.contains(time); });
  };
  // Absent parts inside the recorded windows are stops of the exchange, which the ledger holds as settled outages.
  std::vector<TimeRange> stops;
  for (const auto window : windows)
    for (const auto hole : absent(two.open_time, timeframe("2h"), window)) stops.push_back(hole);
  const auto made = derived(two, {timeframe("4h"), timeframe("2h"), merge(stops), "trade_count"});
  const auto strict = derived(two, {timeframe("4h"), timeframe("2h"), {}, "trade_count"});

  std::map<TimePoint, std::size_t> row_of, strict_row_of;
  for (std::size_t row = 0; row < made.size(); ++row) row_of.emplace(made.open_time[row], row);
  for (std::size_t row = 0; row < strict.size(); ++row) strict_row_of.emplace(strict.open_time[row], row);
  std::size_t groups = 0, not_whole = 0;
  for (std::size_t row = 0; row < four.size(); ++row) {
    if (!recorded(four.open_time[row])) continue;
    ++groups;
    const auto name = to_iso(four.open_time[row]);
    not_whole += strict_row_of.contains(four.open_time[row]) ? 0 : 1;
    ASSERT_TRUE(row_of.contains(four.open_time[row])) << name;
    const auto same = row_of.at(four.open_time[row]);
    EXPECT_EQ(made.open[same], four.open[row]) << name;
    EXPECT_EQ(made.high[same], four.high[row]) << name;
    EXPECT_EQ(made.low[same], four.low[row]) << name;
    EXPECT_EQ(made.close[same], four.close[row]) << name;
    EXPECT_EQ(made.volume[same], four.volume[row]) << name;
    EXPECT_EQ(made.taker_buy_volume.at(same), four.taker_buy_volume.at(row)) << name;
    EXPECT_EQ(made.trade_count.at(same), four.trade_count.at(row)) << name;
    // More digits than a double has: the parts' last ones are lost before they are added.
    EXPECT_NEAR(*made.quote_volume.at(same), *four.quote_volume.at(row), *four.quote_volume.at(row) * 2.3e-16) << name;
  }
  EXPECT_EQ(groups, 1710u);
  EXPECT_EQ(not_whole, 7u);

  const auto skipped = at("2023-03-24T12:00Z");
  EXPECT_EQ(made.open[row_of.at(skipped)], 28079.99);
  EXPECT_EQ(derived(two, {timeframe("4h"), timeframe("2h"), stops, {}}).open[row_of.at(skipped)], 28080.0);
}

// ---- parts that are absent

class Parts : public ::testing::Test {
 protected:
  Parts() {
    for (auto time = at("2024-03-01T00:00Z"); time < at("2024-03-01T04:00Z"); time += hours{1})
      add(rows_, {time, 100, 120, 90, 110, 7, 9, 3}, timeframe("1h"));
  }
  BarColumns without(std::size_t row) const {
    auto rows = slice(rows_, 0, row);
    append(rows, slice(rows_, row + 1, rows_.size()));
    return rows;
  }
  Derivation two_hours(std::vector<TimeRange> excused = {}) const {
    return {timeframe("2h"), timeframe("1h"), std::move(excused)};
  }
  BarColumns rows_;
};

TEST_F(Parts, ABarIsLeftOutWhenAPartIsAbsent) {
  EXPECT_THAT(derived(rows_, two_hours()).open_time, ElementsAre(at("2024-03-01T00:00Z"), at("2024-03-01T02:00Z")));
  for (std::size_t row = 0; row < 4; ++row) {
    const auto left = derived(without(row), two_hours());
    EXPECT_THAT(left.open_time, ElementsAre(row < 2 ? at("2024-03-01T02:00Z") : at("2024-03-01T00:00Z"))) << row;
  }
  EXPECT_EQ(derived({}, two_hours()).size(), 0u);
}

TEST_F(Parts, AnExcusedPartHindersNothing) {
  const auto hole = between("2024-03-01T03:00Z", "2024-03-01T04:00Z");
  const auto whole = derived(without(3), two_hours({hole}));
  ASSERT_EQ(whole.size(), 2u);
  EXPECT_EQ(whole.volume[1], 0.007);
  EXPECT_EQ(whole.available_at[1], at("2024-03-01T04:00Z"));  // not before the bar has ended
  EXPECT_EQ(derived(without(2), two_hours({hole})).size(), 1u);
  EXPECT_EQ(derived(slice(rows_, 0, 2), two_hours({between("2024-03-01T02:00Z", "2024-03-01T04:00Z")})).size(), 1u);
}

TEST_F(Parts, OneThatIsOffTheGridIsNone) {
  auto rows = rows_;
  rows.open_time[3] += minutes{7};
  EXPECT_EQ(
      derived(rows, {timeframe("4h"), timeframe("1h"), {between("2024-03-01T03:00Z", "2024-03-01T04:00Z")}}).size(),
      0u);
}

TEST_F(Parts, ABarIsAsGoodAsTheLeastOfThem) {
  rows_.finality = {Finality::confirmed, Finality::revised, Finality::confirmed, Finality::provisional};
  rows_.quality_flags = {1, 4, 0, 0};
  rows_.source = {Channel::archive, Channel::rest, Channel::ws, Channel::ws};
  rows_.revision = {0, 2, 0, 0};
  rows_.recorded_at[0] = at("2024-05-01T00:00Z");
  rows_.available_at[0] = at("2024-04-01T00:00Z");
  rows_.rule_version = {5, 3, 3, 4};
  rows_.quote_volume = {};
  for (const auto& value : {std::optional{1.5}, std::optional<double>{}, std::optional{2.5}, std::optional{3.5}})
    rows_.quote_volume.append(value);
  const auto bars = derived(rows_, two_hours());
  EXPECT_THAT(bars.finality, ElementsAre(Finality::revised, Finality::provisional));
  EXPECT_THAT(bars.quality_flags, ElementsAre(5u, 0u));
  EXPECT_THAT(bars.source, ElementsAre(Channel::rest, Channel::ws));
  EXPECT_THAT(bars.revision, ElementsAre(2, 0));
  EXPECT_EQ(bars.recorded_at[0], at("2024-05-01T00:00Z"));
  EXPECT_EQ(bars.available_at[0], at("2024-04-01T00:00Z"));
  EXPECT_THAT(bars.rule_version, ElementsAre(5, 4));
  EXPECT_EQ(bars.quote_volume.at(0), std::nullopt);
  EXPECT_EQ(bars.quote_volume.at(1), 6.0);
  EXPECT_EQ(bars.taker_buy_quote_volume.at(0), std::nullopt);
  EXPECT_EQ(bars.trade_count.at(1), 6);
}

TEST_F(Parts, UntradedOnesHaveNoSayInOpenHighAndLow) {
  rows_.trade_count.values = {0, 3, 0, 0};
  rows_.open = {1, 20, 30, 31};
  rows_.high = {50, 25, 30, 31};
  rows_.low = {1, 15, 30, 31};
  auto how = two_hours();
  how.traded_by = "trade_count";
  const auto bars = derived(rows_, how);
  EXPECT_THAT(bars.open, ElementsAre(20, 30));  // all without a trade: what there is
  EXPECT_THAT(bars.high, ElementsAre(25, 31));
  EXPECT_THAT(bars.low, ElementsAre(15, 30));
  EXPECT_THAT(derived(rows_, two_hours()).open, ElementsAre(1, 30));
  EXPECT_THAT(columns_of_parts({"open", "volume"}, how), ElementsAre("open", "volume", "trade_count"));
  EXPECT_THAT(columns_of_parts({"volume"}, how), ElementsAre("volume"));
}

TEST_F(Parts, WhereNobodyCountsTradesTheVolumeSaysWhetherThereWereAny) {
  rows_.volume = {0, 3, 0, 0};
  rows_.open = {1, 20, 30, 31};
  rows_.high = {50, 25, 30, 31};
  rows_.low = {1, 15, 30, 31};
  auto how = two_hours();
  how.traded_by = "volume";
  const auto bars = derived(rows_, how);
  EXPECT_THAT(bars.open, ElementsAre(20, 30));
  EXPECT_THAT(bars.high, ElementsAre(25, 31));
  EXPECT_THAT(bars.low, ElementsAre(15, 30));
  EXPECT_THAT(columns_of_parts({"high"}, how), ElementsAre("high", "volume"));
}

// ---- exact sums

double exact_sum(const std::vector<double>& values) {
  Decimal total;
  for (const double value : values) {
    char text[40];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    total = tdm::add(total, Decimal::parse({text, end}).value()).value();
  }
  return total.to_double();
}

double sum_of(DecimalSum& sum, const std::vector<double>& values) {
  sum.reset();
  for (const double value : values) sum.add(value);
  return sum.value();
}

TEST(DecimalSum, IsExactInDecimals) {
  DecimalSum sum;
  EXPECT_EQ(sum_of(sum, std::vector<double>(10, 0.1)), 1.0);
  EXPECT_EQ(sum_of(sum, {}), 0.0);
  EXPECT_EQ(sum_of(sum, {0.1, 0.2, -0.3}), 0.0);
  EXPECT_EQ(sum_of(sum, {1e-8, 1e15, 0.25}), exact_sum({1e-8, 1e15, 0.25}));
  EXPECT_EQ(sum_of(sum, {9007199254740993.0, 0.5}), exact_sum({9007199254740993.0, 0.5}));
  EXPECT_EQ(sum_of(sum, {1e20, 3.14}), exact_sum({1e20, 3.14}));
  std::mt19937_64 random{3};
  for (int round = 0; round < 1500; ++round) {
    const double unit = std::pow(10.0, static_cast<double>(random() % 12));
    const auto largest = static_cast<std::uint64_t>(std::pow(10.0, 1 + static_cast<double>(random() % 17)));
    std::vector<double> values(1 + random() % 60);
    for (auto& value : values) value = static_cast<double>(random() % largest) / unit;
    if (round % 5 == 0) values[random() % values.size()] = std::ldexp(static_cast<double>(random() % 1'000'003), -20);
    EXPECT_EQ(sum_of(sum, values), exact_sum(values)) << round;
  }
}

TEST(DecimalSum, WhatNoDecimalHoldsIsAddedAllTheSame) {
  DecimalSum sum;
  EXPECT_TRUE(std::isnan(sum_of(sum, {1, kNaN, 2})));
  EXPECT_TRUE(std::isinf(sum_of(sum, {1, std::numeric_limits<double>::infinity()})));
  EXPECT_DOUBLE_EQ(sum_of(sum, {1e300, 1.5, 1e300}), 2e300);
  EXPECT_DOUBLE_EQ(sum_of(sum, {5e-324, 2.5}), 2.5);
  EXPECT_EQ(sum_of(sum, {0.1, 0.2}), 0.3);
}

// ---- the account of what is absent

class Ledger : public ::testing::Test {
 protected:
  Gap gap(std::string_view begin, std::string_view end, GapCause cause, GapState state, std::string accepted = {}) {
    Gap made{.id = ++last_, .series = series("bybit.linear.BTCUSDT@1m"), .range = between(begin, end)};
    made.bars = made.series.timeframe.count(made.range);
    made.cause = cause;
    made.state = state;
    made.evidence = "told so";
    made.accepted_reason = std::move(accepted);
    made.looks = 2;
    return made;
  }
  std::vector<Gap> hourly(const std::vector<Gap>& parts) {
    const auto wanted = series("bybit.linear.BTCUSDT@1h");
    return gaps_of_groups(wanted, wanted.timeframe, parts);
  }
  std::int64_t last_ = 0;
};

TEST_F(Ledger, AnAbsentPartTakesItsBarAway) {
  const auto gaps = hourly({gap("2024-03-01T00:59Z", "2024-03-01T02:01Z", GapCause::unknown, GapState::open)});
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_EQ(gaps[0].range, between("2024-03-01T00:00Z", "2024-03-01T03:00Z"));
  EXPECT_EQ(gaps[0].bars, 3);
  EXPECT_EQ(gaps[0].series, series("bybit.linear.BTCUSDT@1h"));
  EXPECT_EQ(gaps[0].cause, GapCause::unknown);
  EXPECT_EQ(gaps[0].looks, 2);
  EXPECT_EQ(gaps[0].evidence, "62 absent bars of bybit.linear.BTCUSDT@1m: told so");
}

TEST_F(Ledger, ASettledStopIsOneOnlyWhereNoPartIsLeft) {
  const auto stop = [&](auto cause, auto state) {
    return hourly({gap("2024-03-01T00:30Z", "2024-03-01T02:30Z", cause, state)});
  };
  const auto settled = stop(GapCause::exchange_outage, GapState::accounted);
  ASSERT_EQ(settled.size(), 1u);
  EXPECT_EQ(settled[0].range, between("2024-03-01T01:00Z", "2024-03-01T02:00Z"));
  EXPECT_EQ(stop(GapCause::no_trades, GapState::accounted).size(), 1u);
  EXPECT_EQ(stop(GapCause::exchange_outage, GapState::open)[0].bars, 3);
  EXPECT_EQ(stop(GapCause::upstream_missing, GapState::accounted)[0].bars, 3);
  EXPECT_TRUE(
      hourly({gap("2024-03-01T00:30Z", "2024-03-01T00:40Z", GapCause::no_trades, GapState::accounted)}).empty());
}

TEST_F(Ledger, SeveralSettledStopsMayEmptyOneBar) {
  const auto gaps =
      hourly({gap("2024-03-01T00:00Z", "2024-03-01T00:30Z", GapCause::no_trades, GapState::accounted),
              gap("2024-03-01T00:30Z", "2024-03-01T01:30Z", GapCause::exchange_outage, GapState::accounted)});
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_EQ(gaps[0].range, between("2024-03-01T00:00Z", "2024-03-01T01:00Z"));
  EXPECT_EQ(gaps[0].cause, GapCause::no_trades);
}

TEST_F(Ledger, ABarOfSeveralReasonsHasTheOneThatCanBeCured) {
  const auto gaps =
      hourly({gap("2024-02-29T00:00Z", "2024-03-01T00:10Z", GapCause::not_listed, GapState::accounted),
              gap("2024-03-01T00:20Z", "2024-03-01T00:25Z", GapCause::unknown, GapState::open),
              gap("2024-03-01T00:30Z", "2024-03-01T00:35Z", GapCause::exchange_outage, GapState::accounted),
              gap("2024-03-01T00:50Z", "2024-03-01T01:10Z", GapCause::unknown, GapState::accounted, "a storm")});
  ASSERT_EQ(gaps.size(), 3u);
  EXPECT_EQ(gaps[0].cause, GapCause::not_listed);
  EXPECT_EQ(gaps[0].range, between("2024-02-29T00:00Z", "2024-03-01T00:00Z"));
  EXPECT_EQ(gaps[1].cause, GapCause::unknown);
  EXPECT_EQ(gaps[1].range, between("2024-03-01T00:00Z", "2024-03-01T01:00Z"));
  EXPECT_EQ(gaps[1].accepted_reason, "");
  EXPECT_EQ(gaps[2].range, between("2024-03-01T01:00Z", "2024-03-01T02:00Z"));
  EXPECT_EQ(gaps[2].accepted_reason, "a storm");
}

// Rows of derive() and gaps of gaps_of_groups() are two views of one thing: together they are the grid, once.
TEST_F(Ledger, BarsAndGapsTogetherAreTheGrid) {
  std::mt19937_64 random{17};
  const auto range = between("2024-03-01T00:00Z", "2024-03-03T00:00Z");
  const auto grid = Grid{timeframe("1h")};
  for (int round = 0; round < 300; ++round) {
    BarColumns rows;
    std::vector<Gap> ledger;
    for (auto time = range.begin(); time < range.end();) {
      const auto run = minutes{1 + random() % (round % 2 == 0 ? 20 : 300)};
      const auto end = std::min(time + Micros{run}, range.end());
      if (random() % 3 == 0) {
        const auto cause = static_cast<GapCause>(random() % 6);
        auto hole = gap(to_iso(time), to_iso(end), cause, random() % 2 == 0 ? GapState::open : GapState::accounted);
        ledger.push_back(std::move(hole));
      } else {
        for (auto open = time; open < end; open += minutes{1}) add(rows, {open, 1, 1, 1, 1}, timeframe("1m"));
      }
      time = end;
    }
    std::vector<TimeRange> excused;
    for (const auto& each : ledger)
      if (is_excused(each)) excused.push_back(each.range);
    const auto bars = derived(rows, {grid, timeframe("1m"), merge(std::move(excused))});
    std::vector<TimeRange> taken;
    for (const auto& each : hourly(ledger)) taken.push_back(each.range);
    std::int64_t hours_taken = static_cast<std::int64_t>(bars.size());
    for (const auto open : bars.open_time) taken.push_back(TimeRange::of(open, grid.close_of(open)));
    for (const auto& each : hourly(ledger)) hours_taken += each.bars;
    EXPECT_THAT(merge(taken), ElementsAre(range)) << round;
    EXPECT_EQ(hours_taken, 48) << round;
  }
}

// ---- the grid and its bases

TEST(GridOfDays, BeginsWhenItIsTold) {
  const auto grid = parse_grid(timeframe("1w"), "08:30").value();
  EXPECT_EQ(grid.open_of(at("2024-03-04T08:29Z")), at("2024-02-26T08:30Z"));
  EXPECT_EQ(grid.open_of(at("2024-03-04T08:30Z")), at("2024-03-04T08:30Z"));
  EXPECT_EQ(grid.close_of(at("2024-03-04T08:30Z")), at("2024-03-11T08:30Z"));
  EXPECT_EQ(grid.count(between("2024-03-01", "2024-03-18T09:00Z")), 3);
  for (const auto* wrong : {"8:00", "24:00", "08:60", "08-00", "0800", "", "08:00Z", "+8:00"})
    EXPECT_EQ(parse_grid(timeframe("1d"), wrong).error().parameter, "day_start") << wrong;
  EXPECT_EQ(parse_grid(timeframe("12h"), "08:00").error().parameter, "day_start");
  EXPECT_EQ(parse_grid(timeframe("1M"), "00:00").value().day_start(), Micros{0});
}

TEST(Bases, TheLongestNativeOneThatDividesComesFirst) {
  sources::MarketTraits traits;
  for (const auto* name : {"1m", "15m", "1h", "4h", "1d", "1w"}) traits.native.push_back(timeframe(name));
  const auto bases = [&](std::string_view wanted, Micros day_start = Micros{0}) {
    const auto of = series("x.y.Z@" + std::string{wanted});
    std::vector<std::string> names;
    for (const auto& base : bases_of(of, Grid{of.timeframe, day_start}, traits))
      names.emplace_back(base.timeframe.name());
    return names;
  };
  EXPECT_THAT(bases("8h"), ElementsAre("8h", "4h", "1h", "15m", "1m"));
  EXPECT_THAT(bases("1h"), ElementsAre("1h", "15m", "1m"));
  EXPECT_THAT(bases("1M"), ElementsAre("1M", "1d", "4h", "1h", "15m", "1m"));
  EXPECT_THAT(bases("1d", hours{8}), ElementsAre("4h", "1h", "15m", "1m"));
  EXPECT_THAT(bases("1d", hours{5} + minutes{30}), ElementsAre("15m", "1m"));
  EXPECT_EQ(fetched_of(bases_of(series("x.y.Z@8h"), timeframe("8h"), traits), traits)->timeframe, timeframe("4h"));
}

}  // namespace
}  // namespace tdm::query::testing
