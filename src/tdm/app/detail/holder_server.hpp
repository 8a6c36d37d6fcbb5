#pragma once

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
// ask it for what only the holder may do. hold() and release() are called with the lock held, so only one process at a
// time changes what lies at the path. Neither waits for requests in flight: those get a moment to end on a thread of
// its own, then they are cut off, and who asked looks at the lock again.
class HolderServer {
 public:
  HolderServer(std::string socket_path, std::function<std::shared_ptr<serve::Api>()> make_api);
  ~HolderServer();  // stops listening for good; requests in flight are cut off
  HolderServer(const HolderServer&) = delete;
  HolderServer& operator=(const HolderServer&) = delete;

  void hold();
  void release();
  bool listening() const;

 private:
  struct Listening {
    std::shared_ptr<serve::Api> api;
    std::unique_ptr<net::HttpServer> server;
  };

  void retire_locked();
  void close_retired();
  void close(std::unique_lock<std::mutex>& lock, Listening listening);

  const std::string path_;
  const std::function<std::shared_ptr<serve::Api>()> make_api_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int sockets_ = 0;  // bound so far
  std::optional<Listening> current_;
  std::vector<Listening> retired_;
  net::HttpServer* draining_ = nullptr;  // the one whose requests get their moment now
  bool ending_ = false;
  std::thread closer_;
};

}  // namespace tdm::app::detail
