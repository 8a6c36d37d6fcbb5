#include "tdm/remote/detail/frames.hpp"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <fmt/format.h>

#include <cstring>
#include <utility>
#include <variant>
#include <vector>

namespace tdm::remote {
namespace {

using Values = std::variant<std::vector<double>, std::vector<std::int64_t>, std::vector<std::int32_t>,
                            std::vector<std::uint32_t>, std::vector<TimePoint>, TextColumn>;

struct OwnedColumn {
  std::string name;
  Values values;
  std::vector<std::uint8_t> valid;  // empty while nothing is null
};

std::unexpected<Error> corrupt(std::string_view what) {
  return fail(ErrorCode::corrupt_data, fmt::format("the server's Arrow stream: {}", what));
}

std::optional<Values> values_for(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::DOUBLE: return std::vector<double>{};
    case arrow::Type::INT64: return std::vector<std::int64_t>{};
    case arrow::Type::INT32: return std::vector<std::int32_t>{};
    case arrow::Type::UINT32: return std::vector<std::uint32_t>{};
    case arrow::Type::STRING: return TextColumn{};
    case arrow::Type::TIMESTAMP:
      if (static_cast<const arrow::TimestampType&>(type).unit() == arrow::TimeUnit::MICRO)
        return std::vector<TimePoint>{};
      return std::nullopt;
    default: return std::nullopt;
  }
}

template <class T>
void append_values(std::vector<T>& to, const arrow::Array& array) {
  const auto& data = *array.data();
  const auto old = to.size();
  to.resize(old + static_cast<std::size_t>(array.length()));
  if (array.length() > 0)
    std::memcpy(to.data() + old, data.buffers[1]->data() + data.offset * static_cast<std::int64_t>(sizeof(T)),
                static_cast<std::size_t>(array.length()) * sizeof(T));
}

void append_texts(TextColumn& to, const arrow::StringArray& array) {
  for (std::int64_t row = 0; row < array.length(); ++row) {
    if (array.IsNull(row)) {
      to.append_null();
    } else {
      to.append(std::string_view{array.GetView(row)});
    }
  }
}

void append_validity(OwnedColumn& column, std::size_t rows_before, const arrow::Array& array) {
  if (array.null_count() == 0 && column.valid.empty()) return;
  column.valid.resize(rows_before, 1);
  for (std::int64_t row = 0; row < array.length(); ++row) column.valid.push_back(array.IsValid(row) ? 1 : 0);
}

void append(OwnedColumn& column, std::size_t rows_before, const arrow::Array& array) {
  std::visit(
      [&]<class T>(T& values) {
        if constexpr (std::is_same_v<T, TextColumn>) {
          append_texts(values, static_cast<const arrow::StringArray&>(array));
        } else {
          append_values(values, array);
          append_validity(column, rows_before, array);
        }
      },
      column.values);
}

}  // namespace

struct FrameJoiner::Columns {
  std::vector<OwnedColumn> all;
  std::size_t rows = 0;

  // The first page says which columns there are; the others must agree.
  Result<void> agree(const arrow::Schema& schema) {
    if (all.empty()) return adopt(schema);
    if (static_cast<std::size_t>(schema.num_fields()) != all.size()) return corrupt("its pages have different columns");
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto& field = *schema.field(static_cast<int>(i));
      const auto values = values_for(*field.type());
      if (field.name() != all[i].name || !values || values->index() != all[i].values.index())
        return corrupt("its pages have different columns");
    }
    return {};
  }

  Result<void> adopt(const arrow::Schema& schema) {
    for (const auto& field : schema.fields()) {
      auto values = values_for(*field->type());
      if (!values) return corrupt(fmt::format("column {} has type {}", field->name(), field->type()->ToString()));
      all.push_back({field->name(), *std::move(values), {}});
    }
    if (all.empty() || all.front().name != "open_time" ||
        !std::holds_alternative<std::vector<TimePoint>>(all.front().values))
      return corrupt("its first column is not open_time");
    return {};
  }

  Result<void> take(const arrow::RecordBatch& batch) {
    if (const auto status = batch.ValidateFull(); !status.ok()) return corrupt(status.ToString());
    for (std::size_t i = 0; i < all.size(); ++i) append(all[i], rows, *batch.column(static_cast<int>(i)));
    const auto first_new = rows;
    rows += static_cast<std::size_t>(batch.num_rows());
    const auto& times = std::get<std::vector<TimePoint>>(all.front().values);
    for (auto row = std::max<std::size_t>(first_new, 1); row < rows; ++row)
      if (times[row] < times[row - 1]) return corrupt("its rows are not in order of open_time");
    return {};
  }
};

FrameJoiner::FrameJoiner() : columns_{std::make_shared<Columns>()} {}
FrameJoiner::~FrameJoiner() = default;

Result<std::string> FrameJoiner::add(std::string_view stream) {
  auto source = std::make_shared<arrow::io::BufferReader>(std::make_shared<arrow::Buffer>(
      reinterpret_cast<const std::uint8_t*>(stream.data()), static_cast<std::int64_t>(stream.size())));
  auto opened = arrow::ipc::RecordBatchStreamReader::Open(source);
  if (!opened.ok()) return corrupt(opened.status().ToString());
  const auto reader = *opened;
  if (auto agreed = columns_->agree(*reader->schema()); !agreed) return std::unexpected{std::move(agreed).error()};
  for (;;) {
    std::shared_ptr<arrow::RecordBatch> batch;
    if (const auto status = reader->ReadNext(&batch); !status.ok()) return corrupt(status.ToString());
    if (!batch) break;
    if (auto taken = columns_->take(*batch); !taken) return std::unexpected{std::move(taken).error()};
  }
  const auto& metadata = reader->schema()->metadata();
  const auto found = metadata ? metadata->FindKey("tdm.provenance") : -1;
  if (found < 0) return corrupt("it has no tdm.provenance");
  return metadata->value(found);
}

Frame FrameJoiner::finish() && {
  Frame frame;
  frame.rows = columns_->rows;
  for (const auto& owned : columns_->all) {
    Column column{.name = owned.name, .data = {}};
    std::visit(
        [&]<class T>(const T& values) {
          if constexpr (std::is_same_v<T, TextColumn>) {
            column.data = &values;
          } else {
            column.data = std::span<const typename T::value_type>{values};
            column.valid = owned.valid;
          }
        },
        owned.values);
    frame.columns.push_back(std::move(column));
  }
  frame.owner = std::move(columns_);
  return frame;
}

}  // namespace tdm::remote
