// Parquet, Feather and Arrow streams as tables. Arrow alone in a source of its own: its headers are the slowest to
// compile.
#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <arrow/status.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <fmt/format.h>
#include <parquet/arrow/reader.h>

#include <charconv>
#include <cmath>
#include <exception>

#include "tdm/cli/detail/bar_file.hpp"

namespace tdm::cli::detail {
namespace {

template <class T>
void append_number(TextColumn& to, T value) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(value)) return to.append_null();
  }
  char digits[32];
  const auto [end, error] = std::to_chars(std::begin(digits), std::end(digits), value);
  to.append(std::string_view{digits, static_cast<std::size_t>(end - digits)});
}

template <class Array>
void append_numbers(TextColumn& to, const arrow::Array& chunk) {
  const auto& values = static_cast<const Array&>(chunk);
  for (std::int64_t row = 0; row < values.length(); ++row)
    values.IsNull(row) ? to.append_null() : append_number(to, values.Value(row));
}

template <class Array>
void append_texts(TextColumn& to, const arrow::Array& chunk) {
  const auto& values = static_cast<const Array&>(chunk);
  for (std::int64_t row = 0; row < values.length(); ++row)
    values.IsNull(row) ? to.append_null() : to.append(std::string_view{values.GetView(row)});
}

template <class Array>
void append_decimals(TextColumn& to, const arrow::Array& chunk) {
  const auto& values = static_cast<const Array&>(chunk);
  for (std::int64_t row = 0; row < values.length(); ++row)
    values.IsNull(row) ? to.append_null() : to.append(std::string_view{values.FormatValue(row)});
}

// Times as microseconds; what is finer stays a number that no reader takes.
arrow::Status append_times(TextColumn& to, const arrow::TimestampArray& values) {
  const auto unit = static_cast<const arrow::TimestampType&>(*values.type()).unit();
  for (std::int64_t row = 0; row < values.length(); ++row) {
    if (values.IsNull(row)) {
      to.append_null();
      continue;
    }
    std::int64_t us = values.Value(row);
    bool overflow = false;
    if (unit == arrow::TimeUnit::SECOND) overflow = __builtin_mul_overflow(us, std::int64_t{1'000'000}, &us);
    if (unit == arrow::TimeUnit::MILLI) overflow = __builtin_mul_overflow(us, std::int64_t{1'000}, &us);
    if (unit == arrow::TimeUnit::NANO) {
      if (us % 1000 != 0) return arrow::Status::Invalid("row ", row + 1, ": a time finer than a microsecond");
      us /= 1000;
    }
    if (overflow) return arrow::Status::Invalid("row ", row + 1, ": a time out of range");
    append_number(to, us);
  }
  return arrow::Status::OK();
}

arrow::Status append_chunk(TextColumn& to, const arrow::Array& chunk) {
  switch (chunk.type_id()) {
    case arrow::Type::DOUBLE: append_numbers<arrow::DoubleArray>(to, chunk); break;
    case arrow::Type::FLOAT: append_numbers<arrow::FloatArray>(to, chunk); break;
    case arrow::Type::INT64: append_numbers<arrow::Int64Array>(to, chunk); break;
    case arrow::Type::INT32: append_numbers<arrow::Int32Array>(to, chunk); break;
    case arrow::Type::UINT64: append_numbers<arrow::UInt64Array>(to, chunk); break;
    case arrow::Type::UINT32: append_numbers<arrow::UInt32Array>(to, chunk); break;
    case arrow::Type::STRING: append_texts<arrow::StringArray>(to, chunk); break;
    case arrow::Type::LARGE_STRING: append_texts<arrow::LargeStringArray>(to, chunk); break;
    case arrow::Type::DECIMAL128: append_decimals<arrow::Decimal128Array>(to, chunk); break;
    case arrow::Type::TIMESTAMP: return append_times(to, static_cast<const arrow::TimestampArray&>(chunk));
    default: return arrow::Status::TypeError(chunk.type()->ToString(), " is no number, text or time");
  }
  return arrow::Status::OK();
}

class ArrowTable final : public TableFile {
 public:
  ArrowTable(std::string path, std::shared_ptr<arrow::Table> table) : path_{std::move(path)}, table_{std::move(table)} {
    for (const auto& field : table_->schema()->fields()) names_.push_back(field->name());
  }
  const std::vector<std::string>& names() const override { return names_; }
  std::size_t rows() const override { return static_cast<std::size_t>(table_->num_rows()); }
  std::string place(std::size_t row) const override { return fmt::format("{}: row {}", path_, row + 1); }

  Result<TextColumn> column(std::size_t index, bool& is_us) const override {
    const auto& column = *table_->column(static_cast<int>(index));
    TextColumn text;
    for (const auto& chunk : column.chunks())
      if (const auto status = append_chunk(text, *chunk); !status.ok())
        return fail(ErrorCode::corrupt_data, fmt::format("{}: column {}: {}", path_, names_[index], status.message()),
                    "file");
    is_us = column.type()->id() == arrow::Type::TIMESTAMP;
    return text;
  }

 private:
  std::string path_;
  std::shared_ptr<arrow::Table> table_;
  std::vector<std::string> names_;
};

using TableResult = arrow::Result<std::shared_ptr<arrow::Table>>;

TableResult read_parquet(const std::shared_ptr<arrow::io::RandomAccessFile>& file) {
  parquet::ReaderProperties properties;
  properties.set_page_checksum_verification(true);
  parquet::arrow::FileReaderBuilder builder;
  ARROW_RETURN_NOT_OK(builder.Open(file, properties));
  ARROW_ASSIGN_OR_RAISE(const auto reader, builder.Build());
  return reader->ReadTable();
}

TableResult read_feather(const std::shared_ptr<arrow::io::RandomAccessFile>& file) {
  ARROW_ASSIGN_OR_RAISE(const auto reader, arrow::ipc::RecordBatchFileReader::Open(file));
  return reader->ToTable();
}

TableResult read_stream(const std::shared_ptr<arrow::io::InputStream>& stream) {
  ARROW_ASSIGN_OR_RAISE(const auto reader, arrow::ipc::RecordBatchStreamReader::Open(stream));
  return reader->ToTable();
}

TableResult read_table(std::string text) {
  // The columns view the file's bytes, so the buffer owns them.
  const auto buffer = arrow::Buffer::FromString(std::move(text));
  const std::string_view bytes{*buffer};
  const auto file = std::make_shared<arrow::io::BufferReader>(buffer);
  auto table = bytes.starts_with("PAR1")     ? read_parquet(file)
               : bytes.starts_with("ARROW1") ? read_feather(file)
                                             : read_stream(file);
  ARROW_RETURN_NOT_OK(table);
  // Nothing that a file says of itself is believed: offsets and lengths are checked before a value is touched.
  ARROW_RETURN_NOT_OK((*table)->ValidateFull());
  return table;
}

}  // namespace

Result<std::unique_ptr<TableFile>> open_arrow_table(const std::string& path, std::string bytes) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::corrupt_data, fmt::format("{}: {}", path, why), "file");
  };
  try {
    auto table = read_table(std::move(bytes));
    if (!table.ok()) return refuse(table.status().message());
    return std::make_unique<ArrowTable>(path, *std::move(table));
  } catch (const std::exception& error) {  // parquet throws for some damaged files
    return refuse(error.what());
  }
}

}  // namespace tdm::cli::detail
