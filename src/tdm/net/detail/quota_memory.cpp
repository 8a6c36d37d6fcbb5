#include "tdm/net/detail/quota_memory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <new>
#include <optional>
#include <thread>

namespace tdm::net::detail {

namespace {

constexpr std::size_t kSections = 16;
constexpr std::array<char, 8> kMagic{'T', 'D', 'M', 'Q', 'U', 'O', 'T', 'A'};
constexpr std::uint32_t kVersion = 1;
constexpr std::chrono::seconds kLockWait{2};

struct Header {
  std::array<char, 8> magic{};
  std::uint32_t version = 0;
  std::uint32_t bytes = 0;  // of the whole file: layouts never mix
  std::array<char, 48> boot_id{};
};

struct File {
  Header header;
  std::array<QuotaSection, kSections> sections;
};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_{fd} {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

std::array<char, 48> boot_id() {
  std::array<char, 48> id{};
  std::string text;
  std::getline(std::ifstream{"/proc/sys/kernel/random/boot_id"}, text);
  std::copy_n(text.begin(), std::min(text.size(), id.size() - 1), id.begin());
  return id;
}

std::unexpected<Error> refuse(const std::string& file, std::string_view what, int error) {
  const auto code = error == ENOSPC || error == EDQUOT ? ErrorCode::storage_full : ErrorCode::unavailable;
  return fail(code, fmt::format("quota memory {}: {}: {}", file, what, std::strerror(error)));
}

// Held for the microseconds that making or checking the file takes; released by the kernel when the holder dies. It
// must be released by name: the mapping keeps the open file, and with it the lock, alive.
class FileLock {
 public:
  explicit FileLock(int fd) : fd_{fd} {
    const auto deadline = std::chrono::steady_clock::now() + kLockWait;
    while (!(held_ = set(F_WRLCK)) && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock() {
    if (held_) set(F_UNLCK);
  }
  bool held() const { return held_; }

 private:
  bool set(short type) const {
    struct flock whole{};
    whole.l_type = type;
    whole.l_whence = SEEK_SET;
    return ::fcntl(fd_, F_OFD_SETLK, &whole) == 0;
  }
  int fd_;
  bool held_ = false;
};

void forget_steady_times(File& file) {
  for (auto& section : file.sections) {
    section.next_turn_ns.store(0);
    for (auto& slot : section.slots) slot.store(0);
  }
}

void prepare(File& file, bool sized) {
  const auto boot = boot_id();
  if (!sized || file.header.magic != kMagic || file.header.version != kVersion || file.header.bytes != sizeof(File)) {
    // Never shrunk below its size first: another process may have it mapped.
    new (&file) File{};
    file.header = {kMagic, kVersion, sizeof(File), boot};
  } else if (file.header.boot_id != boot) {
    forget_steady_times(file);
    file.header.boot_id = boot;
  }
}

QuotaSection* find_section(File& file, std::string_view name) {
  std::array<char, 32> padded{};
  std::copy_n(name.begin(), std::min(name.size(), padded.size()), padded.begin());
  for (auto& section : file.sections) {
    if (section.name == std::array<char, 32>{}) section.name = padded;
    if (section.name == padded) return &section;
  }
  return nullptr;
}

}  // namespace

Result<std::unique_ptr<QuotaMemory>> QuotaMemory::map(const std::string& file, std::string_view name) {
  const Descriptor fd{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (fd.get() < 0) return refuse(file, "cannot be opened", errno);
  const FileLock lock{fd.get()};
  if (!lock.held()) return refuse(file, "is locked by another process", ETIMEDOUT);

  struct stat facts{};
  if (::fstat(fd.get(), &facts) != 0) return refuse(file, "cannot be examined", errno);
  if (!S_ISREG(facts.st_mode)) return refuse(file, "is not a regular file", EINVAL);
  // All pages exist before they are touched: writing to a hole of a full disk would end the process.
  if (const int failed = ::posix_fallocate(fd.get(), 0, sizeof(File)))
    return refuse(file, "cannot be allocated", failed);

  void* const mapping = ::mmap(nullptr, sizeof(File), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (mapping == MAP_FAILED) return refuse(file, "cannot be mapped", errno);
  std::unique_ptr<QuotaMemory> memory{new QuotaMemory};
  memory->mapping_ = mapping;
  auto& content = *static_cast<File*>(mapping);
  prepare(content, facts.st_size == static_cast<off_t>(sizeof(File)));
  memory->section_ = find_section(content, name);
  if (memory->section_ == nullptr) return refuse(file, "has no room for another exchange", ENOSPC);
  return memory;
}

std::unique_ptr<QuotaMemory> QuotaMemory::local() {
  std::unique_ptr<QuotaMemory> memory{new QuotaMemory};
  memory->own_ = std::make_unique<QuotaSection>();
  memory->section_ = memory->own_.get();
  return memory;
}

QuotaMemory::~QuotaMemory() {
  if (mapping_ != nullptr) ::munmap(mapping_, sizeof(File));
}

}  // namespace tdm::net::detail
