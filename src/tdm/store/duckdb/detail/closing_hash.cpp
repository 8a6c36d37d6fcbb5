#include "tdm/store/duckdb/detail/closing_hash.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <utility>

#include "tdm/store/duckdb/detail/files.hpp"  // read_file, sha256

namespace tdm::store::duckdb::detail {
namespace {

constexpr std::int64_t kMaxHashed = 256'000'000;  // a catalogue so large is not read twice at each opening
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

Result<void> leave_closing_hash(const std::string& db_path) {
  const auto size = stat_file(db_path);
  if (!size) return std::unexpected{size.error()};
  if (!*size || (*size)->size > kMaxHashed) return {};
  const auto database = read_file(db_path);
  if (!database) return std::unexpected{database.error()};
  if (!*database) return {};
  const auto hash = sha256(bytes_of((*database)->bytes));
  auto file = NewFile::write(hash_path(db_path), bytes_of(hash));
  if (!file) return std::unexpected{std::move(file).error()};
  return file->publish();
}

}  // namespace tdm::store::duckdb::detail
