#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tdm/cli/detail/command.hpp"  // ImportOptions
#include "tdm/core/bar.hpp"            // TextColumn, ObservationColumns

namespace tdm::cli::detail {

// A table of somebody's file: cells as text, numbers as they were written or, where the file holds binary numbers, as
// the shortest text that reads back as them.
class TableFile {
 public:
  virtual ~TableFile() = default;
  virtual const std::vector<std::string>& names() const = 0;
  virtual std::size_t rows() const = 0;
  // A column; times of a typed file become integer microseconds, and `is_us` is set.
  virtual Result<TextColumn> column(std::size_t index, bool& is_us) const = 0;
  virtual std::string place(std::size_t row) const = 0;  // "bars.csv:12" or "bars.parquet: row 11"
};

// By the file's first bytes: Parquet, Feather or an Arrow stream; anything else is CSV with a header line. not_found
// when it cannot be read, corrupt_data names file and line.
Result<std::unique_ptr<TableFile>> open_table(const std::string& path);
Result<std::unique_ptr<TableFile>> open_arrow_table(const std::string& path, std::string bytes);

// Its rows as observations of one series. Columns are known by their usual names or by `columns` (ours=theirs); times
// by their type, `time_unit` or the size of the numbers. Errors name file and line or row.
struct BarFile {
  ObservationColumns rows;
  std::vector<std::string> ignored;  // columns that mean nothing here
  std::shared_ptr<const TableFile> table;
};
Result<BarFile> read_bars(const std::string& path, const std::vector<std::string>& columns,
                          const std::optional<std::string>& time_unit);

// Rows that the judge will not take for bars of the series: numbers that are none or absent, times off the grid. One
// line each with its place, at most `most`, and their count.
struct Doubts {
  std::vector<std::string> lines;
  std::int64_t count = 0;
};
Doubts doubts_of(const BarFile& file, const Series& series, std::size_t most);

}  // namespace tdm::cli::detail
