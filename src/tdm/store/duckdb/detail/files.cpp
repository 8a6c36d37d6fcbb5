#include "tdm/store/duckdb/detail/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <new>
#include <system_error>

namespace tdm::store::duckdb::detail {
namespace {

constexpr std::size_t kPiece = std::size_t{4} << 20;
constexpr mode_t kFolderMode = 0755;
constexpr mode_t kFileMode = 0644;
constexpr mode_t kLockMode = 0600;

std::unexpected<Error> failed(std::string_view action, const std::string& path) {
  return std::unexpected{io_error(errno, action, path)};
}

Result<void> write_all(int fd, std::span<const std::byte> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), std::min(bytes.size(), kPiece));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed("write", path);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

// A failed sync is never tried again on the same file: the kernel may have dropped the pages and would lie.
Result<void> sync_fd(int fd, const std::string& path) {
  if (::fsync(fd) != 0) return failed("sync", path);
  return {};
}

bool read_exactly(int fd, char* to, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    const auto got = ::pread(fd, to + done, size - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      if (got == 0) errno = EIO;  // it became shorter while it was read
      return false;
    }
    done += static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

FileIdentity identity_of(const struct ::stat& status) {
  constexpr std::int64_t kNanos = 1'000'000'000;
  return FileIdentity{status.st_dev, status.st_ino, status.st_mtim.tv_sec * kNanos + status.st_mtim.tv_nsec,
                      status.st_size};
}

// Waiting cures neither a path that was configured wrongly nor a folder that we may not write.
ErrorCode code_of(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return ErrorCode::storage_full;
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOTDIR:
    case EISDIR:
    case EEXIST:
    case ELOOP:
    case ENAMETOOLONG: return ErrorCode::configuration;
    default: return ErrorCode::unavailable;
  }
}

Error io_error(int error_number, std::string_view action, const std::string& path) {
  return Error{code_of(error_number),
               fmt::format("cannot {} {}: {}", action, path, std::generic_category().message(error_number)),
               {},
               {},
               std::nullopt};
}

Result<std::optional<FileIdentity>> stat_file(const std::string& path) {
  struct ::stat status{};
  if (::stat(path.c_str(), &status) == 0) return identity_of(status);
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  return failed("look at", path);
}

Result<std::optional<FileBytes>> read_file(const std::string& path) {
  const Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return failed("open", path);
  }
  struct ::stat status{};
  if (::fstat(fd.get(), &status) != 0) return failed("look at", path);
  FileBytes file{std::string(static_cast<std::size_t>(status.st_size), '\0'), identity_of(status)};
  if (!read_exactly(fd.get(), file.bytes.data(), file.bytes.size())) return failed("read", path);
  return file;
}

Result<void> make_folders(const std::string& path) {
  if (path.empty() || ::mkdir(path.c_str(), kFolderMode) == 0)
    return path.empty() ? Result<void>{} : sync_folder(parent_of(path));
  if (errno == EEXIST) {
    struct ::stat status{};
    if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return {};
    errno = ENOTDIR;
    return failed("use as a folder", path);
  }
  if (errno != ENOENT || path.find('/') == std::string::npos) return failed("make the folder", path);
  if (auto made = make_folders(parent_of(path)); !made) return made;
  if (::mkdir(path.c_str(), kFolderMode) != 0 && errno != EEXIST) return failed("make the folder", path);
  return sync_folder(parent_of(path));
}

Result<void> sync_folder(const std::string& path) {
  const auto& name = path.empty() ? std::string{"/"} : path;
  const Fd fd{::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!fd) return failed("open the folder", name);
  return sync_fd(fd.get(), name);
}

Result<NewFile> NewFile::write(const std::string& path, std::span<const std::byte> bytes) {
  const auto slash = path.find_last_of('/') + 1;
  NewFile file{fmt::format("{}{}{}.part", path.substr(0, slash), kTemporaryPrefix, path.substr(slash)), path};
  const Fd fd{::open(file.temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kFileMode)};
  if (!fd) {
    const auto error = io_error(errno, "create", file.temporary_);
    file.temporary_.clear();
    return std::unexpected{error};
  }
  if (auto written = write_all(fd.get(), bytes, path); !written) return std::unexpected{std::move(written).error()};
  if (auto synced = sync_fd(fd.get(), path); !synced) return std::unexpected{std::move(synced).error()};
  return file;
}

NewFile::~NewFile() {
  if (!temporary_.empty()) remove_file(temporary_);
}

Result<void> NewFile::stamp(std::chrono::seconds seconds, std::int64_t nanoseconds) {
  const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, timespec{seconds.count(), nanoseconds}};
  if (::utimensat(AT_FDCWD, temporary_.c_str(), times.data(), 0) != 0) return failed("stamp", temporary_);
  return {};
}

Result<void> NewFile::publish() {
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return failed("rename into place", path_);
  temporary_.clear();
  return sync_folder(parent_of(path_));
}

Result<void> move_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0 || errno == ENOENT) return {};
  return failed("move", from);
}

void remove_file(const std::string& path) noexcept { ::unlink(path.c_str()); }

Result<void> delete_file(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return failed("remove", path);
}

Result<void> prune_folders(std::string path, const std::string& root) {
  while (path.size() > root.size() && (::rmdir(path.c_str()) == 0 || errno == ENOENT)) path = parent_of(path);
  return sync_folder(path);
}

std::string sha256(std::span<const std::byte> bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) throw std::bad_alloc{};
  std::string text;
  for (unsigned int i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

std::string percent_escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
    if (plain)
      escaped += c;
    else
      escaped += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return escaped;
}

Result<FileLock> FileLock::acquire(const std::string& path, std::chrono::milliseconds wait, std::stop_token stop) {
  constexpr std::chrono::milliseconds kPoll{5};
  Fd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kLockMode)};
  if (!fd) return failed("open the lock", path);
  const auto deadline = std::chrono::steady_clock::now() + wait;
  std::mutex mutex;
  std::condition_variable_any never;
  for (;;) {
    if (stop.stop_requested()) return fail(ErrorCode::cancelled, "waiting for the store's lock was cancelled");
    struct ::flock region{};
    region.l_type = F_WRLCK;
    region.l_whence = SEEK_SET;
    if (::fcntl(fd.get(), F_OFD_SETLK, &region) == 0) return FileLock{std::move(fd)};
    if (errno != EAGAIN && errno != EACCES && errno != EINTR) return failed("lock", path);
    const auto now = std::chrono::steady_clock::now();
    if (now >= deadline)
      return fail(ErrorCode::unavailable,
                  fmt::format("the store is being written by another holder of {}; waited {} ms", path, wait.count()));
    std::unique_lock guard{mutex};
    never.wait_until(guard, stop, std::min(deadline, now + kPoll), [] { return false; });
  }
}

}  // namespace tdm::store::duckdb::detail
