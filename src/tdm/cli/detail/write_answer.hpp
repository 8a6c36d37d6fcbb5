#pragma once

#include <memory>
#include <optional>
#include <ostream>
#include <string_view>

#include "tdm/query/market_data.hpp"  // Answer

namespace tdm::cli::detail {

enum class Format { table, csv, json, arrow, parquet, feather };
std::optional<Format> parse_format(std::string_view text);  // what a query offers: all but feather
bool is_binary(Format format);

// table: for eyes, times as text. csv and json: as the HTTP API writes them, times as integer milliseconds, numbers as
// the shortest text that reads back as themselves. arrow: an IPC stream. parquet and feather (an IPC file): one
// file.
Result<void> write_answer(Format format, const std::shared_ptr<const query::Answer>& answer, std::ostream& out);

}  // namespace tdm::cli::detail
