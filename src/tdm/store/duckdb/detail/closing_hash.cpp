#include "tdm/store/duckdb/detail/closing_hash.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <exception>
#include <string>

#include "tdm/store/duckdb/detail/files.hpp"  // read_file, sha256

namespace tdm::store::duckdb::detail {
namespace {

constexpr std::int64_t kMaxHashed = std::int64_t{256} << 20;  // a catalogue so large is not read twice at each opening
constexpr std::size_t kHashLength = 64;

std::string hash_path(const std::string& db_path) { return db_path + ".sha256"; }

}  // namespace

Result<void> take_closing_hash(const std::string& db_path) {
  const auto path = hash_path(db_path);
  const auto left = read_file(path);
  if (!left) return std::unexpected{left.error()};
  if (!*left) return {};
  const auto database = read_file(db_path);
  if (!database) return std::unexpected{database.error()};
  const bool whole = (*left)->bytes.size() == kHashLength;  // a torn one says nothing
  if (*database && whole && sha256(bytes_of((*database)->bytes)) != (*left)->bytes)
    return fail(
        ErrorCode::corrupt_data,
        fmt::format("db_path: {} is damaged, or was changed or replaced since this program closed it. When it and "
                    "{} are moved away, the catalogue is made again from the manifests under parquet_path",
                    db_path, path),
        "db_path");
  remove_file(path);
  return sync_folder(parent_of(path));
}

void leave_closing_hash(const std::string& db_path) noexcept {
  try {
    const auto size = stat_file(db_path);
    if (!size || !*size || (*size)->size > kMaxHashed) return;
    const auto database = read_file(db_path);
    if (!database || !*database) return;
    auto file = NewFile::write(hash_path(db_path), bytes_of(sha256(bytes_of((*database)->bytes))));
    if (file && !file->publish()) return;
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
    // Out of memory: no hash.
  }
}

}  // namespace tdm::store::duckdb::detail
