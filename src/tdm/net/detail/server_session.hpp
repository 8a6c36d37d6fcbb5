#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "tdm/net/http_server.hpp"

namespace tdm::net::detail {

// What all connections of one server share. Lives as long as the last of them.
struct ServerShared {
  ServerShared(ServerOptions given, HttpServer::Handler handle_, HttpServer::Refuse refuse_)
      : options{std::move(given)},
        handle{std::move(handle_)},
        refuse{std::move(refuse_)},
        workers{options.workers},
        streamers{options.workers} {}

  const ServerOptions options;
  const HttpServer::Handler handle;
  const HttpServer::Refuse refuse;
  boost::asio::thread_pool workers;
  // Pieces of streamed bodies may take their time and must not keep short requests from the workers.
  boost::asio::thread_pool streamers;
  std::atomic<std::size_t> queued{0};
  std::atomic<bool> draining{false};
};

// One connection: reads a request, has a worker answer it, writes the reply, and again. All members but `close` are
// used on the loop's thread only.
class ServerSession : public std::enable_shared_from_this<ServerSession> {
 public:
  using Stream = boost::beast::basic_stream<boost::asio::generic::stream_protocol>;

  ServerSession(Stream stream, std::string peer, std::shared_ptr<ServerShared> shared);

  boost::asio::awaitable<void> run();
  boost::asio::awaitable<void> refuse_and_close(int status, std::string detail);

  // On the loop's thread: ends the connection now, or when it only waits for a request.
  void close();
  void close_if_idle();

 private:
  struct Incoming {
    ServerRequest request;
    bool keep_alive = false;
    bool http_1_0 = false;
  };

  boost::asio::awaitable<bool> wait_for_first_byte();
  // Nothing when the connection is to be closed; what can be told the client was told.
  boost::asio::awaitable<std::optional<Incoming>> read_request();
  boost::asio::awaitable<ServerReply> answer(const ServerRequest& request);
  // False when the connection cannot carry another request.
  boost::asio::awaitable<bool> write_reply(const Incoming& incoming, ServerReply reply);
  boost::asio::awaitable<bool> write_pieces(ServerReply& reply, bool chunked);
  boost::asio::awaitable<bool> write(std::string_view first, std::string_view second = {});
  ServerReply refusal(int status, std::string_view detail) const;
  void reset();

  Stream stream_;
  const std::string peer_;
  const std::shared_ptr<ServerShared> shared_;
  boost::beast::flat_buffer buffer_;
  bool idle_ = true;
};

}  // namespace tdm::net::detail
