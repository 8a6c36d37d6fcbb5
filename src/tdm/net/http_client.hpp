#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tdm/core/error.hpp"  // Result

namespace tdm::net {

namespace asio = boost::asio;

using Headers = std::vector<std::pair<std::string, std::string>>;
// Case-insensitive; the first of that name.
std::optional<std::string_view> find_header(const Headers& headers, std::string_view name);

// An origin with an optional path prefix: "https://api.bybit.com", "http://127.0.0.1:9000/bybit", "unix:/path/to.sock".
struct Url {
  std::string scheme{};  // http | https | unix
  std::string host{};    // for unix: the socket's path
  std::uint16_t port = 0;
  std::string path{};  // prefix without a trailing slash, may be empty
  static Result<Url> parse(std::string_view text, std::string_view parameter);
  std::string origin() const;  // scheme://host[:port]
};

std::string percent_encode(std::string_view text);

struct HttpRequest {
  Url base{};
  std::string target{};  // appended to base.path: "/v5/market/time?x=1"
  std::string method = "GET";
  Headers headers{};
  std::string body{};
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds read_timeout{10'000};  // whole answer, from request sent
  std::size_t body_limit = 32u << 20;              // after decompression
};

struct HttpReply {
  int status = 0;
  Headers headers;
  std::string body;  // gzip/deflate already undone
};

// Takes a body piece by piece as it comes; false stops the request and closes its connection.
using OnPiece = std::function<bool(std::string_view)>;

struct HttpClientOptions {
  std::size_t connections_per_origin = 64;
  std::chrono::seconds idle_timeout{30};
  std::optional<std::string> ca_file{};  // additional trust, else the system's store
  // HTTPS_PROXY: "http://[user:password@]host:port". CONNECT for https, absolute form for http; not used for loopback
  // and unix.
  std::optional<std::string> proxy{};
  std::string user_agent = "trading-data-market";
};

// HTTP/1.1 client: keep-alive pool, TLS with verification and SNI, gzip, deadlines, body limit. Any status is a reply,
// a redirect too; an Error is transport only (unavailable), corrupt_data (malformed, cut short, too large),
// invalid_argument (a request that cannot be sent) or cancelled. Names, proxies, TLS and the wait for a free connection
// all fall under the connect timeout. A request on a pooled connection that the peer closed before the first byte of a
// reply is sent once more on a fresh one. Safe to use from coroutines of one executor; `send` may be called from any
// thread that runs it.
class HttpClient {
 public:
  explicit HttpClient(asio::any_io_executor executor, HttpClientOptions options = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  asio::awaitable<Result<HttpReply>> send(HttpRequest request);
  // The body of a 2xx reply goes to `on_piece` and is not limited; read_timeout is then the longest silence between two
  // pieces. Other bodies are in the reply. Ends as `cancelled` when on_piece said so.
  asio::awaitable<Result<HttpReply>> send_streaming(HttpRequest request, OnPiece on_piece);
  void close();  // drops pooled connections; requests in flight end as unavailable

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// The same for callers without a loop (command line, Python, tests): blocking, one connection, kept alive. Not
// thread-safe, but `stop` may be requested from any thread and ends the call as `cancelled` at once. The base of a
// request is the client's.
class BlockingHttpClient {
 public:
  explicit BlockingHttpClient(Url base, HttpClientOptions options = {});
  ~BlockingHttpClient();
  Result<HttpReply> send(HttpRequest request, std::stop_token stop = {});
  Result<HttpReply> send_streaming(HttpRequest request, OnPiece on_piece, std::stop_token stop = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tdm::net
