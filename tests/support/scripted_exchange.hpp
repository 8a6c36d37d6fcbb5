#pragma once

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tdm/net/http_server.hpp"  // HttpServer

namespace tdm::support {

// An exchange on loopback: its few endpoints as the ordinary answer, and a script that may answer first. Remembers what
// it was asked.
class ScriptedExchange {
 public:
  using Answer = std::function<net::ServerReply(const net::ServerRequest& request)>;
  // The n-th request (from 0); nothing: the ordinary answer.
  using Script = std::function<std::optional<net::ServerReply>(const net::ServerRequest& request, int number)>;

  ScriptedExchange(std::string_view path, Answer ordinary) : path_{path}, ordinary_{std::move(ordinary)} {
    auto server = net::HttpServer::start({}, [this](const net::ServerRequest& request) { return answer(request); });
    if (!server) throw std::runtime_error{server.error().message};
    server_ = *std::move(server);
  }

  std::string base_url() const { return fmt::format("http://127.0.0.1:{}{}", server_->port(), path_); }

  void set_script(Script script) {
    const std::lock_guard guard{mutex_};
    script_ = std::move(script);
  }
  std::vector<std::string> targets() const {
    const std::lock_guard guard{mutex_};
    return targets_;
  }
  // How many requests had this in their target.
  std::size_t asked(std::string_view part) const {
    std::size_t count = 0;
    for (const auto& target : targets()) count += target.contains(part) ? 1 : 0;
    return count;
  }

  static net::ServerReply json(std::string body, int status = 200, net::Headers headers = {}) {
    net::ServerReply reply;
    reply.status = status;
    reply.headers = std::move(headers);
    reply.headers.emplace_back("Content-Type", "application/json");
    reply.body = std::move(body);
    return reply;
  }
  static std::string parameter(const net::ServerRequest& request, std::string_view name) {
    for (const auto& [key, value] : request.query)
      if (key == name) return value;
    return {};
  }

 private:
  net::ServerReply answer(const net::ServerRequest& request) {
    Script script;
    int number = 0;
    {
      const std::lock_guard guard{mutex_};
      number = static_cast<int>(targets_.size());
      targets_.push_back(request.target);
      script = script_;
    }
    if (script)
      if (auto scripted = script(request, number)) return *std::move(scripted);
    return ordinary_(request);
  }

  std::string path_;
  Answer ordinary_;
  mutable std::mutex mutex_;
  Script script_;
  std::vector<std::string> targets_;
  std::unique_ptr<net::HttpServer> server_;  // last: its threads use the others
};

}  // namespace tdm::support
