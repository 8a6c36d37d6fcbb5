#include "sim/truth_file.hpp"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <gtest/gtest.h>
#include <parquet/arrow/reader.h>

#include <cmath>
#include <filesystem>

#include "sim/decimal_text.hpp"
#include "sim/tests/world_of_test.hpp"

namespace tdm::sim {
namespace {

using testing::at;
using testing::default_listing;
using testing::timeframe;

std::shared_ptr<arrow::Table> read(const std::string& file) {
  const auto source = *arrow::io::ReadableFile::Open(file);
  auto reader = *parquet::arrow::OpenFile(source, arrow::default_memory_pool());
  const auto table = *reader->ReadTable();
  return *table->CombineChunks();
}

template <class ArrayType>
const ArrayType& column(const arrow::Table& table, const std::string& name) {
  return static_cast<const ArrayType&>(*table.GetColumnByName(name)->chunk(0));
}

class TruthFileTest : public ::testing::Test {
 protected:
  std::string file_ = (std::filesystem::path{::testing::TempDir()} / "tdm_sim_truth.parquet").string();
};

TEST_F(TruthFileTest, HoldsTheClosedBarsOfTheTape) {
  const World world{
      {default_listing("bybit.linear.BTCUSDT"), default_listing("bybit.inverse.BTCUSD")}, 7, at("2023-12-01")};
  const TimePoint now = at("2023-12-02T00:00:30Z");
  const auto rows = write_truth(world, {}, now, file_);
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(*rows, 2 * 1'440);
  const auto table = read(file_);
  ASSERT_EQ(table->num_rows(), *rows);
  EXPECT_EQ(table->schema()->GetFieldByName("open_time")->type()->ToString(), "timestamp[us, tz=UTC]");
  EXPECT_EQ(table->schema()->GetFieldByName("symbol")->type()->ToString(), "string");

  const auto& symbols = column<arrow::StringArray>(*table, "symbol");
  const auto& times = column<arrow::TimestampArray>(*table, "open_time");
  const auto& volumes = column<arrow::DoubleArray>(*table, "volume");
  const auto& quote_volumes = column<arrow::DoubleArray>(*table, "quote_volume");
  const auto& lows = column<arrow::DoubleArray>(*table, "low");
  EXPECT_EQ(symbols.GetView(0), "BTCUSD");  // by canonical name: inverse before linear
  EXPECT_EQ(symbols.GetView(1'440), "BTCUSDT");
  for (const std::int64_t row : {std::int64_t{5}, std::int64_t{1'445}}) {
    const std::string market{column<arrow::StringArray>(*table, "market").GetView(row)};
    const History& history = *world.find("bybit", market, symbols.GetView(row));
    const TimePoint open_time = from_us(times.Value(row));
    EXPECT_EQ(open_time, at("2023-12-01T00:05:00Z"));
    const TapeBar bar = history.bar(PriceKind::last, timeframe("1m"), open_time, now);
    const double volume = nearest_double(bar.volume, history.listing().lot.scale);
    const double turnover = nearest_double(bar.turnover, history.listing().turnover_scale());
    EXPECT_EQ(volumes.Value(row), market == "inverse" ? turnover : volume);
    EXPECT_EQ(quote_volumes.Value(row), market == "inverse" ? volume : turnover);
    EXPECT_EQ(lows.Value(row), nearest_double(bar.low, history.listing().tick.scale));
  }
}

TEST_F(TruthFileTest, CoinMarginedVolumeIsOfTheBaseCoinAndQuoteVolumeInDollars) {
  const World world{{default_listing("binance.coinm.BTCUSD_PERP")}, 7, at("2023-12-01")};
  const TimePoint now = at("2023-12-01T01:00:00Z");
  ASSERT_EQ(*write_truth(world, {}, now, file_), 60);
  const auto table = read(file_);
  const TapeBar bar = world.histories()[0]->bar(PriceKind::last, timeframe("1m"), at("2023-12-01T00:07:00Z"), now);
  EXPECT_EQ(column<arrow::DoubleArray>(*table, "volume").Value(7), nearest_double(bar.turnover, 8));
  EXPECT_EQ(column<arrow::DoubleArray>(*table, "quote_volume").Value(7), static_cast<double>(bar.volume) * 100);
}

TEST_F(TruthFileTest, ASelectionNamesTimeframesAndSymbols) {
  const World world{
      {default_listing("bybit.linear.BTCUSDT"), default_listing("bybit.linear.ETHUSDT")}, 7, at("2023-12-01")};
  const TruthSelection selection{.timeframes = {timeframe("1h"), timeframe("1d")}, .symbols = {"bybit.linear.ETHUSDT"}};
  EXPECT_EQ(*write_truth(world, selection, at("2023-12-03T10:30:00Z"), file_), 58 + 2);
}

TEST_F(TruthFileTest, PricesThatNobodyTradesAtHaveNoVolume) {
  const World world{{default_listing("bybit.linear.BTCUSDT"), default_listing("bybit.inverse.BTCUSD"),
                     default_listing("bybit.spot.BTCUSDT")},
                    7,
                    at("2023-12-01")};
  const TimePoint now = at("2023-12-01T01:00:00Z");
  const TruthSelection selection{.timeframes = {timeframe("1h")}, .price_kinds = {PriceKind::mark, PriceKind::premium}};
  // Spot has neither, inverse no premium.
  ASSERT_EQ(*write_truth(world, selection, now, file_), 1 + 2);
  const auto table = read(file_);
  EXPECT_EQ(column<arrow::StringArray>(*table, "price_kind").GetView(2), "premium");
  const History& history = *world.find("bybit", "linear", "BTCUSDT");
  const TapeBar bar = history.bar(PriceKind::premium, timeframe("1h"), at("2023-12-01"), now);
  EXPECT_EQ(column<arrow::DoubleArray>(*table, "low").Value(2),
            nearest_double(bar.low, price_scale(history.listing(), PriceKind::premium)));
  EXPECT_TRUE(std::isnan(column<arrow::DoubleArray>(*table, "volume").Value(2)));
}

TEST_F(TruthFileTest, NothingHasClosedYet) {
  const World world{{default_listing("bybit.linear.BTCUSDT")}, 7, at("2023-12-01")};
  EXPECT_EQ(*write_truth(world, {}, at("2023-12-01T00:00:59Z"), file_), 0);
  EXPECT_EQ(read(file_)->num_rows(), 0);
}

TEST_F(TruthFileTest, AFolderThatIsNotThereIsAnError) {
  const World world{{default_listing("bybit.linear.BTCUSDT")}, 7, at("2023-12-01")};
  EXPECT_FALSE(write_truth(world, {}, at("2023-12-01T00:00:59Z"), "/no/such/folder/truth.parquet"));
}

}  // namespace
}  // namespace tdm::sim
