#include "tdm/core/bar.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

namespace tdm {
namespace {

using namespace std::string_view_literals;

TEST(TextColumn, KeepsTextsAndNullsApart) {
  TextColumn column;
  column.append("1.10"sv);
  column.append_null();
  column.append(""sv);
  column.append(std::optional<std::string_view>{});
  column.append(std::optional{"27000.5"sv});
  ASSERT_EQ(column.size(), 5u);
  EXPECT_EQ(column[0], "1.10");
  EXPECT_EQ(column[1], std::nullopt);
  EXPECT_EQ(column[2], "");
  EXPECT_EQ(column[3], std::nullopt);
  EXPECT_EQ(column[4], "27000.5");
  EXPECT_EQ(column.null_count(), 2u);
}

TEST(TextColumn, LiesAsArrowLaysItOut) {
  TextColumn column;
  EXPECT_EQ(std::vector(column.offsets().begin(), column.offsets().end()), (std::vector<std::int32_t>{0}));
  column.append("ab"sv);
  column.append_null();
  column.append("c"sv);
  EXPECT_EQ(column.bytes(), "abc");
  EXPECT_EQ(std::vector(column.offsets().begin(), column.offsets().end()), (std::vector<std::int32_t>{0, 2, 2, 3}));
  EXPECT_EQ(std::vector(column.validity().begin(), column.validity().end()), (std::vector<std::uint8_t>{1, 0, 1}));
}

TEST(NullableColumn, HasNoValidityWhileNothingIsNull) {
  NullableColumn<double> column;
  column.append(1.5);
  column.append(std::optional{2.5});
  EXPECT_TRUE(column.valid.empty());
  column.append(std::optional<double>{});
  column.append(3.5);
  EXPECT_EQ(column.valid, (std::vector<std::uint8_t>{1, 1, 0, 1}));
  EXPECT_EQ(column.at(1), 2.5);
  EXPECT_EQ(column.at(2), std::nullopt);
  EXPECT_EQ(column.at(3), 3.5);
}

// One bar whose every field follows from `i`, with nulls here and there.
BarColumns bar(int i) {
  BarColumns row;
  const double value = i;
  row.open_time = {from_ms(std::int64_t{i} * 60'000)};
  row.open = {value};
  row.high = {value + 1};
  row.low = {value - 1};
  row.close = {value + 0.5};
  row.volume = {value * 2};
  row.quote_volume.append(i % 2 == 0 ? std::optional{value * 3} : std::nullopt);
  row.trade_count.append(i % 3 == 0 ? std::optional<std::int64_t>{i} : std::nullopt);
  row.taker_buy_volume.append(std::optional{value});
  row.taker_buy_quote_volume.append(std::optional<double>{});
  row.finality = {i % 2 == 0 ? Finality::confirmed : Finality::provisional};
  row.quality_flags = {static_cast<std::uint32_t>(i)};
  row.source = {i % 2 == 0 ? Channel::rest : Channel::archive};
  row.revision = {i};
  row.available_at = {from_ms(i + 1)};
  row.recorded_at = {from_ms(i + 2)};
  row.rule_version = {i + 3};
  return row;
}

void expect_row(const BarColumns& columns, std::size_t row, int i) {
  const auto expected = bar(i);
  EXPECT_EQ(columns.open_time[row], expected.open_time[0]);
  EXPECT_EQ(columns.open[row], expected.open[0]);
  EXPECT_EQ(columns.high[row], expected.high[0]);
  EXPECT_EQ(columns.low[row], expected.low[0]);
  EXPECT_EQ(columns.close[row], expected.close[0]);
  EXPECT_EQ(columns.volume[row], expected.volume[0]);
  EXPECT_EQ(columns.quote_volume.at(row), expected.quote_volume.at(0));
  EXPECT_EQ(columns.trade_count.at(row), expected.trade_count.at(0));
  EXPECT_EQ(columns.taker_buy_volume.at(row), expected.taker_buy_volume.at(0));
  EXPECT_EQ(columns.taker_buy_quote_volume.at(row), expected.taker_buy_quote_volume.at(0));
  EXPECT_EQ(columns.finality[row], expected.finality[0]);
  EXPECT_EQ(columns.quality_flags[row], expected.quality_flags[0]);
  EXPECT_EQ(columns.source[row], expected.source[0]);
  EXPECT_EQ(columns.revision[row], expected.revision[0]);
  EXPECT_EQ(columns.available_at[row], expected.available_at[0]);
  EXPECT_EQ(columns.recorded_at[row], expected.recorded_at[0]);
  EXPECT_EQ(columns.rule_version[row], expected.rule_version[0]);
}

TEST(BarColumns, RowsSurviveAppendingSlicingAndCopying) {
  BarColumns all;
  for (int i = 0; i < 20; ++i) append(all, bar(i));
  ASSERT_EQ(all.size(), 20u);
  for (std::size_t row = 0; row < all.size(); ++row) expect_row(all, row, static_cast<int>(row));

  const auto part = slice(all, 5, 9);
  ASSERT_EQ(part.size(), 4u);
  for (std::size_t row = 0; row < part.size(); ++row) expect_row(part, row, static_cast<int>(row) + 5);
  EXPECT_EQ(slice(all, 7, 7), BarColumns{});
  EXPECT_EQ(slice(all, 0, 20), all);

  BarColumns joined = slice(all, 0, 6);
  append(joined, slice(all, 6, 20));
  EXPECT_EQ(joined, all);

  BarColumns picked;
  append_row(picked, all, 19);
  append_row(picked, all, 4);
  expect_row(picked, 0, 19);
  expect_row(picked, 1, 4);
}

TEST(BarColumns, AppendingWithoutNullsKeepsValidityRight) {
  BarColumns with_null = bar(1);
  append(with_null, bar(2));
  append(with_null, bar(4));
  EXPECT_EQ(with_null.quote_volume.valid, (std::vector<std::uint8_t>{0, 1, 1}));
  BarColumns without = bar(2);
  append(without, bar(4));
  EXPECT_TRUE(without.quote_volume.valid.empty());
}

ObservationColumns observation(int i) {
  ObservationColumns row;
  row.open_time = {from_ms(i)};
  const auto text = std::to_string(i);
  for (auto* column : {&row.open, &row.high, &row.low, &row.close, &row.volume}) column->append(std::string_view{text});
  for (auto* column :
       {&row.quote_volume, &row.trade_count, &row.taker_buy_volume, &row.taker_buy_quote_volume, &row.extra})
    i % 2 == 0 ? column->append(std::string_view{text}) : column->append_null();
  row.close_proof = {CloseProof::none};
  row.event_time = {from_ms(i + 1)};
  row.received_at = {from_ms(i + 2)};
  row.channel = {Channel::rest};
  row.ingest_id = {i};
  return row;
}

TEST(ObservationColumns, RowsSurviveAppending) {
  ObservationColumns all;
  ObservationColumns picked;
  for (int i = 0; i < 6; ++i) append(all, observation(i));
  for (const std::size_t row : {5u, 0u}) append_row(picked, all, row);
  ObservationColumns expected = observation(5);
  append(expected, observation(0));
  EXPECT_EQ(picked, expected);
  EXPECT_EQ(all.size(), 6u);
  EXPECT_EQ(all.extra[4], "4");
  EXPECT_EQ(all.extra[5], std::nullopt);
  EXPECT_EQ(all.ingest_id[5], 5);
}

TEST(ColumnNames, AreThoseOfTheStoreAndDistinct) {
  const auto validated = validated_column_names();
  const auto raw = raw_column_names();
  EXPECT_EQ(validated.front(), "open_time");
  EXPECT_EQ(raw.front(), "open_time");
  EXPECT_EQ(std::set(validated.begin(), validated.end()).size(), validated.size());
  EXPECT_EQ(std::set(raw.begin(), raw.end()).size(), raw.size());
  const std::vector<std::string_view> shared{"open_time",
                                             "open",
                                             "high",
                                             "low",
                                             "close",
                                             "volume",
                                             "quote_volume",
                                             "trade_count",
                                             "taker_buy_volume",
                                             "taker_buy_quote_volume"};
  EXPECT_TRUE(std::ranges::equal(validated.first(shared.size()), shared));
  EXPECT_TRUE(std::ranges::equal(raw.first(shared.size()), shared));
}

TEST(Words, ReadBack) {
  for (const auto channel : {Channel::rest, Channel::ws, Channel::archive, Channel::import, Channel::trades})
    EXPECT_EQ(parse_channel(to_string(channel)).value(), channel);
  for (const auto finality : {Finality::open, Finality::provisional, Finality::confirmed, Finality::revised})
    EXPECT_EQ(parse_finality(to_string(finality)).value(), finality);
  EXPECT_EQ(to_string(Channel::import), "import");
  const auto unknown = parse_finality("confirmd");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().parameter, "finality");
  EXPECT_EQ(unknown.error().suggestions, std::vector<std::string>{"confirmed"});
  EXPECT_FALSE(parse_channel("REST"));
}

TEST(Frame, FindsItsColumns) {
  const std::vector<double> close{1, 2};
  Frame frame;
  frame.rows = 2;
  frame.columns.push_back({"close", std::span<const double>{close}, {}});
  ASSERT_NE(frame.find("close"), nullptr);
  EXPECT_EQ(std::get<std::span<const double>>(frame.find("close")->data)[1], 2);
  EXPECT_EQ(frame.find("open"), nullptr);
}

}  // namespace
}  // namespace tdm
