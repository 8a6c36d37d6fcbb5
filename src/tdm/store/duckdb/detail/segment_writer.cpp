#include "tdm/store/duckdb/detail/segment_writer.hpp"

#include <arrow/io/memory.h>
#include <fmt/format.h>
#include <parquet/column_writer.h>
#include <parquet/file_writer.h>
#include <parquet/properties.h>
#include <parquet/schema.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "tdm/store/duckdb/detail/files.hpp"           // NewFile, sha256
#include "tdm/store/duckdb/detail/schema.hpp"          // fields
#include "tdm/store/duckdb/detail/segment_reader.hpp"  // check_pages

namespace tdm::store::duckdb::detail {
namespace {

using parquet::LogicalType;
using parquet::Repetition;
using parquet::Type;
using parquet::schema::GroupNode;
using parquet::schema::NodePtr;
using parquet::schema::PrimitiveNode;

constexpr std::int64_t kRowGroupRows = 131'072;
constexpr std::int64_t kPageBytes = 256 << 10;
constexpr int kZstdLevel = 1;  // higher ones cost ingest more than they save

NodePtr text_node(std::string_view name, bool nullable) {
  return PrimitiveNode::Make(std::string{name}, nullable ? Repetition::OPTIONAL : Repetition::REQUIRED,
                             LogicalType::String(), Type::BYTE_ARRAY);
}

NodePtr node_of(const Field& field) {
  const std::string name{field.name};
  const auto repetition = field.nullable ? Repetition::OPTIONAL : Repetition::REQUIRED;
  switch (field.kind) {
    case Kind::time:
      return PrimitiveNode::Make(name, repetition, LogicalType::Timestamp(true, LogicalType::TimeUnit::MICROS),
                                 Type::INT64);
    case Kind::real: return PrimitiveNode::Make(name, repetition, Type::DOUBLE);
    case Kind::integer:
    case Kind::number: return PrimitiveNode::Make(name, repetition, Type::INT64);
    case Kind::small: return PrimitiveNode::Make(name, repetition, Type::INT32);
    case Kind::flags: return PrimitiveNode::Make(name, repetition, LogicalType::Int(32, false), Type::INT32);
    case Kind::text:
    case Kind::word: return text_node(field.name, field.nullable);
  }
  std::abort();  // not a kind at all: memory is corrupt
}

std::shared_ptr<GroupNode> schema_of(Layer layer) {
  parquet::schema::NodeVector nodes;
  for (const auto name : kKeyColumns) nodes.push_back(text_node(name, false));
  for (const auto& field : fields(layer)) nodes.push_back(node_of(field));
  return std::static_pointer_cast<GroupNode>(GroupNode::Make("bar", Repetition::REQUIRED, nodes));
}

// Doubles split by byte and times as differences compress best and decode fastest; a dictionary only where few values
// are.
std::shared_ptr<parquet::WriterProperties> properties_of(Layer layer) {
  parquet::WriterProperties::Builder builder;
  builder.compression(parquet::Compression::ZSTD)
      ->compression_level(kZstdLevel)
      ->enable_page_checksum()
      ->data_pagesize(kPageBytes)
      ->max_row_group_length(kRowGroupRows)
      ->set_size_statistics_level(parquet::SizeStatisticsLevel::None)
      ->created_by("trading-data-market");
  for (const auto& field : fields(layer)) {
    const std::string name{field.name};
    switch (field.kind) {
      case Kind::time:
      case Kind::integer:
      case Kind::number:
        builder.disable_dictionary(name)->encoding(name, parquet::Encoding::DELTA_BINARY_PACKED);
        break;
      case Kind::real: builder.disable_dictionary(name)->encoding(name, parquet::Encoding::BYTE_STREAM_SPLIT); break;
      case Kind::text: builder.disable_dictionary(name)->disable_statistics(name); break;
      case Kind::small:
      case Kind::flags:
      case Kind::word: break;
    }
  }
  return builder.build();
}

template <class Writer, class T>
void write_values(parquet::ColumnWriter& column, std::span<const T> values, std::span<const std::uint8_t> valid,
                  bool nullable) {
  using Value = typename Writer::T;
  static_assert(sizeof(Value) == sizeof(T));
  auto& writer = static_cast<Writer&>(column);
  const auto rows = static_cast<std::int64_t>(values.size());
  const auto* data = reinterpret_cast<const Value*>(values.data());
  if (!nullable) {
    writer.WriteBatch(rows, nullptr, nullptr, data);
    return;
  }
  if (valid.empty()) {
    const std::vector<std::int16_t> levels(values.size(), 1);
    writer.WriteBatch(rows, levels.data(), nullptr, data);
    return;
  }
  const std::vector<std::int16_t> levels(valid.begin(), valid.end());
  std::vector<Value> present;
  present.reserve(values.size());
  for (std::size_t row = 0; row < values.size(); ++row)
    if (valid[row] != 0) present.push_back(data[row]);
  writer.WriteBatch(rows, levels.data(), nullptr, present.data());
}

void write_text(parquet::ColumnWriter& column, const TextColumn& text, std::size_t first, std::size_t last,
                bool nullable) {
  std::vector<std::int16_t> levels(last - first, 1);
  std::vector<parquet::ByteArray> values;
  values.reserve(last - first);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.bytes().data());
  const auto offsets = text.offsets();
  for (auto row = first; row < last; ++row) {
    if (text.is_null(row))
      levels[row - first] = 0;
    else
      values.emplace_back(static_cast<std::uint32_t>(offsets[row + 1] - offsets[row]), bytes + offsets[row]);
  }
  static_cast<parquet::ByteArrayWriter&>(column).WriteBatch(static_cast<std::int64_t>(last - first),
                                                            nullable ? levels.data() : nullptr, nullptr, values.data());
}

void write_constant(parquet::ColumnWriter& column, std::string_view value, std::size_t rows) {
  const std::vector<parquet::ByteArray> values(rows, parquet::ByteArray{value});
  static_cast<parquet::ByteArrayWriter&>(column).WriteBatch(static_cast<std::int64_t>(rows), nullptr, nullptr,
                                                            values.data());
}

void write_numbers(parquet::ColumnWriter& column, const TextColumn& text, std::size_t first, std::size_t last) {
  std::vector<std::int64_t> values(last - first);
  for (auto row = first; row < last; ++row) {
    const auto digits = text[row].value_or("0");
    std::from_chars(digits.data(), digits.data() + digits.size(), values[row - first]);
  }
  write_values<parquet::Int64Writer>(column, std::span<const std::int64_t>{values}, {}, false);
}

void write_column(parquet::ColumnWriter& writer, const Field& field, const Column& column, std::size_t first,
                  std::size_t last) {
  const auto part = [&](auto all) { return all.subspan(first, last - first); };
  const auto valid = column.valid.empty() ? column.valid : part(column.valid);
  switch (field.kind) {
    case Kind::time:
      return write_values<parquet::Int64Writer>(writer, part(std::get<std::span<const TimePoint>>(column.data)), valid,
                                                field.nullable);
    case Kind::real:
      return write_values<parquet::DoubleWriter>(writer, part(std::get<std::span<const double>>(column.data)), valid,
                                                 field.nullable);
    case Kind::integer:
      return write_values<parquet::Int64Writer>(writer, part(std::get<std::span<const std::int64_t>>(column.data)),
                                                valid, field.nullable);
    case Kind::small:
      return write_values<parquet::Int32Writer>(writer, part(std::get<std::span<const std::int32_t>>(column.data)),
                                                valid, field.nullable);
    case Kind::flags:
      return write_values<parquet::Int32Writer>(writer, part(std::get<std::span<const std::uint32_t>>(column.data)),
                                                valid, field.nullable);
    case Kind::text:
    case Kind::word: return write_text(writer, *std::get<const TextColumn*>(column.data), first, last, field.nullable);
    case Kind::number: return write_numbers(writer, *std::get<const TextColumn*>(column.data), first, last);
  }
}

std::vector<std::string> key_values(const Series& series) {
  const auto& id = series.instrument;
  return {id.exchange.text(), id.market.text(), id.symbol.text(), std::string{to_string(series.price_kind)},
          std::string{series.timeframe.name()}};
}

void write_row_group(parquet::ParquetFileWriter& file, const Series& series, const Rows& rows) {
  auto* group = file.AppendRowGroup();
  for (const auto& value : key_values(series)) write_constant(*group->NextColumn(), value, rows.last - rows.first);
  for (const auto& field : fields(rows.layer))
    write_column(*group->NextColumn(), field, *rows.frame.find(field.name), rows.first, rows.last);
  group->Close();
}

// What a reader of the manifest wants to know without reading the rows.
void describe(Segment& segment, const Rows& rows) {
  const auto times = std::get<std::span<const TimePoint>>(rows.frame.find("open_time")->data);
  segment.layer = rows.layer;
  segment.rows = static_cast<std::int64_t>(rows.last - rows.first);
  segment.first = times[rows.first];
  segment.last = times[rows.last - 1];
  if (rows.layer != Layer::validated) return;
  const auto& sources = *std::get<const TextColumn*>(rows.frame.find("source")->data);
  const auto versions = std::get<std::span<const std::int32_t>>(rows.frame.find("rule_version")->data);
  for (auto row = rows.first; row < rows.last; ++row) ++segment.sources[std::string{*sources[row]}];
  segment.rule_version = std::ranges::max(versions.subspan(rows.first, rows.last - rows.first));
}

}  // namespace

