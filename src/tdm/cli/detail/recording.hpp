#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/error.hpp"  // Result

namespace tdm::cli::detail {

inline constexpr std::size_t kMaxRecordingBytes = std::size_t{1} << 31;  // after decompression

// The whole file; gzip is undone, whatever its name.
Result<std::string> read_recording(const std::string& path);

struct Document {
  std::string_view text;      // views the recording
  std::int64_t line = 1;      // where it begins
  std::string_view target{};  // path and query of the request that it answers, where the recorder wrote them
};

// One document, or one per line when the first lines are JSON each. What a recorder wrote before the JSON of a line (a
// receive time; `URL -> TIME:` of an answer, `URL <- TIME:` of what was sent) is skipped, and so are the lines that are
// about the recording itself (`URL <-> TIME`, `configuration: …`). `whole`: never cut (an archive's rows are one
// document). An empty text has none.
std::vector<Document> documents_of(std::string_view text, bool whole);

}  // namespace tdm::cli::detail
