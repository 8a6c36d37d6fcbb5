#include "tdm/net/http_client.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <map>
#include <mutex>
#include <set>

#include "tdm/net/detail/connection.hpp"
#include "tdm/net/detail/reply_reader.hpp"
#include "tdm/net/detail/text.hpp"

namespace tdm::net {

using boost::system::error_code;
using detail::Connection;
using detail::Flight;
using detail::ReplyReader;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t kReadPiece = 65'536;

bool is_loopback(const std::string& host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

std::string base64(std::string_view text) {
  std::string encoded(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  encoded.resize(static_cast<std::size_t>(length));
  return encoded;
}

Result<Connection::Proxy> parse_proxy(std::string_view text) {
  std::string rest{text};
  if (!rest.contains("://")) rest = "http://" + rest;
  Connection::Proxy proxy;
  const auto begin = rest.find("://") + 3;
  const auto at = rest.rfind('@', rest.find('/', begin));
  if (at != std::string::npos && at >= begin) {
    const auto user = detail::percent_decode(std::string_view{rest}.substr(begin, at - begin), false);
    rest.erase(begin, at + 1 - begin);
    if (!user)
      return fail(ErrorCode::invalid_argument, "proxy: the user name or password is not percent-encoded", "proxy");
    proxy.authorization = "Basic " + base64(*user);
  }
  auto url = Url::parse(rest, "proxy");
  if (!url) return std::unexpected{url.error()};
  if (url->scheme != "http")
    return fail(ErrorCode::invalid_argument, "proxy: only http:// proxies can be used", "proxy");
  proxy.url = std::move(*url);
  return proxy;
}

// "GET https://api.bybit.com/v5/market/time": what errors begin with. The query may be long and is left out.
std::string describe(const HttpRequest& request) {
  const auto path = std::string_view{request.target}.substr(0, request.target.find('?'));
  return fmt::format("{} {}{}{}", request.method, request.base.origin(), request.base.path, path.substr(0, 200));
}

Result<void> check(const HttpRequest& request) {
  const auto refuse = [&](std::string_view reason, std::string parameter) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("a request to {} cannot be sent: {}", request.base.origin(), reason), std::move(parameter));
  };
  if (request.base.scheme.empty()) return fail(ErrorCode::invalid_argument, "a request needs a base URL", "base");
  if (!detail::is_token(request.method)) return refuse("the method is not a word", "method");
  const auto unusable = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; };
  if (!request.target.starts_with('/') || std::ranges::any_of(request.target, unusable))
    return refuse("the target must begin with / and hold neither spaces nor control characters", "target");
  for (const auto& [name, value] : request.headers)
    if (!detail::is_token(name) || !detail::is_header_value(value))
      return refuse("the header " + name + " is malformed", "headers");
  return {};
}

std::string host_header(const Url& base) {
  if (base.scheme == "unix") return "localhost";
  return base.origin().substr(base.scheme.size() + 3);
}

std::string serialize(const HttpRequest& request, const HttpClientOptions& options, const Connection::Proxy* proxy) {
  const bool absolute = proxy != nullptr && request.base.scheme == "http";
  std::string text;
  text.reserve(512 + request.body.size());
  fmt::format_to(std::back_inserter(text), "{} {}{}{} HTTP/1.1\r\n", request.method,
                 absolute ? request.base.origin() : "", request.base.path, request.target);
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!find_header(request.headers, name)) fmt::format_to(std::back_inserter(text), "{}: {}\r\n", name, value);
  };
  add("Host", host_header(request.base));
  add("User-Agent", options.user_agent);
  add("Accept", "*/*");
  add("Accept-Encoding", "gzip, deflate");
  if (absolute && !proxy->authorization.empty()) add("Proxy-Authorization", proxy->authorization);
  if (!request.body.empty() || (request.method != "GET" && request.method != "HEAD"))
    add("Content-Length", std::to_string(request.body.size()));
  for (const auto& [name, value] : request.headers) fmt::format_to(std::back_inserter(text), "{}: {}\r\n", name, value);
  text += "\r\n";
  text += request.body;
  return text;
}

