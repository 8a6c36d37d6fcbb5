#include "tdm/app/detail/holder_server.hpp"

#include <sys/stat.h>

#include "tdm/telemetry/log.hpp"

namespace tdm::app::detail {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto kLinger = 250ms;
// A fill occupies a worker for as long as it streams its progress.
constexpr std::size_t kWorkers = 16;
constexpr std::size_t kConnections = 256;

std::optional<std::uint64_t> inode_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return status.st_ino;
}

}  // namespace

HolderServer::HolderServer(std::string socket_path, std::function<std::shared_ptr<serve::Api>()> make_api)
    : path_{std::move(socket_path)}, make_api_{std::move(make_api)} {}

HolderServer::~HolderServer() {
  closer_.request_stop();
  if (closer_.joinable()) closer_.join();
}

void HolderServer::hold() {
  const std::lock_guard guard{mutex_};
  held_ = true;
  if (current_ && current_->inode == inode_of(path_)) return;
  retire_locked();
  start_locked();
}

void HolderServer::release() {
  const std::lock_guard guard{mutex_};
  held_ = false;
  close_at_ = steady_clock::now() + kLinger;
  changed_.notify_one();
}

bool HolderServer::listening() const {
  const std::lock_guard guard{mutex_};
  return current_.has_value();
}

void HolderServer::start_locked() {
  if (!closer_.joinable()) closer_ = std::jthread{[this](const std::stop_token& stop) { close_retired(stop); }};
  auto api = make_api_();
  net::ServerOptions options;
  options.unix_path = path_;
  options.connections = kConnections;
  options.workers = kWorkers;
  auto server = net::HttpServer::start(
      std::move(options), [api](const net::ServerRequest& request) { return api->handle(request); },
      [api](int status, std::string_view detail) { return api->refuse(status, detail); });
  if (!server) {
    // Others then wait for the lock instead of asking us.
    telemetry::log(telemetry::Level::warn, "the store's socket cannot be listened on",
                   {{"path", std::string_view{path_}}, {"error", std::string_view{server.error().message}}});
    return;
  }
  current_ = Listening{std::move(api), *std::move(server), inode_of(path_)};
}

void HolderServer::retire_locked() {
  if (!current_) return;
  retired_.push_back(*std::move(current_));
  current_.reset();
  changed_.notify_one();
}

void HolderServer::close_retired(const std::stop_token& stop) {
  std::unique_lock lock{mutex_};
  for (;;) {
    if (stop.stop_requested() || (!held_ && current_ && steady_clock::now() >= close_at_)) retire_locked();
    auto retired = std::exchange(retired_, {});
    if (!retired.empty()) {
      lock.unlock();
      for (auto& listening : retired) {
        listening.api->stop();
        listening.server.reset();
      }
      retired.clear();
      lock.lock();
      continue;
    }
    if (stop.stop_requested()) return;
    if (!held_ && current_)
      changed_.wait_until(lock, stop, close_at_, [this] { return held_ || !retired_.empty(); });
    else
      changed_.wait(lock, stop, [this] { return !retired_.empty() || (!held_ && current_); });
  }
}

}  // namespace tdm::app::detail
