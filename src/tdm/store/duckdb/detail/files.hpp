#pragma once

#include <sys/stat.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "tdm/core/error.hpp"  // Result

// The file system as the store needs it: every call says what failed and on which file, and nothing is reported durable
// that was not synced.
namespace tdm::store::duckdb::detail {

// An open file. Closed by its destructor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_{fd} {}
  Fd(Fd&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd();

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// What stays the same while a file's bytes do: our files are replaced, never written in place.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t size = 0;
  auto operator<=>(const FileIdentity&) const = default;
};
FileIdentity identity_of(const struct ::stat& status);

// storage_full when there is no space (or the file may not grow), else unavailable; the message names action and file.
Error io_error(int error_number, std::string_view action, const std::string& path);

// The identity of a file; nothing when there is none.
Result<std::optional<FileIdentity>> stat_file(const std::string& path);
// All bytes and whose they are; nothing when there is no such file.
struct FileBytes {
  std::string bytes;
  FileIdentity identity;
};
Result<std::optional<FileBytes>> read_file(const std::string& path);

// A folder and its missing parents, each synced into its parent.
Result<void> make_folders(const std::string& path);
Result<void> sync_folder(const std::string& path);
inline std::string parent_of(const std::string& path) { return path.substr(0, path.find_last_of('/')); }

// Writes a synced file beside `path` under a temporary name, in pieces of 2 MiB and more.
class NewFile {
 public:
  static Result<NewFile> write(const std::string& path, std::span<const std::byte> bytes);
  NewFile(NewFile&&) noexcept = default;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();  // removes what was not published

  const std::string& temporary_path() const { return temporary_; }
  // Gives the file its modification time: what tells two files of one size and inode apart.
  Result<void> stamp(std::chrono::seconds seconds, std::int64_t nanoseconds);
  // Renames it into place and syncs the folder.
  Result<void> publish();

 private:
  NewFile(std::string temporary, std::string path) : temporary_{std::move(temporary)}, path_{std::move(path)} {}
  std::string temporary_;
  std::string path_;
};
inline constexpr std::string_view kTemporaryPrefix = ".tmp-";

// Moves a file; one that is not there any more is no error.
Result<void> move_file(const std::string& from, const std::string& to);
void remove_file(const std::string& path) noexcept;
// The same, and says when it could not. One that is not there any more is no error.
Result<void> delete_file(const std::string& path);
// Syncs a folder that files were removed from, and removes it and its parents below `root` as far as they are empty.
Result<void> prune_folders(std::string path, const std::string& root);

std::string sha256(std::span<const std::byte> bytes);
inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span{text}); }

// Every byte but letters, digits, '_', '-' and '.' as %XX: safe in a path, and what hive readers undo.
std::string percent_escape(std::string_view text);

// An exclusive lock of an open file description: held by this object, in whatever thread, and freed by the kernel when
// the process dies. Waits until the deadline.
class FileLock {
 public:
  static Result<FileLock> acquire(const std::string& path, std::chrono::milliseconds wait, std::stop_token stop);

 private:
  explicit FileLock(Fd fd) : fd_{std::move(fd)} {}
  Fd fd_;
};

}  // namespace tdm::store::duckdb::detail
