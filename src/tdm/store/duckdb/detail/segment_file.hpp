#pragma once

#include <parquet/file_reader.h>

#include <cstdint>
#include <memory>
#include <string>

#include "tdm/store/duckdb/detail/block.hpp"   // Block
#include "tdm/store/duckdb/detail/files.hpp"   // FileIdentity
#include "tdm/store/duckdb/detail/layout.hpp"  // Layout, Segment

namespace tdm::store::duckdb::detail {

// One segment opened for reading, its hash compared. Parquet's own errors are thrown as ParquetException; read_rows
// turns them into corrupt_data. Not thread-safe.
class SegmentFile {
 public:
  // Finds the file at its place or, when it was replaced since the manifest was written, among the superseded by hash.
  static Result<SegmentFile> open(const Layout& layout, const Segment& segment);

  // Rows [first, last) of the file, which are those with range.begin <= open_time < range.end.
  struct Cut {
    std::size_t first = 0;
    std::size_t last = 0;
    std::size_t rows() const { return last - first; }
  };
  Cut locate(TimeRange range);

  // Reads the rows into the block, from its row `offset` on; text into `texts`, one per slot.
  void fill(Cut cut, Block& block, std::size_t offset, std::vector<TextColumn>& texts,
            std::vector<std::vector<std::int64_t>>& numbers);

 private:
  SegmentFile(std::unique_ptr<parquet::ParquetFileReader> reader, Segment segment)
      : reader_{std::move(reader)}, segment_{std::move(segment)} {}
  std::size_t rows_before(TimePoint bound);
  int column_index(std::string_view name) const;

  std::unique_ptr<parquet::ParquetFileReader> reader_;
  Segment segment_;
};

// Notes that the bytes of this file were hashed, so that nobody in this process does it again.
void remember_hash(const FileIdentity& file, const std::string& sha256);

// How our segments are read: page checksums verified.
parquet::ReaderProperties checked_reading();

std::unexpected<Error> corrupt(const Segment& segment, std::string_view problem);

}  // namespace tdm::store::duckdb::detail