// The connections of one origin: idle ones, newest last, and who waits because all are in use.
struct Origin {
  struct Idle {
    std::unique_ptr<Connection> connection;
    steady_clock::time_point since;
  };
  std::vector<Idle> idle;
  std::size_t open = 0;  // idle and in use
  std::deque<std::weak_ptr<Flight>> waiting;
};

}  // namespace

struct HttpClient::Impl : std::enable_shared_from_this<HttpClient::Impl> {
  Impl(asio::any_io_executor for_all, HttpClientOptions with) : executor{std::move(for_all)}, options{std::move(with)} {
    options.connections_per_origin = std::max<std::size_t>(1, options.connections_per_origin);
  }

  // The use of one connection; dropped, the connection is closed.
  class Lease {
   public:
    Lease(std::shared_ptr<Impl> impl, std::string origin, std::unique_ptr<Connection> connection, bool pooled)
        : pooled_{pooled}, impl_{std::move(impl)}, origin_{std::move(origin)}, connection_{std::move(connection)} {}
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (impl_) impl_->give_back(origin_, nullptr);
    }
    void keep() {
      impl_->give_back(origin_, std::move(connection_));
      impl_ = nullptr;
    }
    Connection& operator*() { return *connection_; }
    bool pooled() const { return pooled_; }

   private:
    bool pooled_;
    std::shared_ptr<Impl> impl_;
    std::string origin_;
    std::unique_ptr<Connection> connection_;
  };

  asio::awaitable<Result<HttpReply>> run(HttpRequest request, OnPiece on_piece);
  asio::awaitable<Result<HttpReply>> fly(Flight& flight, const HttpRequest& request, const OnPiece& on_piece);
  asio::awaitable<Result<Lease>> lease(Flight& flight, const HttpRequest& request, bool fresh);
  asio::awaitable<Result<HttpReply>> converse(Flight& flight, Connection& connection, const HttpRequest& request,
                                              std::string_view bytes, ReplyReader& reader);

  std::optional<Lease> take(const std::string& origin, bool fresh, const std::shared_ptr<Flight>& flight);
  void give_back(const std::string& origin, std::unique_ptr<Connection> connection);
  Result<const Connection::Proxy*> proxy_for(const Url& base);
  Result<asio::ssl::context*> tls();
  void close();

  const asio::any_io_executor executor;
  HttpClientOptions options;
  std::mutex mutex;
  std::map<std::string, Origin> origins;
  std::set<std::shared_ptr<Flight>> flights;
  bool closed = false;
  std::optional<Result<Connection::Proxy>> proxy;
  std::optional<Result<std::unique_ptr<asio::ssl::context>>> tls_context;
};

// Runs on a strand of its own: deadline, close() and the request itself never run at once.
asio::awaitable<Result<HttpReply>> HttpClient::Impl::run(HttpRequest request, OnPiece on_piece) {
  co_await asio::this_coro::throw_if_cancelled(false);
  if (auto checked = check(request); !checked) co_return std::unexpected{checked.error()};
  const auto self = shared_from_this();
  const auto flight = std::make_shared<Flight>(co_await asio::this_coro::executor);
  {
    const std::scoped_lock guard{mutex};
    if (closed) co_return fail(ErrorCode::unavailable, describe(request) + ": the client was closed");
    flights.insert(flight);
  }
  auto reply = co_await fly(*flight, request, on_piece);
  flight->disarm();
  {
    const std::scoped_lock guard{mutex};
    flights.erase(flight);
  }
  if (!reply) reply.error().message = describe(request) + ": " + reply.error().message;
  co_return reply;
}

