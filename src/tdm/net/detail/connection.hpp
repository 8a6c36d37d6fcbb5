#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tdm/core/error.hpp"       // Result
#include "tdm/net/http_client.hpp"  // Url

namespace tdm::net::detail {

namespace asio = boost::asio;

// One request under way: its deadline and the ways to end it early. Everything runs on `strand`, so nothing here is
// locked. A passed deadline, close() and a cancelled coroutine all end the operation at hand by closing the socket
// under it.
class Flight : public std::enable_shared_from_this<Flight> {
 public:
  using Socket = asio::generic::stream_protocol::socket;

  explicit Flight(asio::any_io_executor strand);

  const asio::any_io_executor& strand() const { return strand_; }
  void watch(Socket* socket) { socket_ = socket; }
  // From now on the operation at hand may last `time`; `what` says what it would have been for.
  void arm(std::chrono::milliseconds time, std::string_view what);
  void disarm();
  // Waits until wake() or until the deadline has passed.
  asio::awaitable<void> sleep();
  void wake() { pause_.cancel(); }
  void close();  // from the strand

  // By its deadline, close() or the caller's cancellation.
  asio::awaitable<bool> ended() const;
  // Why an operation failed: the deadline, close(), the caller's cancellation, else the system's reason.
  asio::awaitable<Error> reason(boost::system::error_code failed, std::string_view doing) const;

 private:
  void end();

  asio::any_io_executor strand_;
  asio::steady_timer deadline_;
  asio::steady_timer pause_;
  Socket* socket_ = nullptr;
  std::uint64_t generation_ = 0;
  std::chrono::milliseconds time_{};
  std::string what_;
  bool late_ = false;
  bool closed_ = false;
};

// A byte stream to an origin: TCP or a unix socket, TLS over it for https, through a proxy when there is one.
class Connection {
 public:
  struct Proxy {
    Url url;
    std::string authorization;  // value of Proxy-Authorization, may be empty
  };

  explicit Connection(const asio::any_io_executor& executor) : socket_{executor} {}

  // Errors are unavailable and name the origin; the flight must be armed.
  asio::awaitable<Result<void>> open(Flight& flight, const Url& base, const Proxy* proxy, asio::ssl::context* tls);
  asio::awaitable<boost::system::error_code> write(std::string_view bytes);
  // The number of bytes, with an error code at the end of the stream.
  asio::awaitable<std::pair<boost::system::error_code, std::size_t>> read(std::span<char> buffer);

  // An idle connection on which the peer has closed or spoken unasked is of no use.
  bool usable();
  Flight::Socket& socket() { return socket_; }

 private:
  asio::awaitable<Result<void>> dial(Flight& flight, const std::string& host, std::uint16_t port);
  asio::awaitable<Result<void>> dial_unix(Flight& flight, const std::string& path);
  asio::awaitable<Result<void>> tunnel(Flight& flight, const Url& base, const Proxy& proxy);
  asio::awaitable<Result<void>> secure(Flight& flight, const Url& base, asio::ssl::context& tls);

  Flight::Socket socket_;
  std::optional<asio::ssl::stream<Flight::Socket&>> tls_;
};

}  // namespace tdm::net::detail
