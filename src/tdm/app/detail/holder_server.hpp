#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tdm/net/http_server.hpp"  // HttpServer
#include "tdm/serve/serve.hpp"      // Api

namespace tdm::app::detail {

// Listens on the store's socket while this process holds the store's lock, so that the other processes on the store can
// ask it for what only the holder may do. hold() and release() only say what is wanted and return at once, whatever
// locks their caller has: listening ends on a thread of its own, and a little later, so that many short holds do not
// open many sockets.
class HolderServer {
 public:
  HolderServer(std::string socket_path, std::function<std::shared_ptr<serve::Api>()> make_api);
  ~HolderServer();  // stops listening; requests in flight are cut off
  HolderServer(const HolderServer&) = delete;
  HolderServer& operator=(const HolderServer&) = delete;

  void hold();
  void release();
  bool listening() const;

 private:
  struct Listening {
    std::shared_ptr<serve::Api> api;
    std::unique_ptr<net::HttpServer> server;
    std::optional<std::uint64_t> inode;  // of the socket: another holder puts its own in its place
  };

  void start_locked();
  void retire_locked();
  void close_retired(const std::stop_token& stop);

  const std::string path_;
  const std::function<std::shared_ptr<serve::Api>()> make_api_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<Listening> current_;
  std::vector<Listening> retired_;
  bool held_ = false;
  std::chrono::steady_clock::time_point close_at_{};
  std::jthread closer_;
};

}  // namespace tdm::app::detail
