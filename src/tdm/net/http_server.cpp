#include "tdm/net/http_server.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "tdm/net/detail/session.hpp"
#include "tdm/net/detail/unix_path.hpp"
#include "tdm/telemetry/log.hpp"

namespace tdm::net {

using asio::ip::tcp;
using boost::system::error_code;
using detail::Hall;
using detail::Session;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

using Protocol = asio::generic::stream_protocol;
using Acceptor = asio::basic_socket_acceptor<Protocol, asio::io_context::executor_type>;

// Connections that are told "too many" are let in for that; beyond these they are closed without a word.
constexpr std::size_t kTurnedAway = 64;

// "127.0.0.1:40000", "[::1]:40000", and "local" for a unix socket.
std::string address_of(const Session::Socket& socket) {
  error_code failed;
  const auto endpoint = socket.remote_endpoint(failed);
  const int family = failed ? AF_UNIX : endpoint.protocol().family();
  if (family != AF_INET && family != AF_INET6) return "local";
  tcp::endpoint address;
  if (endpoint.size() > address.capacity()) return "local";
  std::memcpy(address.data(), endpoint.data(), endpoint.size());
  address.resize(endpoint.size());
  return fmt::to_string(fmt::streamed(address));
}

std::unexpected<Error> cannot_listen(const std::string& where, const std::string& why) {
  return fail(ErrorCode::unavailable, fmt::format("cannot listen on {}: {}", where, why));
}

}  // namespace

struct HttpServer::Impl {
  Impl(ServerOptions options, Handler handler, Refuse refuse)
      : hall{std::move(options), std::move(handler), std::move(refuse)}, acceptor{hall.loop}, ticker{hall.loop} {
    hall.on_empty = [this] { note_empty(); };
  }

  ~Impl() {
    drain(milliseconds{0});
    hall.workers.stop();
    hall.streamers.stop();
    work.reset();
    hall.loop.stop();
    if (thread.joinable()) thread.join();
  }

  Result<void> listen() {
    auto listening = hall.options.unix_path ? listen_unix(*hall.options.unix_path) : listen_tcp();
    if (!listening) return listening;
    accept();
    tick();
    thread = std::thread{[this] { hall.loop.run(); }};
    return {};
  }

