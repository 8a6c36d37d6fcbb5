// The private parts of the room that have logic of their own.
#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <parquet/arrow/reader.h>
#include <unistd.h>
#include <zlib.h>
#include <bit>

#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <sstream>

#include "tdm/cli/detail/progress.hpp"
#include "tdm/cli/detail/recording.hpp"
#include "tdm/cli/detail/text.hpp"
#include "tdm/cli/detail/write_answer.hpp"
#include "tdm/cli/tests/fake_data.hpp"

namespace tdm::cli::detail {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string written(Format format, query::Answer answer) {
  std::ostringstream out;
  EXPECT_TRUE(write_answer(format, std::make_shared<const query::Answer>(std::move(answer)), out));
  return out.str();
}

TEST(Text, NumbersForEyes) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1'051'200), "1,051,200");
  EXPECT_EQ(count_text(-1'000), "-1,000");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(1'500), "1.5 kB");
  EXPECT_EQ(bytes_text(640'000), "640 kB");
  EXPECT_EQ(bytes_text(std::numeric_limits<std::int64_t>::max()), "9223372 TB");
  EXPECT_EQ(seconds_text(0.2), "1 s");
  EXPECT_EQ(seconds_text(119), "119 s");
  EXPECT_EQ(seconds_text(600), "10 min");
  EXPECT_EQ(seconds_text(12'000), "3 h 20 min");
  EXPECT_EQ(seconds_text(1e6), "11 days 13 h");
  EXPECT_EQ(plural(1, "request"), "1 request");
  EXPECT_EQ(plural(9, "request"), "9 requests");
}

TEST(Text, ColumnsAlignByCharactersAndNotByBytes) {
  Table table{{{"name"}, {"n", Table::Align::right}, {"note"}}};
  table.add({"é", "10", ""});
  table.add({"abcd", "5", "x"});
  EXPECT_EQ(table.text(), "name   n  note\né     10\nabcd   5  x\n");
}

TEST(Progress, LinesSayHowFarHowFastAndHowLong) {
  const Totals totals{.done = 368'000, .total = 1'051'200, .bars_per_second = 109'876.4, .seconds_left = 6.2};
  EXPECT_EQ(bar_line(totals), "[#######-------------]  35 %  368,000/1,051,200 bars  109,876 bars/s  7 s left");
  EXPECT_EQ(plain_line(totals), "35 %, 368,000 of 1,051,200 bars, 109,876 bars/s, 7 s left");
  EXPECT_THAT(bar_line({}), HasSubstr("100 %"));
  EXPECT_THAT(plain_line({.done = 0, .total = 5}), HasSubstr("time left unknown"));
}

TEST(Progress, SeveralFillsAddUp) {
  std::ostringstream out, err;
  const Services services;
  const Streams streams{out, err};
  const Context context{services, streams, {}};
  ProgressDisplay display{context, {100, 50}};
  EXPECT_EQ(display.totals().total, 150);
  display.update(0, {.total_bars = 80, .done_bars = 40, .planned = true});
  EXPECT_EQ(display.totals().done, 40);
  EXPECT_EQ(display.totals().total, 130);
  display.update(1, {.done_bars = 60});
  EXPECT_EQ(display.totals().total, 140) << "an estimate that was too small grows";
  display.finish(0);
  EXPECT_EQ(display.totals().total, 100);
}

// ---- formats

TEST(WriteAnswer, EveryDoubleReadsBackAsItself) {
  std::mt19937_64 random{7};
  std::vector<double> closes{0.1, 1e-300, 1.7976931348623157e308, 5e-324, -0.0, 123456789.123456789};
  for (int i = 0; i < 500; ++i) {
    const auto value = std::bit_cast<double>(random());
    if (std::isfinite(value)) closes.push_back(value);
  }
  const auto csv = written(Format::csv, answer_of("bybit.linear.BTCUSDT@1h", closes));
  std::istringstream lines{csv};
  std::string line;
  std::getline(lines, line);
  for (const double close : closes) {
    ASSERT_TRUE(std::getline(lines, line));
    const auto begin = line.find(',') + 1;
    EXPECT_EQ(std::strtod(line.c_str() + begin, nullptr), close) << line;
  }
  EXPECT_FALSE(std::getline(lines, line));
}

TEST(WriteAnswer, ArrowAndParquetHoldTheSameTable) {
  const auto answer = answer_of("bybit.linear.BTCUSDT@1h", {1.5, 2.5, 3.5});
  const auto stream = written(Format::arrow, answer);
  const auto reader = arrow::ipc::RecordBatchStreamReader::Open(
                          std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(stream)))
                          .ValueOrDie();
  const auto from_stream = reader->ToTable().ValueOrDie();
  EXPECT_EQ(from_stream->num_rows(), 3);
  EXPECT_EQ(from_stream->schema()->field(0)->type()->ToString(), "timestamp[us, tz=UTC]");
  EXPECT_TRUE(from_stream->schema()->metadata()->Contains("tdm.provenance"));

  const auto file = written(Format::parquet, answer);
  const auto parquet_reader =
      parquet::arrow::OpenFile(std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(file)),
                               arrow::default_memory_pool())
          .ValueOrDie();
  const auto from_file = parquet_reader->ReadTable().ValueOrDie();
  EXPECT_TRUE(from_file->Equals(*from_stream));
  EXPECT_TRUE(from_file->schema()->metadata()->Contains("tdm.provenance"));
}

TEST(WriteAnswer, NothingIsAHeadingAndNoRow) {
  EXPECT_EQ(written(Format::csv, answer_of("bybit.linear.BTCUSDT@1h", {})), "open_time,close,quote_volume,finality\n");
  EXPECT_THAT(written(Format::json, answer_of("bybit.linear.BTCUSDT@1h", {})), HasSubstr("\"data\":[]"));
}

TEST(WriteAnswer, AStreamThatFailsIsAnError) {
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  const auto answer = std::make_shared<const query::Answer>(answer_of("bybit.linear.BTCUSDT@1h", {1.0}));
  EXPECT_FALSE(write_answer(Format::arrow, answer, out));
  EXPECT_FALSE(write_answer(Format::parquet, answer, out));
}

// ---- recordings

std::vector<std::string> texts(std::string_view recording, bool whole = false) {
  std::vector<std::string> all;
  for (const auto& document : documents_of(recording, whole)) all.emplace_back(document.text);
  return all;
}

TEST(Recording, IsCutWhereDocumentsEnd) {
  EXPECT_THAT(texts("{\"a\":1}"), ElementsAre("{\"a\":1}"));
  EXPECT_THAT(texts("{\"a\":1}\n{\"a\":2}\n"), ElementsAre("{\"a\":1}", "{\"a\":2}"));
  EXPECT_THAT(texts("{\"a\":1}\n{\"a\":\n{\"a\":3}"), ElementsAre("{\"a\":1}", "{\"a\":", "{\"a\":3}"));
  EXPECT_THAT(texts("oops\n{\"a\":2}\n"), ElementsAre("oops", "{\"a\":2}"));
  EXPECT_THAT(texts("1700000000123 {\"a\":1}\n2024-01-01T00:00:00Z [2]\n"), ElementsAre("{\"a\":1}", "[2]"));
  EXPECT_THAT(texts("1700000000123 {\"a\":1}\n"), ElementsAre("{\"a\":1}"));
  EXPECT_THAT(texts("{\n\"a\": 1,\n\"b\": [\n"), ElementsAre("{\n\"a\": 1,\n\"b\": [\n"));
  EXPECT_THAT(texts("a,b\n1,2\n", true), ElementsAre("a,b\n1,2\n"));
  EXPECT_THAT(texts(" \n\n"), ElementsAre());
}

TEST(Recording, LinesAreCountedFromOneAndEmptyOnesCount) {
  const std::string text = "\n{\"a\":1}\n\n{\"a\":2}\n";
  const auto documents = documents_of(text, false);
  ASSERT_EQ(documents.size(), 2u);
  EXPECT_EQ(documents[0].line, 2);
  EXPECT_EQ(documents[1].line, 4);
}

TEST(Recording, WhatARecorderWroteIsToldFromWhatCame) {
  const auto documents = documents_of(
      "wss://stream.example.com:9443/stream?streams=a@trade <-> 1633998512.0\n"
      "wss://stream.example.com/ws <- 1633998512.1: {\"method\":\"SUBSCRIBE\"}\n"
      "1633998512.2: {\"a\":1}\n"
      "https://api.example.com/api/v3/depth?symbol=A&limit=5 -> 1633998512.3: {\"b\":[]}\n"
      "configuration: {\"trades\":[\"A\"]}\n",
      false);
  ASSERT_EQ(documents.size(), 5u);
  EXPECT_TRUE(documents[0].is_note && documents[1].is_note && documents[4].is_note);
  EXPECT_EQ(documents[2].text, "{\"a\":1}");
  EXPECT_EQ(documents[2].target, "");
  EXPECT_EQ(documents[3].text, "{\"b\":[]}");
  EXPECT_EQ(documents[3].target, "/api/v3/depth?symbol=A&limit=5");
  const auto single = documents_of("https://api.example.com/time -> 1.5: {\"t\":1}", false);
  ASSERT_EQ(single.size(), 1u);
  EXPECT_EQ(single[0].target, "/time");
  EXPECT_EQ(single[0].text, "{\"t\":1}");
}

TEST(Recording, GzipIsUndoneAndACutOneIsRefused) {
  const auto path = fs::temp_directory_path() / fmt::format("tdm_recording_{}.gz", getpid());
  const std::string text(100'000, 'x');
  const auto file = gzopen(path.c_str(), "wb");
  ASSERT_EQ(gzwrite(file, text.data(), static_cast<unsigned>(text.size())), static_cast<int>(text.size()));
  gzclose(file);
  EXPECT_EQ(read_recording(path.string(), false), text);
  fs::resize_file(path, fs::file_size(path) - 10);
  const auto cut = read_recording(path.string(), false);
  ASSERT_FALSE(cut);
  EXPECT_THAT(cut.error().message, HasSubstr("cannot be read"));
  std::ofstream{path} << "PK\x03\x04zip";
  EXPECT_THAT(read_recording(path.string(), false).error().message, HasSubstr("zip"));
  EXPECT_EQ(read_recording(path.string(), true), "PK\x03\x04zip");
  fs::remove(path);
  EXPECT_THAT(read_recording("/", false).error().message, HasSubstr("directory"));
}

}  // namespace
}  // namespace tdm::cli::detail