asio::awaitable<Result<HttpReply>> HttpClient::Impl::fly(Flight& flight, const HttpRequest& request,
                                                         const OnPiece& on_piece) {
  const auto proxied = proxy_for(request.base);
  if (!proxied) co_return std::unexpected{proxied.error()};
  const std::string bytes = serialize(request, options, *proxied);
  for (bool fresh = false;; fresh = true) {
    auto leased = co_await lease(flight, request, fresh);
    if (!leased) co_return std::unexpected{leased.error()};
    ReplyReader reader{
        {.without_body = request.method == "HEAD", .body_limit = request.body_limit, .on_piece = on_piece}};
    auto reply = co_await converse(flight, **leased, request, bytes, reader);
    flight.watch(nullptr);
    if (reply && reader.keep_alive()) leased->keep();
    // The peer closed the idle connection while the request was on its way: it was not seen.
    const bool stale = !reply && leased->pooled() && !reader.begun() && reply.error().code == ErrorCode::unavailable;
    const bool ended = co_await flight.ended();
    if (!stale || ended) co_return reply;
  }
}

asio::awaitable<Result<HttpClient::Impl::Lease>> HttpClient::Impl::lease(Flight& flight, const HttpRequest& request,
                                                                         bool fresh) {
  const std::string origin = request.base.origin();
  const auto self = flight.shared_from_this();
  flight.arm(request.connect_timeout,
             fmt::format("none of the {} connections became free", options.connections_per_origin));
  auto taken = take(origin, fresh, self);
  while (!taken) {
    co_await flight.sleep();
    if (co_await flight.ended()) {
      auto error = co_await flight.reason({}, "no connection");
      co_return std::unexpected{std::move(error)};
    }
    if (auto now = take(origin, fresh, self)) taken.emplace(std::move(*now));
  }
  flight.watch(&(**taken).socket());
  if (taken->pooled()) co_return std::move(*taken);

  flight.arm(request.connect_timeout, "no connection");
  const auto proxied = proxy_for(request.base);
  if (!proxied) co_return std::unexpected{proxied.error()};
  asio::ssl::context* secure = nullptr;
  if (request.base.scheme == "https") {
    auto context = tls();
    if (!context) co_return std::unexpected{context.error()};
    secure = *context;
  }
  auto opened = co_await (**taken).open(flight, request.base, *proxied, secure);
  if (!opened) {
    flight.watch(nullptr);
    co_return std::unexpected{opened.error()};
  }
  co_return std::move(*taken);
}

asio::awaitable<Result<HttpReply>> HttpClient::Impl::converse(Flight& flight, Connection& connection,
                                                              const HttpRequest& request, std::string_view bytes,
                                                              ReplyReader& reader) {
  flight.arm(request.read_timeout, "the request was not taken");
  error_code failed = co_await connection.write(bytes);
  if (failed) {
    auto error = co_await flight.reason(failed, "the request could not be sent");
    co_return std::unexpected{std::move(error)};
  }
  flight.arm(request.read_timeout, "no complete answer");
  std::vector<char> buffer(kReadPiece);
  while (!reader.done()) {
    const auto [ended, size] = co_await connection.read(buffer);
    auto fed = reader.feed({buffer.data(), size});
    if (!fed) co_return std::unexpected{fed.error()};
    if (reader.done()) break;
    const bool stopped = co_await flight.ended();
    if (!ended && !stopped) {
      if (reader.streaming()) flight.arm(request.read_timeout, "no more of the answer came");
      continue;
    }
    // Without its own farewell an encrypted stream may have been cut by anybody.
    const bool farewell = ended == asio::error::eof;
    const bool closed_by_peer = farewell || ended == asio::ssl::error::stream_truncated;
    if (!reader.begun() || !closed_by_peer || stopped) {
      const std::string_view doing = reader.begun() ? "the answer broke off" : "closed without an answer";
      auto error = co_await flight.reason(ended, doing);
      co_return std::unexpected{std::move(error)};
    }
    auto finished = farewell ? reader.end() : fail(ErrorCode::corrupt_data, "the encrypted answer was cut short");
    if (!finished) co_return std::unexpected{finished.error()};
    break;
  }
  co_return reader.take();
}

