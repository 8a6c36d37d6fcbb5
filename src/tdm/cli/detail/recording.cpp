#include "tdm/cli/detail/recording.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

namespace tdm::cli::detail {
namespace {

struct CloseGzip {
  void operator()(gzFile file) const { gzclose(file); }
};

bool is_json(std::string_view text) { return nlohmann::json::accept(text.begin(), text.end()); }

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

constexpr std::string_view kTimeMarks = "0123456789TZ:.,+- \t\"";

// Without the receive time before the message: digits and marks of a time.
std::string_view without_receive_time(std::string_view line) {
  const auto begin = line.find_first_of("{[");
  if (begin == std::string_view::npos) return line;
  return line.substr(0, begin).find_first_not_of(kTimeMarks) == std::string_view::npos ? line.substr(begin) : line;
}

bool is_url(std::string_view word) {
  for (const std::string_view scheme : {"https://", "http://", "wss://", "ws://"})
    if (word.starts_with(scheme)) return true;
  return false;
}

// "/path?query" of a URL.
std::string_view target_of(std::string_view url) {
  const auto path = url.find('/', url.find("://") + 3);
  return path == std::string_view::npos ? std::string_view{} : url.substr(path);
}

// A line without what its recorder wrote. "URL -> time: JSON" is an answer; "URL <-> time" a connection, "URL <- time:
// JSON" what was sent, and "configuration: JSON" how the recorder was set up.
Document as_recorded(Document line) {
  const auto url = line.text.substr(0, line.text.find(' '));
  const auto rest = line.text.substr(std::min(line.text.size(), url.size() + 1));
  if (is_url(url) && rest.starts_with("-> ")) {
    line.text = without_receive_time(rest.substr(3));
    line.target = target_of(url);
  } else if ((is_url(url) && rest.starts_with("<-")) || line.text.starts_with("configuration: {")) {
    line.is_note = true;
  } else {
    line.text = without_receive_time(line.text);
  }
  return line;
}

std::vector<Document> lines_of(std::string_view text) {
  std::vector<Document> lines;
  std::int64_t number = 1;
  for (std::size_t begin = 0; begin < text.size(); ++number) {
    const auto end = std::min(text.find('\n', begin), text.size());
    if (const auto line = trimmed(text.substr(begin, end - begin)); !line.empty()) lines.push_back({line, number});
    begin = end + 1;
  }
  return lines;
}

// A document that is laid out over lines has no complete JSON in its first two.
bool is_one_per_line(const std::vector<Document>& lines) {
  const auto complete = [](const Document& line) {
    const auto recorded = as_recorded(line);
    return recorded.is_note || is_json(recorded.text);
  };
  return complete(lines[0]) || (lines.size() > 1 && complete(lines[1]));
}

}  // namespace

Result<std::string> read_recording(const std::string& path, bool archive) {
  const auto unreadable = [&](std::string_view why) {
    return fail(ErrorCode::not_found, fmt::format("{} cannot be read: {}", path, why), "file");
  };
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return unreadable("it is a directory");
  errno = 0;
  const std::unique_ptr<std::remove_pointer_t<gzFile>, CloseGzip> file{gzopen(path.c_str(), "rb")};
  if (!file) return unreadable(std::strerror(errno));
  std::string text;
  constexpr std::size_t kPiece = 1u << 20;
  for (;;) {
    const auto before = text.size();
    text.resize(before + kPiece);
    const int got = gzread(file.get(), text.data() + before, kPiece);
    text.resize(before + static_cast<std::size_t>(std::max(got, 0)));
    int code = Z_OK;
    const char* message = gzerror(file.get(), &code);
    if (got < 0 || code < Z_OK) return unreadable(code == Z_BUF_ERROR ? "the gzip data is cut short" : message);
    if (text.size() > kMaxRecordingBytes) return unreadable("it is larger than 2 GiB");
    if (got == 0) break;
  }
  if (!archive && text.starts_with("PK\x03\x04")) return unreadable("it is a zip file: those are of --channel archive");
  return text;
}

std::vector<Document> documents_of(std::string_view text, bool whole) {
  auto lines = lines_of(text);
  if (lines.empty()) return {};
  if (whole || is_json(text) || !is_one_per_line(lines)) {
    if (!whole && lines.size() == 1) return {as_recorded(lines[0])};
    return {{text, 1}};
  }
  std::ranges::transform(lines, lines.begin(), as_recorded);
  return lines;
}

}  // namespace tdm::cli::detail
