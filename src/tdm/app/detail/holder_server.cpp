#include "tdm/app/detail/holder_server.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <utility>

#include "tdm/telemetry/log.hpp"

namespace tdm::app::detail {
namespace {

// A fill occupies a worker for as long as it streams its progress.
constexpr std::size_t kWorkers = 16;
constexpr std::size_t kConnections = 256;
constexpr std::size_t kBodyBytes = std::size_t{16} << 20;  // a part of an imported file
constexpr std::chrono::seconds kGrace{5};

}  // namespace

HolderServer::HolderServer(std::string socket_path, std::function<std::shared_ptr<serve::Api>()> make_api)
    : path_{std::move(socket_path)}, make_api_{std::move(make_api)} {}

// A request that is cut off may have taken the lock once more, and its answer to hold() would be another server to cut
// off: from here on nobody listens, so whoever asks again waits for the lock.
HolderServer::~HolderServer() {
  {
    const std::lock_guard guard{mutex_};
    ending_ = true;
    retire_locked();
    if (draining_ != nullptr) draining_->drain(std::chrono::milliseconds{0});
  }
  changed_.notify_one();
  if (closer_.joinable()) closer_.join();
}

void HolderServer::hold() {
  const std::lock_guard guard{mutex_};
  retire_locked();
  if (ending_) return;
  if (!closer_.joinable()) closer_ = std::thread{[this] { close_retired(); }};
  auto api = make_api_();
  // Bound under a name of its own and then moved: a server that ends removes its own name and never its successor's.
  const auto bound = fmt::format("{}.{}.{}", path_, ::getpid(), ++sockets_);
  net::ServerOptions options;
  options.unix_path = bound;
  options.connections = kConnections;
  options.body_bytes = kBodyBytes;
  options.workers = kWorkers;
  auto server = net::HttpServer::start(
      std::move(options), [api](const net::ServerRequest& request) { return api->handle(request); },
      [api](int status, std::string_view detail) { return api->refuse(status, detail); });
  if (server && ::rename(bound.c_str(), path_.c_str()) == 0) {
    current_ = Listening{std::move(api), *std::move(server)};
    return;
  }
  // Others then wait for the lock instead of asking us.
  const std::string why = server ? std::strerror(errno) : server.error().message;
  telemetry::log(telemetry::Level::warn, "the store's socket cannot be listened on",
                 {{"path", std::string_view{path_}}, {"error", std::string_view{why}}});
}

void HolderServer::release() {
  const std::lock_guard guard{mutex_};
  retire_locked();
}

bool HolderServer::listening() const {
  const std::lock_guard guard{mutex_};
  return current_.has_value();
}

void HolderServer::retire_locked() {
  if (!current_) return;
  ::unlink(path_.c_str());
  retired_.push_back(*std::move(current_));
  current_.reset();
  changed_.notify_one();
}

void HolderServer::close_retired() {
  std::unique_lock lock{mutex_};
  while (!ending_ || !retired_.empty()) {
    changed_.wait(lock, [this] { return ending_ || !retired_.empty(); });
    auto retired = std::exchange(retired_, {});
    for (auto& listening : retired) close(lock, std::move(listening));
  }
}

void HolderServer::close(std::unique_lock<std::mutex>& lock, Listening listening) {
  draining_ = listening.server.get();
  const auto grace = ending_ ? std::chrono::milliseconds{0} : std::chrono::milliseconds{kGrace};
  lock.unlock();
  listening.server->drain(grace);
  lock.lock();
  draining_ = nullptr;
  lock.unlock();
  listening.api->stop();
  listening.server.reset();
  lock.lock();
}

}  // namespace tdm::app::detail