  Result<void> listen_tcp() {
    const auto& options = hall.options;
    const std::string where = fmt::format("{}:{}", options.host, options.port);
    error_code failed;
    tcp::resolver resolver{hall.loop};
    const auto found = resolver.resolve(options.host, std::to_string(options.port), tcp::resolver::passive, failed);
    if (failed || found.empty()) return cannot_listen(where, failed.message());
    const tcp::endpoint endpoint = found.begin()->endpoint();
    const Protocol protocol{endpoint.protocol()};
    acceptor.open(protocol, failed);
    if (!failed) acceptor.set_option(asio::socket_base::reuse_address{true}, failed);
    if (!failed) acceptor.bind(Protocol::endpoint{endpoint}, failed);
    if (!failed) acceptor.listen(asio::socket_base::max_listen_connections, failed);
    if (failed) return cannot_listen(where, failed.message());
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    ::getsockname(acceptor.native_handle(), reinterpret_cast<sockaddr*>(&address), &size);
    // The port stands in the same place of both address families.
    port = ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port);
    return {};
  }

  Result<void> listen_unix(const std::string& path) {
    const auto name = detail::UnixPath::make(path);
    if (!name) return std::unexpected{name.error()};
    const asio::local::stream_protocol::endpoint endpoint{name->text()};
    error_code failed;
    struct stat left{};
    if (::lstat(path.c_str(), &left) == 0 && S_ISSOCK(left.st_mode)) ::unlink(path.c_str());
    acceptor.open(Protocol{endpoint.protocol()}, failed);
    if (!failed) acceptor.bind(Protocol::endpoint{endpoint}, failed);
    if (failed) return cannot_listen(path, failed.message());
    // Nobody can connect before listen(), so nobody sees the mode that bind() gave it.
    if (::chmod(name->text().c_str(), S_IRUSR | S_IWUSR) != 0) return cannot_listen(path, std::strerror(errno));
    acceptor.listen(asio::socket_base::max_listen_connections, failed);
    if (failed) return cannot_listen(path, failed.message());
    struct stat facts{};
    if (::stat(path.c_str(), &facts) == 0) socket_file = facts.st_ino;
    return {};
  }

  void accept() {
    acceptor.async_accept([this](const error_code& failed, Session::Socket socket) {
      if (failed == asio::error::operation_aborted || !acceptor.is_open()) return;
      if (!failed) {
        admit(std::move(socket));
        return accept();
      }
      // Out of descriptors or the like: the connections that are open go on, new ones wait a moment.
      telemetry::log(telemetry::Level::warn, "connections cannot be accepted",
                     {{"error", std::string_view{failed.message()}}});
      pause.emplace(hall.loop, milliseconds{100});
      pause->async_wait([this](const error_code& stopped) {
        if (!stopped) accept();
      });
    });
  }

  void admit(Session::Socket socket) {
    const bool full = hall.sessions.size() - hall.turned_away >= hall.options.connections;
    if (full && hall.turned_away >= kTurnedAway) return;
    error_code ignored;
    if (!hall.options.unix_path) socket.set_option(tcp::no_delay{true}, ignored);
    auto peer = address_of(socket);
    auto session = std::make_shared<Session>(hall, std::move(socket), std::move(peer));
    hall.sessions.emplace(session.get(), session);
    full ? session->turn_away() : session->start();
  }

  // One look at all connections several times within the shortest timeout, instead of a timer for each.
  void tick() {
    const auto shortest =
        std::min({hall.options.header_timeout, hall.options.body_timeout, hall.options.write_timeout});
    ticker.expires_after(std::clamp(shortest / 8, milliseconds{5}, milliseconds{200}));
    ticker.async_wait([this](const error_code& stopped) {
      if (stopped) return;
      for_each_session([now = steady_clock::now()](Session& session) { session.look(now); });
      tick();
    });
  }

  template <class F>
  void for_each_session(const F& use) {
    std::vector<std::shared_ptr<Session>> now;  // sessions leave while they are looked at
    now.reserve(hall.sessions.size());
    for (const auto& [key, session] : hall.sessions) now.push_back(session);
    for (const auto& session : now) use(*session);
  }

  void note_empty() {
    if (!hall.draining || !hall.sessions.empty()) return;
    const std::scoped_lock guard{mutex};
    empty = true;
    emptied.notify_all();
  }

  void stop_accepting() {
    error_code ignored;
    acceptor.close(ignored);
    if (pause) pause->cancel();
    struct stat facts{};
    if (socket_file && ::stat(hall.options.unix_path->c_str(), &facts) == 0 && facts.st_ino == *socket_file)
      ::unlink(hall.options.unix_path->c_str());
    socket_file.reset();
  }

  void drain(milliseconds deadline) {
    if (!thread.joinable()) return;
    const auto until = steady_clock::now() + deadline;
    asio::post(hall.loop, [this] {
      hall.draining = true;
      stop_accepting();
      for_each_session([](Session& session) { session.finish(); });
      note_empty();
    });
    std::unique_lock guard{mutex};
    emptied.wait_until(guard, until, [this] { return empty; });
    if (std::exchange(empty, true)) return;
    guard.unlock();
    asio::post(hall.loop, [this] { for_each_session([](Session& session) { session.close(); }); });
  }

  Hall hall;
  asio::executor_work_guard<asio::io_context::executor_type> work{hall.loop.get_executor()};
  Acceptor acceptor;
  asio::steady_timer ticker;
  std::optional<asio::steady_timer> pause;
  std::uint16_t port = 0;
  std::optional<ino_t> socket_file;
  std::thread thread;
  std::mutex mutex;
  std::condition_variable emptied;
  bool empty = false;  // drained: no connection is left
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::start(ServerOptions options, Handler handler, Refuse refuse) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(handler), std::move(refuse));
  auto listening = impl->listen();
  if (!listening) return std::unexpected{listening.error()};
  return std::unique_ptr<HttpServer>{new HttpServer{std::move(impl)}};
}

std::uint16_t HttpServer::port() const { return impl_->port; }

void HttpServer::drain(milliseconds deadline) { impl_->drain(deadline); }

}  // namespace tdm::net
