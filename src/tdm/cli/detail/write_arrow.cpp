#include "tdm/cli/detail/write_arrow.hpp"

#include <arrow/io/interfaces.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>
#include <arrow/table.h>
#include <parquet/arrow/writer.h>
#include <parquet/properties.h>

#include "tdm/query/arrow.hpp"  // to_record_batch

namespace tdm::cli::detail {
namespace {

// A standard stream as Arrow writes to one.
class StreamSink final : public arrow::io::OutputStream {
 public:
  explicit StreamSink(std::ostream& out) : out_{out} { set_mode(arrow::io::FileMode::WRITE); }

  arrow::Status Write(const void* data, std::int64_t bytes) override {
    out_.write(static_cast<const char*>(data), bytes);
    position_ += bytes;
    return out_ ? arrow::Status::OK() : arrow::Status::IOError("the output cannot be written");
  }
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }
  arrow::Result<std::int64_t> Tell() const override { return position_; }

 private:
  std::ostream& out_;
  std::int64_t position_ = 0;
  bool closed_ = false;
};

Result<void> outcome(const arrow::Status& status) {
  if (status.ok()) return {};
  return fail(status.IsIOError() ? ErrorCode::unavailable : ErrorCode::internal, status.message());
}

using MakeWriter = arrow::Result<std::shared_ptr<arrow::ipc::RecordBatchWriter>>(arrow::io::OutputStream*,
                                                                                 const std::shared_ptr<arrow::Schema>&);

arrow::Status write_ipc(const arrow::RecordBatch& batch, std::ostream& out, MakeWriter make_writer) {
  StreamSink sink{out};
  ARROW_ASSIGN_OR_RAISE(const auto writer, make_writer(&sink, batch.schema()));
  ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(batch));
  return writer->Close();
}

arrow::Status write_file(const std::shared_ptr<arrow::RecordBatch>& batch, std::ostream& out) {
  ARROW_ASSIGN_OR_RAISE(const auto table, arrow::Table::FromRecordBatches({batch}));
  const auto properties =
      parquet::WriterProperties::Builder().compression(parquet::Compression::ZSTD)->enable_page_checksum()->build();
  const auto arrow_properties = parquet::ArrowWriterProperties::Builder().store_schema()->build();
  return parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), std::make_shared<StreamSink>(out),
                                    parquet::DEFAULT_MAX_ROW_GROUP_LENGTH, properties, arrow_properties);
}

}  // namespace

Result<void> write_arrow_stream(const std::shared_ptr<const query::Answer>& answer, std::ostream& out) {
  return outcome(write_ipc(*query::to_record_batch(answer), out,
                           [](arrow::io::OutputStream* sink, const std::shared_ptr<arrow::Schema>& schema) {
                             return arrow::ipc::MakeStreamWriter(sink, schema);
                           }));
}

Result<void> write_feather(const std::shared_ptr<const query::Answer>& answer, std::ostream& out) {
  return outcome(write_ipc(*query::to_record_batch(answer), out,
                           [](arrow::io::OutputStream* sink, const std::shared_ptr<arrow::Schema>& schema) {
                             return arrow::ipc::MakeFileWriter(sink, schema);
                           }));
}

Result<void> write_parquet(const std::shared_ptr<const query::Answer>& answer, std::ostream& out) {
  return outcome(write_file(query::to_record_batch(answer), out));
}

}  // namespace tdm::cli::detail
