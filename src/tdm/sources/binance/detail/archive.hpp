#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/instrument.hpp"               // Series
#include "tdm/sources/binance/detail/kline.hpp"  // KlineRow
#include "tdm/sources/binance/detail/parse.hpp"  // PageContext
#include "tdm/sources/connector.hpp"             // ArchiveFile, Page, PageRequest

// The public archives (https://data.binance.vision): which files there are, and what they say. Pure.
namespace tdm::sources::binance {

// The monthly and daily files that hold bars of the range, as far as they are published at `now`: those of a day on the
// next one, those of a month after the first Monday of the next. None of weeks and months, whose bars are few and do
// not keep to files.
std::vector<ArchiveFile> archive_files(const Series& series, TimeRange range, TimePoint now);

// The file's name without .zip: BTCUSDT-1m-2023-01, BTCUSDT-1m-2023-01-31. `period` is a whole month or a whole day.
std::string archive_name(const Series& series, TimeRange period);
// Where it lies: /data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2023-01.zip
std::string archive_target(const Series& series, TimeRange period);

// The SHA-256 that a CHECKSUM file states of the file `name`, in lower case. corrupt_data when it states none.
Result<std::string> parse_checksum(std::string_view text, std::string_view name);

// The rows of a CSV file as the kline rows that they are, with or without the header line. corrupt_data when the first
// line is neither a header that we know nor a row.
struct ArchiveRows {
  std::vector<KlineRow> rows;       // views into the text
  std::vector<std::int64_t> lines;  // where each stands, from 1
  std::deque<std::string> made;     // what they view that is not in the text
};
Result<ArchiveRows> parse_archive_rows(std::string_view csv);

// The rows of the file that open in the request; what the file holds beyond it is left out, what lies beyond the file's
// own period is rejected. corrupt_data when no row of it can be used.
Result<Page> parse_archive(std::string_view csv, const Series& series, const PageRequest& request,
                           const PageContext& context);

// The same of the zip file: one member, whose name is the file's.
Result<Page> parse_archive_zip(std::string_view bytes, const Series& series, const PageRequest& request,
                               const PageContext& context);

}  // namespace tdm::sources::binance