Result<std::string> encode(const Series& series, const Rows& rows) {
  try {
    auto sink = arrow::io::BufferOutputStream::Create(1 << 20).ValueOrDie();
    const auto file = parquet::ParquetFileWriter::Open(sink, schema_of(rows.layer), properties_of(rows.layer));
    constexpr auto kStep = static_cast<std::size_t>(kRowGroupRows);
    for (auto first = rows.first; first < rows.last; first += kStep)
      write_row_group(*file, series, Rows{rows.layer, rows.frame, first, std::min(rows.last, first + kStep)});
    file->Close();
    return sink->Finish().ValueOrDie()->ToString();
  } catch (const parquet::ParquetException& e) {
    return fail(ErrorCode::internal, fmt::format("cannot encode a segment of {}: {}", series.text(), e.what()));
  }
}

Result<Segment> write_segment(const Layout& layout, const Series& series, const Rows& rows, Place place) {
  auto bytes = encode(series, rows);
  if (!bytes) return std::unexpected{std::move(bytes).error()};
  Segment segment;
  describe(segment, rows);
  segment.sha256 = sha256(bytes_of(*bytes));
  segment.bytes = static_cast<std::int64_t>(bytes->size());
  segment.path = place == Place::superseded
                     ? Layout::superseded(segment.sha256)
                     : Layout::segment(rows.layer, series, period_of(series.timeframe, segment.first), segment.first,
                                       segment.sha256);
  const auto path = layout.absolute(segment.path);
  if (auto made = make_folders(parent_of(path)); !made) return std::unexpected{std::move(made).error()};
  auto file = NewFile::write(path, bytes_of(*bytes));
  if (!file) return std::unexpected{std::move(file).error()};
  if (auto checked = check_pages(file->temporary_path(), segment); !checked)
    return std::unexpected{std::move(checked).error()};
  if (auto published = file->publish(); !published) return std::unexpected{std::move(published).error()};
  return segment;
}

}  // namespace tdm::store::duckdb::detail
