#include "sim/truth_file.hpp"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <fmt/format.h>
#include <parquet/arrow/writer.h>
#include <parquet/properties.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <future>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "sim/decimal_text.hpp"

namespace tdm::sim {
namespace {

constexpr std::int64_t kBarsAtOnce = 262'144;
constexpr int kCompressionLevel = 1;

struct Piece {
  const History* history = nullptr;
  PriceKind kind;
  Timeframe timeframe;
  TimePoint first;
  TimePoint last;
};

std::shared_ptr<arrow::Schema> schema() {
  const auto word = arrow::dictionary(arrow::int8(), arrow::utf8());
  const auto number = arrow::float64();
  return arrow::schema({arrow::field("exchange", word, false), arrow::field("market", word, false),
                        arrow::field("symbol", word, false), arrow::field("price_kind", word, false),
                        arrow::field("timeframe", word, false),
                        arrow::field("open_time", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"), false),
                        arrow::field("open", number, false), arrow::field("high", number, false),
                        arrow::field("low", number, false), arrow::field("close", number, false),
                        arrow::field("volume", number, false), arrow::field("quote_volume", number, false)});
}

template <class T>
std::shared_ptr<arrow::Array> array_of(const std::shared_ptr<arrow::DataType>& type, std::vector<T> values) {
  const auto rows = static_cast<std::int64_t>(values.size());
  return arrow::MakeArray(
      arrow::ArrayData::Make(type, rows, {nullptr, arrow::Buffer::FromVector(std::move(values))}, 0));
}

// The same word in every row.
arrow::Result<std::shared_ptr<arrow::Array>> repeated(std::string_view word, std::size_t rows) {
  arrow::StringBuilder builder;
  ARROW_RETURN_NOT_OK(builder.Append(word));
  ARROW_ASSIGN_OR_RAISE(const auto dictionary, builder.Finish());
  return arrow::DictionaryArray::FromArrays(arrow::dictionary(arrow::int8(), arrow::utf8()),
                                            array_of(arrow::int8(), std::vector<std::int8_t>(rows, 0)), dictionary);
}

arrow::Result<std::shared_ptr<arrow::Table>> table_of(const Piece& piece, TimePoint now) {
  const Listing& listing = piece.history->listing();
  const auto bars = piece.history->oldest(piece.kind, piece.timeframe, piece.first, piece.last,
                                          static_cast<std::size_t>(kBarsAtOnce), now);
  const std::size_t rows = bars.size();
  std::vector<std::int64_t> times(rows);
  std::array<std::vector<double>, 6> numbers;
  for (auto& column : numbers) column.resize(rows);
  const int price = price_scale(listing, piece.kind);
  const bool traded = piece.kind == PriceKind::last;
  for (std::size_t i = 0; i < rows; ++i) {
    const TapeBar& bar = bars[i].bar;
    times[i] = to_us(bars[i].open_time);
    numbers[0][i] = nearest_double(bar.open, price);
    numbers[1][i] = nearest_double(bar.high, price);
    numbers[2][i] = nearest_double(bar.low, price);
    numbers[3][i] = nearest_double(bar.close, price);
    numbers[4][i] = numbers[5][i] = std::numeric_limits<double>::quiet_NaN();
    if (!traded) continue;
    numbers[listing.inverse() ? 5 : 4][i] =
        nearest_double(Int128{bar.volume} * listing.contract_size, listing.lot.scale);
    numbers[listing.inverse() ? 4 : 5][i] = nearest_double(bar.turnover, listing.turnover_scale());
  }
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (const std::string_view word :
       {std::string_view{listing.id.exchange.text()}, std::string_view{listing.id.market.text()},
        std::string_view{listing.id.symbol.text()}, to_string(piece.kind), piece.timeframe.name()}) {
    ARROW_ASSIGN_OR_RAISE(auto column, repeated(word, rows));
    columns.push_back(std::move(column));
  }
  columns.push_back(array_of(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"), std::move(times)));
  for (auto& column : numbers) columns.push_back(array_of(arrow::float64(), std::move(column)));
  return arrow::Table::Make(schema(), columns, static_cast<std::int64_t>(rows));
}

bool chosen(const Listing& listing, const std::vector<std::string>& symbols) {
  return symbols.empty() || std::ranges::any_of(symbols, [&](const std::string& wanted) {
           return wanted == listing.id.symbol.text() || wanted == listing.id.text();
         });
}

// Spot has no mark, and inverse contracts of Bybit have no premium.
bool has(const Listing& listing, PriceKind kind) {
  const auto& market = listing.id.market.text();
  return kind == PriceKind::last || (market != "spot" && !(market == "inverse" && kind == PriceKind::premium));
}

// Whole bars that have closed by `now`, cut into pieces of memory's size.
void add_pieces(std::vector<Piece>& pieces, const History& history, PriceKind kind, Timeframe timeframe,
                TimePoint now) {
  TimePoint end = timeframe.open_of(now);  // has not closed
  if (const auto& delivery = history.listing().delivery) end = std::min(end, timeframe.ceil(*delivery));
  for (TimePoint first = timeframe.open_of(history.begin()); first < end;) {
    const TimePoint next = std::min(end, timeframe.advance(first, kBarsAtOnce));
    pieces.push_back({&history, kind, timeframe, first, timeframe.advance(next, -1)});
    first = next;
  }
}

std::vector<Piece> pieces_of(const World& world, const TruthSelection& selection, TimePoint now) {
  const auto timeframes =
      selection.timeframes.empty() ? std::vector<Timeframe>{*Timeframe::parse("1m")} : selection.timeframes;
  const auto kinds = selection.price_kinds.empty() ? std::vector{PriceKind::last} : selection.price_kinds;
  std::vector<Piece> pieces;
  for (const auto& history : world.histories()) {
    if (!chosen(history->listing(), selection.symbols)) continue;
    for (const PriceKind kind : kinds) {
      if (!has(history->listing(), kind)) continue;
      for (const Timeframe timeframe : timeframes) add_pieces(pieces, *history, kind, timeframe, now);
    }
  }
  return pieces;
}

arrow::Result<std::int64_t> write_pieces(const std::vector<Piece>& pieces, TimePoint now, const std::string& file) {
  parquet::WriterProperties::Builder properties;
  properties.compression(parquet::Compression::ZSTD)->compression_level(kCompressionLevel);
  properties.enable_page_checksum();
  properties.version(parquet::ParquetVersion::PARQUET_2_6);
  for (const char* name : {"open_time", "open", "high", "low", "close", "volume", "quote_volume"}) {
    properties.disable_dictionary(name);
    properties.encoding(name, std::string_view{name} == "open_time" ? parquet::Encoding::DELTA_BINARY_PACKED
                                                                    : parquet::Encoding::BYTE_STREAM_SPLIT);
  }
  ARROW_ASSIGN_OR_RAISE(auto sink, arrow::io::FileOutputStream::Open(file));
  ARROW_ASSIGN_OR_RAISE(
      auto writer, parquet::arrow::FileWriter::Open(*schema(), arrow::default_memory_pool(), sink, properties.build()));
  std::int64_t rows = 0;
  const auto make = [&](std::size_t index) {
    return std::async(std::launch::async, [&pieces, index, now] { return table_of(pieces[index], now); });
  };
  std::future<arrow::Result<std::shared_ptr<arrow::Table>>> next;
  if (!pieces.empty()) next = make(0);
  for (std::size_t i = 0; i < pieces.size(); ++i) {  // one is made while the one before is written
    ARROW_ASSIGN_OR_RAISE(const auto table, next.get());
    if (i + 1 < pieces.size()) next = make(i + 1);
    if (table->num_rows() == 0) continue;
    ARROW_RETURN_NOT_OK(writer->WriteTable(*table, kBarsAtOnce));
    rows += table->num_rows();
  }
  ARROW_RETURN_NOT_OK(writer->Close());
  ARROW_RETURN_NOT_OK(sink->Close());
  return rows;
}

}  // namespace

Result<std::int64_t> write_truth(const World& world, const TruthSelection& selection, TimePoint now,
                                 const std::string& file) {
  const std::string temporary = file + ".part";
  const auto rows = write_pieces(pieces_of(world, selection, now), now, temporary);
  if (!rows.ok()) {
    return fail(ErrorCode::unavailable, fmt::format("{}: {}", file, rows.status().ToString()), "truth");
  }
  std::error_code failure;
  std::filesystem::rename(temporary, file, failure);
  if (failure) return fail(ErrorCode::unavailable, fmt::format("{}: {}", file, failure.message()), "truth");
  return *rows;
}

}  // namespace tdm::sim
