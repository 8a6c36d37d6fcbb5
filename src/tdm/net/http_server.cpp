#include "tdm/net/http_server.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <variant>

#include "tdm/net/detail/server_session.hpp"
#include "tdm/net/detail/unix_path.hpp"

namespace tdm::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using detail::ServerSession;
using detail::ServerShared;
using LocalAcceptor = asio::local::stream_protocol::acceptor;

constexpr auto kAcceptPause = std::chrono::milliseconds{50};  // when the process is out of descriptors

std::string peer_of(const asio::generic::stream_protocol::socket& socket) {
  error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  if (error || (endpoint.protocol().family() != AF_INET && endpoint.protocol().family() != AF_INET6)) return "local";
  tcp::endpoint address;
  if (endpoint.size() > address.capacity()) return "local";
  std::memcpy(address.data(), endpoint.data(), endpoint.size());
  address.resize(endpoint.size());
  return fmt::format("{}:{}", address.address().to_string(), address.port());
}

std::unexpected<Error> cannot_listen(std::string_view where, const error_code& error) {
  return fail(ErrorCode::unavailable, fmt::format("cannot listen on {}: {}", where, error.message()), "port");
}

Result<tcp::acceptor> listen_tcp(asio::io_context& loop, const ServerOptions& options) {
  error_code error;
  const auto where = fmt::format("{}:{}", options.host, options.port);
  tcp::resolver resolver{loop};
  const auto found = resolver.resolve(options.host, std::to_string(options.port),
                                      tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (error || found.empty()) return cannot_listen(where, error);
  const tcp::endpoint endpoint = *found.begin();
  tcp::acceptor acceptor{loop};
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address{true}, error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return cannot_listen(where, error);
  return acceptor;
}

Result<LocalAcceptor> listen_unix(asio::io_context& loop, const std::string& path) {
  const auto named = detail::UnixPath::make(path);
  if (!named) return std::unexpected{named.error()};
  ::unlink(path.c_str());  // of a process that died; the store's lock says that there is no other
  error_code error;
  LocalAcceptor acceptor{loop};
  acceptor.open(asio::local::stream_protocol{}, error);
  // Before it has a name, so that nobody else can ever open it.
  if (!error && ::fchmod(acceptor.native_handle(), S_IRUSR | S_IWUSR) != 0)
    error.assign(errno, boost::system::system_category());
  if (!error) acceptor.bind(asio::local::stream_protocol::endpoint{named->text()}, error);
  if (!error && ::chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0) error.assign(errno, boost::system::system_category());
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return cannot_listen(path, error);
  return acceptor;
}

}  // namespace

struct HttpServer::Impl {
  explicit Impl(std::shared_ptr<ServerShared> given) : shared{std::move(given)} {}

  ~Impl() { drain(std::chrono::milliseconds{0}); }

  Result<void> listen() {
    if (shared->options.unix_path) {
      auto made = listen_unix(loop, *shared->options.unix_path);
      if (!made) return std::unexpected{std::move(made).error()};
      acceptor.emplace<LocalAcceptor>(*std::move(made));
    } else {
      auto made = listen_tcp(loop, shared->options);
      if (!made) return std::unexpected{std::move(made).error()};
      port = made->local_endpoint().port();
      acceptor.emplace<tcp::acceptor>(*std::move(made));
    }
    std::visit(
        [this]<class T>(T& listening) {
          if constexpr (!std::is_same_v<T, std::monostate>) asio::co_spawn(loop, accept(listening), asio::detached);
        },
        acceptor);
    thread = std::jthread{[this] { loop.run(); }};
    return {};
  }

  template <class Acceptor>
  asio::awaitable<void> accept(Acceptor& listening) {
    for (;;) {
      error_code error;
      asio::generic::stream_protocol::socket socket{loop};
      co_await listening.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
      if (!listening.is_open() || error == asio::error::operation_aborted) co_return;
      if (error) {
        asio::steady_timer pause{loop, kAcceptPause};
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
        continue;
      }
      begin(std::move(socket));
    }
  }

  void begin(asio::generic::stream_protocol::socket socket) {
    error_code ignored;
    auto peer = peer_of(socket);
    if (peer != "local") socket.set_option(tcp::no_delay{true}, ignored);
    auto session = std::make_shared<ServerSession>(ServerSession::Stream{std::move(socket)}, std::move(peer), shared);
    const bool full = sessions.size() >= shared->options.connections;
    sessions.insert(session);
    note_empty();
    auto task = full ? session->refuse_and_close(503, "too many connections") : session->run();
    asio::co_spawn(loop, std::move(task), [this, session](std::exception_ptr) { end(session); });
  }

  void end(const std::shared_ptr<ServerSession>& session) {
    sessions.erase(session);
    note_empty();
  }

  void note_empty() {
    const std::lock_guard guard{mutex};
    empty = sessions.empty();
    none_left.notify_all();
  }

  // Stops accepting; idle connections end at once, the others after their reply.
  void stop_accepting() {
    std::visit(
        []<class T>(T& listening) {
          error_code ignored;
          if constexpr (!std::is_same_v<T, std::monostate>) listening.close(ignored);
        },
        acceptor);
    for (const auto& session : sessions) session->close_if_idle();
    {
      const std::lock_guard guard{mutex};
      accepting = false;
    }
    note_empty();
  }

  void drain(std::chrono::milliseconds deadline) {
    if (!thread.joinable()) return;
    shared->draining = true;
    asio::post(loop, [this] { stop_accepting(); });
    {
      std::unique_lock lock{mutex};
      none_left.wait(lock, [this] { return !accepting; });
      none_left.wait_for(lock, deadline, [this] { return empty; });
    }
    asio::post(loop, [this] {
      for (const auto& session : sessions) session->close();
    });
    {
      // Handlers cannot be interrupted from here; whoever made them has told them to stop.
      std::unique_lock lock{mutex};
      none_left.wait(lock, [this] { return empty; });
    }
    shared->workers.join();
    shared->streamers.join();
    loop.stop();
    thread.join();
    if (shared->options.unix_path) ::unlink(shared->options.unix_path->c_str());
  }

  std::shared_ptr<ServerShared> shared;
  asio::io_context loop{1};
  std::variant<std::monostate, tcp::acceptor, LocalAcceptor> acceptor;
  std::set<std::shared_ptr<ServerSession>> sessions;  // on the loop's thread
  std::uint16_t port = 0;
  std::mutex mutex;
  std::condition_variable none_left;
  bool accepting = true;
  bool empty = true;
  std::jthread thread;
};

Result<std::unique_ptr<HttpServer>> HttpServer::start(ServerOptions options, Handler handler, Refuse refuse) {
  auto shared = std::make_shared<ServerShared>(std::move(options), std::move(handler), std::move(refuse));
  auto impl = std::make_unique<Impl>(std::move(shared));
  auto listening = impl->listen();
  if (!listening) return std::unexpected{std::move(listening).error()};
  return std::unique_ptr<HttpServer>{new HttpServer{std::move(impl)}};
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}

HttpServer::~HttpServer() = default;

std::uint16_t HttpServer::port() const { return impl_->port; }

void HttpServer::drain(std::chrono::milliseconds deadline) { impl_->drain(deadline); }

}  // namespace tdm::net
