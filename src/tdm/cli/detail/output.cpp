#include "tdm/cli/detail/output.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace tdm::cli::detail {
namespace {

Error cannot_write(const std::string& path, int error) {
  return {.code = error == ENOSPC ? ErrorCode::storage_full : ErrorCode::unavailable,
          .message = fmt::format("{} cannot be written: {}", path, std::strerror(error)),
          .parameter = "output"};
}

}  // namespace

Result<Output> Output::open(const Context& context, const std::optional<std::string>& path) {
  Output output{context.out()};
  if (!path) return output;
  output.path_ = *path;
  output.temporary_ = fmt::format("{}.{}.tmp", *path, getpid());
  errno = 0;
  output.file_ = std::make_unique<std::ofstream>(output.temporary_, std::ios::binary | std::ios::trunc);
  if (!*output.file_) return std::unexpected{cannot_write(*path, errno)};
  return output;
}

Output::~Output() {
  if (!file_) return;
  file_.reset();
  std::error_code ignored;
  std::filesystem::remove(temporary_, ignored);
}

Result<void> Output::commit() {
  if (!file_) {
    standard_->flush();
    return {};
  }
  errno = 0;
  file_->close();
  if (!*file_) return std::unexpected{cannot_write(path_, errno)};
  std::error_code error;
  std::filesystem::rename(temporary_, path_, error);
  if (error) return std::unexpected{cannot_write(path_, error.value())};
  file_.reset();
  return {};
}

}  // namespace tdm::cli::detail
