#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/error.hpp"       // Result
#include "tdm/net/http_client.hpp"  // Headers

namespace tdm::net {

struct ServerRequest {
  std::string method;
  std::string path;                                        // percent-decoded, without the query
  std::string target;                                      // as it was sent
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
  Headers headers;
  std::string body;
  std::string peer;        // "127.0.0.1:40000", "local" for a unix socket
  std::stop_token gone{};  // requested when the client has gone, and at the end of a drain
};

struct ServerReply {
  int status = 200;
  Headers headers{};  // Content-Length, Date, Connection are set by the loop
  std::string body{};
  std::shared_ptr<const std::string> shared_body{};  // instead of body: sent without a copy
  // Streams a body of unknown length (chunked): called on a worker, once the piece before is on its way, until it
  // returns nullopt. When the client is gone it is not called again but destroyed, on a worker too. An exception cuts
  // the body off.
  std::function<std::optional<std::string>()> next_piece{};
  // Faults, for simulators only: bytes sent raw instead of a reply, then the connection is closed (or reset); a wait
  // before anything is sent.
  std::optional<std::string> raw_bytes{};
  bool reset_after{false};
  std::chrono::milliseconds delay{0};
};

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any free one
  // Instead of host and port; mode 0600. A socket that lies there is replaced: who may listen is the caller's to know.
  std::optional<std::string> unix_path{};
  std::size_t connections = 1'024;  // more are answered 503 with Retry-After and closed
  std::size_t header_bytes = 16'384;
  std::size_t body_bytes = 1u << 20;
  std::chrono::milliseconds header_timeout{10'000};  // also the idle time of a kept-alive connection x 6
  std::chrono::milliseconds write_timeout{30'000};   // of a reply or piece, and a second more for each 64 KiB
  std::chrono::milliseconds body_timeout{30'000};
  std::size_t workers = 4;   // threads that run handlers; the loop itself never blocks
  std::size_t queued = 256;  // requests waiting for a worker; more get 503
  // Requests that the loop answers itself, so that they are answered while all workers are busy: only for handlers that
  // never wait (health, metrics).
  std::function<bool(const ServerRequest&)> quick{};
};

// HTTP/1.1 server loop: parses, limits, hands each request to `handler` on a worker thread, writes the reply, keeps
// alive. Requests of one connection are answered one after the other, also when they were sent together. What never
// becomes a request is answered 400, 408, 413, 417, 431 or 503 (body made by `refuse`, when given) and closed; an
// exception of the handler is a 500.
class HttpServer {
 public:
  using Handler = std::function<ServerReply(const ServerRequest&)>;
  using Refuse = std::function<ServerReply(int status, std::string_view detail)>;
  static Result<std::unique_ptr<HttpServer>> start(ServerOptions options, Handler handler, Refuse refuse = {});
  ~HttpServer();  // drain(0)

  std::uint16_t port() const;
  // Stops accepting, lets requests in flight end within `deadline`, then closes everything.
  void drain(std::chrono::milliseconds deadline);

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tdm::net
