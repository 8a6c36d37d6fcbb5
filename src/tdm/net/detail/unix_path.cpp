#include "tdm/net/detail/unix_path.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace tdm::net::detail {

namespace {
constexpr std::size_t kLongest = sizeof(sockaddr_un{}.sun_path) - 1;
}  // namespace

Result<UnixPath> UnixPath::make(const std::string& path) {
  if (path.size() <= kLongest) return UnixPath{path, -1};
  const auto slash = path.rfind('/');
  const auto folder = path.substr(0, slash);
  const auto name = path.substr(slash + 1);
  const int directory = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    return fail(ErrorCode::unavailable, fmt::format("the folder of the socket {}: {}", path, std::strerror(errno)));
  UnixPath made{fmt::format("/proc/self/fd/{}/{}", directory, name), directory};
  if (made.text_.size() > kLongest)
    return fail(ErrorCode::invalid_argument, fmt::format("the name of the socket {} is too long", path));
  return made;
}

UnixPath::UnixPath(UnixPath&& other) noexcept
    : text_{std::move(other.text_)}, directory_{std::exchange(other.directory_, -1)} {}

UnixPath::~UnixPath() {
  if (directory_ >= 0) ::close(directory_);
}

}  // namespace tdm::net::detail
