#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/error.hpp"  // Result

namespace tdm::cli::detail {

inline constexpr std::size_t kMaxRecordingBytes = std::size_t{1} << 31;  // after decompression

// The whole file; gzip is undone, whatever its name. Zip files are the exchange's to unpack, and of archives only.
Result<std::string> read_recording(const std::string& path, bool archive);

struct Document {
  std::string_view text;      // views the recording
  std::int64_t line = 1;      // where it begins
  std::string_view target{};  // of the request, where the recorder wrote it: "URL -> receive time: JSON"
  bool is_note = false;       // the recorder's own: a connection, what was sent, a configuration
};

// One document, or one per line when the first lines are JSON each; what a recorder wrote before the JSON of a line, a
// receive time or the URL that was asked, is taken off. `whole`: never cut (an archive's rows are one document). An
// empty text has none.
std::vector<Document> documents_of(std::string_view text, bool whole);

}  // namespace tdm::cli::detail
