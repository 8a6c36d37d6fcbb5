#include "tdm/query/arrow.hpp"

#include <arrow/api.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace tdm::query {
namespace {

// Memory of the frame; the answer lives as long as a buffer views it.
class FrameBuffer final : public arrow::Buffer {
 public:
  FrameBuffer(std::shared_ptr<const Answer> answer, const void* data, std::size_t bytes)
      : Buffer{static_cast<const std::uint8_t*>(data), static_cast<std::int64_t>(bytes)}, answer_{std::move(answer)} {}

 private:
  std::shared_ptr<const Answer> answer_;
};

std::shared_ptr<arrow::Buffer> bitmap(std::span<const std::uint8_t> valid) {
  if (valid.empty()) return nullptr;
  auto bits = arrow::AllocateEmptyBitmap(static_cast<std::int64_t>(valid.size())).ValueOrDie();
  auto* bytes = bits->mutable_data();
  for (std::size_t row = 0; row < valid.size(); ++row)
    if (valid[row] != 0) bytes[row / 8] = static_cast<std::uint8_t>(bytes[row / 8] | (1u << (row % 8)));
  return bits;
}

template <class T>
std::shared_ptr<arrow::DataType> type_of() {
  if constexpr (std::is_same_v<T, double>) return arrow::float64();
  if constexpr (std::is_same_v<T, std::int64_t>) return arrow::int64();
  if constexpr (std::is_same_v<T, std::int32_t>) return arrow::int32();
  if constexpr (std::is_same_v<T, std::uint32_t>) return arrow::uint32();
  if constexpr (std::is_same_v<T, TimePoint>) return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
}

std::shared_ptr<arrow::ArrayData> array_of(const std::shared_ptr<const Answer>& answer, const Column& column) {
  const auto rows = static_cast<std::int64_t>(answer->frame.rows);
  const auto view = [&](const void* data, std::size_t bytes) {
    return std::make_shared<FrameBuffer>(answer, data, bytes);
  };
  return std::visit(
      [&]<class T>(const T& data) -> std::shared_ptr<arrow::ArrayData> {
        if constexpr (std::is_same_v<T, const TextColumn*>) {
          return arrow::ArrayData::Make(arrow::utf8(), rows,
                                        {data->null_count() == 0 ? nullptr : bitmap(data->validity()),
                                         view(data->offsets().data(), data->offsets().size_bytes()),
                                         view(data->bytes().data(), data->bytes().size())});
        } else {
          return arrow::ArrayData::Make(type_of<typename T::value_type>(), rows,
                                        {bitmap(column.valid), view(data.data(), data.size_bytes())});
        }
      },
      column.data);
}

}  // namespace

std::shared_ptr<arrow::RecordBatch> to_record_batch(std::shared_ptr<const Answer> answer) {
  std::vector<std::shared_ptr<arrow::Field>> fields;
  std::vector<std::shared_ptr<arrow::ArrayData>> arrays;
  for (const auto& column : answer->frame.columns) {
    arrays.push_back(array_of(answer, column));
    fields.push_back(arrow::field(column.name, arrays.back()->type));
  }
  auto metadata = arrow::key_value_metadata({"tdm.provenance"}, {to_json(answer->provenance)});
  const auto rows = static_cast<std::int64_t>(answer->frame.rows);
  return arrow::RecordBatch::Make(arrow::schema(fields, metadata), rows, arrays);
}

}  // namespace tdm::query