std::optional<HttpClient::Impl::Lease> HttpClient::Impl::take(const std::string& origin, bool fresh,
                                                              const std::shared_ptr<Flight>& flight) {
  const std::scoped_lock guard{mutex};
  auto& pool = origins[origin];
  const auto oldest = steady_clock::now() - options.idle_timeout;
  while (!pool.idle.empty()) {
    auto idle = std::move(pool.idle.back());
    pool.idle.pop_back();
    if (!fresh && idle.since >= oldest && idle.connection->usable())
      return Lease{shared_from_this(), origin, std::move(idle.connection), true};
    --pool.open;  // too old, closed by the peer, or under suspicion like the one that just failed
  }
  if (pool.open >= options.connections_per_origin) {
    pool.waiting.push_back(flight);
    return std::nullopt;
  }
  ++pool.open;
  return Lease{shared_from_this(), origin, std::make_unique<Connection>(executor), false};
}

void HttpClient::Impl::give_back(const std::string& origin, std::unique_ptr<Connection> connection) {
  const std::scoped_lock guard{mutex};
  auto& pool = origins[origin];
  if (connection && !closed) {
    pool.idle.push_back({std::move(connection), steady_clock::now()});
  } else {
    --pool.open;
  }
  while (!pool.waiting.empty()) {
    const auto next = pool.waiting.front().lock();
    pool.waiting.pop_front();
    if (!next) continue;
    asio::post(next->strand(), [next] { next->wake(); });
    break;
  }
}

Result<const Connection::Proxy*> HttpClient::Impl::proxy_for(const Url& base) {
  if (!options.proxy || options.proxy->empty() || base.scheme == "unix" || is_loopback(base.host)) return nullptr;
  const std::scoped_lock guard{mutex};
  if (!proxy) proxy = parse_proxy(*options.proxy);
  if (!*proxy) return std::unexpected{proxy->error()};
  return &**proxy;
}

// Made with the first https request: reading the system's certificates takes a while.
Result<asio::ssl::context*> HttpClient::Impl::tls() {
  const auto make = [&]() -> Result<std::unique_ptr<asio::ssl::context>> {
    auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
    error_code failed;
    context->set_default_verify_paths(failed);
    if (failed) return fail(ErrorCode::unavailable, "the system's certificates cannot be read: " + failed.message());
    if (options.ca_file) context->load_verify_file(*options.ca_file, failed);
    if (failed)
      return fail(ErrorCode::invalid_argument, fmt::format("ca_file {}: {}", *options.ca_file, failed.message()),
                  "ca_file");
    return context;
  };
  const std::scoped_lock guard{mutex};
  if (!tls_context) tls_context = make();
  if (!*tls_context) return std::unexpected{tls_context->error()};
  return (*tls_context)->get();
}

void HttpClient::Impl::close() {
  const std::scoped_lock guard{mutex};
  closed = true;
  for (auto& [name, pool] : origins) {
    pool.open -= pool.idle.size();
    pool.idle.clear();
  }
  for (const auto& flight : flights) asio::post(flight->strand(), [flight] { flight->close(); });
}

HttpClient::HttpClient(asio::any_io_executor executor, HttpClientOptions options)
    : impl_{std::make_shared<Impl>(std::move(executor), std::move(options))} {}

HttpClient::~HttpClient() { close(); }

asio::awaitable<Result<HttpReply>> HttpClient::send(HttpRequest request) {
  auto work = send_streaming(std::move(request), {});
  co_return co_await std::move(work);
}

asio::awaitable<Result<HttpReply>> HttpClient::send_streaming(HttpRequest request, OnPiece on_piece) {
  const auto impl = impl_;
  const asio::any_io_executor strand = asio::make_strand(impl->executor);
  auto work = impl->run(std::move(request), std::move(on_piece));
  co_return co_await asio::co_spawn(strand, std::move(work), asio::use_awaitable);
}

void HttpClient::close() { impl_->close(); }

}  // namespace tdm::net
