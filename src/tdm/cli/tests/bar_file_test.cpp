#include "tdm/cli/detail/bar_file.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace tdm::cli::detail {
namespace {

class BarFileTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Result<BarFile> read(const std::string& text, const std::vector<std::string>& columns = {},
                       const std::optional<std::string>& unit = {}) const {
    const auto path = (folder_ / "bars.csv").string();
    std::ofstream{path, std::ios::binary} << text;
    return read_bars(path, columns, unit);
  }
  std::string error(const std::string& text, const std::vector<std::string>& columns = {},
                    const std::optional<std::string>& unit = {}) const {
    const auto file = read(text, columns, unit);
    return file ? "it was read" : file.error().message;
  }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() /
      (std::string{"tdm_bar_file_"} + ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

const std::string kHeader = "open_time,open,high,low,close,volume\n";
constexpr auto kNewYear = std::int64_t{1'672'531'200'000};

TEST_F(BarFileTest, KeepsTheExactTexts) {
  const auto file = read(kHeader + "1672531200000,1.10,2.000,1e0,1.5,0.0\r\n1672534800000,,2,1,x,3");
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->rows.size(), 2U);
  EXPECT_EQ(file->rows.open_time[0], from_ms(kNewYear));
  EXPECT_EQ(file->rows.open[0], "1.10");
  EXPECT_EQ(file->rows.high[0], "2.000");
  EXPECT_EQ(file->rows.low[0], "1e0");
  EXPECT_TRUE(file->rows.open.is_null(1));
  EXPECT_EQ(file->rows.close[1], "x") << "the judge says what is no number";
  EXPECT_TRUE(file->rows.quote_volume.is_null(0));
  EXPECT_EQ(file->rows.channel[0], Channel::import);
}

TEST_F(BarFileTest, KnowsUsualNamesAndSaysWhatItIgnores) {
  const auto file = read(
      "\xEF\xBB\xBF\"Open Time\",O,H,L,C,Vol,Turnover,Number of Trades,note\n"
      "2023-01-01T00:00:00Z,1,2,1,1.5,3,4.5,7,\"a, \"\"quoted\"\" word\"\n");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->rows.open_time[0], from_ms(kNewYear));
  EXPECT_EQ(file->rows.quote_volume[0], "4.5");
  EXPECT_EQ(file->rows.trade_count[0], "7");
  EXPECT_EQ(file->ignored, std::vector<std::string>{"note"});
}

TEST_F(BarFileTest, ColumnsAreNamedByOptions) {
  const auto file = read("a,b,c,d,e,f\n2023-01-01,1,2,1,1.5,3\n",
                         {"open_time=a", "open=b", "high=c", "low=d", "close=e", "volume=f"});
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->rows.volume[0], "3");
  EXPECT_NE(error("a,open,high,low,close,volume\n").find("no column is known as open_time"), std::string::npos);
  EXPECT_NE(error("time,date,open,high,low,close,volume\n").find("both 'time' and 'date'"), std::string::npos);
  EXPECT_NE(error(kHeader, {"opn=a"}).find("is not OURS=THEIRS"), std::string::npos);
  EXPECT_NE(error(kHeader, {"open=a"}).find("has no column 'a'"), std::string::npos);
}

TEST_F(BarFileTest, UnitsOfTimeAreSeenOrNamed) {
  const std::string row = ",1,2,1,1,3\n";
  for (const std::string time : {"1672531200", "1672531200000", "1672531200000000", "1672531200000000000",
                                 "1672531200.0", "2023-01-01", "2023-01-01 00:00:00", "2023-01-01T01:00:00+01:00"}) {
    const auto file = read(kHeader + time + row);
    ASSERT_TRUE(file) << time << ": " << file.error().message;
    EXPECT_EQ(file->rows.open_time[0], from_ms(kNewYear)) << time;
  }
  EXPECT_TRUE(read(kHeader + "1672531200" + row, {}, "s"));
  EXPECT_NE(error(kHeader + "1672531200" + row, {}, "ms").find("looks like s while"), std::string::npos);
  EXPECT_NE(error(kHeader + "1672531200" + row, {}, "hours").find("not one of s, ms, us, ns"), std::string::npos);
  EXPECT_NE(error(kHeader + "1672531200" + row + "1672534800000" + row).find("bars.csv:3: 1672534800000 looks like ms"),
            std::string::npos);
}

TEST_F(BarFileTest, ErrorsNameFileAndLine) {
  EXPECT_NE(error(kHeader + "1672531200000,1,2\n").find("bars.csv:2: has 3 cells"), std::string::npos);
  EXPECT_NE(error(kHeader + "1672531200000,1,2,1,1,3\n,1,2,1,1,3\n").find("bars.csv:3: a row without a time"),
            std::string::npos);
  EXPECT_NE(error(kHeader + "yesterday,1,2,1,1,3\n").find("bars.csv:2: "), std::string::npos);
  EXPECT_NE(error(kHeader + "\"1672531200000,1,2,1,1,3\n").find("bars.csv:2: a quoted cell has no end"),
            std::string::npos);
  EXPECT_NE(error("1672531200000,1,2,1,1,3\n").find("expected a header line"), std::string::npos);
  EXPECT_NE(error(kHeader).find("holds no rows"), std::string::npos);
  EXPECT_NE(error("").find("is empty"), std::string::npos);
  EXPECT_NE(error(std::string("a\0b", 3)).find("neither CSV, Parquet nor Feather"), std::string::npos);
  EXPECT_EQ(read_bars((folder_ / "absent.csv").string(), {}, {}).error().code, ErrorCode::not_found);
  EXPECT_EQ(read_bars(folder_.string(), {}, {}).error().code, ErrorCode::not_found);
}

TEST_F(BarFileTest, WhatIsPackedOrNoTextIsNamed) {
  EXPECT_NE(error("\x1F\x8B\x08 and more").find("is packed with gzip; unpack it first"), std::string::npos);
  EXPECT_NE(error("PK\x03\x04 and more").find("is packed with zip"), std::string::npos);
  EXPECT_NE(error(kHeader + "1672531200000,1,2,1,1\xC3\xA9,3\n").find("bars.csv:2: close is no text of a number"),
            std::string::npos);
  EXPECT_NE(error(kHeader + "1672531200000,1,2,1,1," + std::string(300, '1') + "\n").find("(300 bytes)"),
            std::string::npos);
}

TEST_F(BarFileTest, WhatTheJudgeWillRefuseIsSaidWithItsLine) {
  const auto series = Series::parse("bybit.linear.BTCUSDT@1h").value();
  const auto file = read(
      "open_time,open,high,low,close,volume,turnover\n2023-01-01T00:00:00Z,1,2,1,1,3,4\n"
      "2023-01-01T01:00:00Z,1,2,1,x,3,4\n2023-01-01T02:07:00Z,1,2,1,1,3,4\n\n2023-01-01T03:00:00Z,1,2,,1,3,4\n"
      "2023-01-01T04:00:00Z,1,2,1,1,3,\n2023-01-01T05:00:00Z,1,2,1,1,3,inf\n");
  ASSERT_TRUE(file) << file.error().message;
  const auto doubts = doubts_of(*file, series, 3);
  EXPECT_EQ(doubts.count, 4);
  ASSERT_EQ(doubts.lines.size(), 3U);
  EXPECT_TRUE(doubts.lines[0].ends_with("bars.csv:3: close 'x' is no number")) << doubts.lines[0];
  EXPECT_TRUE(doubts.lines[1].ends_with("bars.csv:4: 2023-01-01T02:07:00Z is no open time of a 1h bar"))
      << doubts.lines[1];
  EXPECT_TRUE(doubts.lines[2].ends_with("bars.csv:6: low is absent")) << doubts.lines[2];
}

TEST_F(BarFileTest, DamagedBinaryFilesAreRefused) {
  for (const std::string bytes : {"PAR1", "PAR1 and nothing that is Parquet PAR1", "ARROW1", "ARROW1\0\0 nothing",
                                  "\xFF\xFF\xFF\xFF\x10\x20\x30\x40 rubbish"}) {
    const auto file = read(bytes);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, ErrorCode::corrupt_data);
  }
}

}  // namespace
}  // namespace tdm::cli::detail
