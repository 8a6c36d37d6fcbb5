#include "tdm/net/detail/connection.hpp"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <utility>
#include <vector>

#include "tdm/net/detail/reply_reader.hpp"
#include "tdm/net/detail/unix_path.hpp"

namespace tdm::net::detail {

using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

// Functions, because g++ 12 destroys an aggregate twice that is built in braces inside a coroutine.
Error unavailable(std::string message) { return {.code = ErrorCode::unavailable, .message = std::move(message)}; }
Error stopped() { return {.code = ErrorCode::cancelled, .message = "the request was stopped"}; }

// The addresses of a name. The resolver cannot be interrupted, so it is abandoned when the flight ends before it.
struct Lookup {
  error_code failed;
  std::vector<tcp::endpoint> found;
  bool done = false;
};

asio::awaitable<std::shared_ptr<Lookup>> look_up(Flight& flight, const std::string& host, std::uint16_t port) {
  auto lookup = std::make_shared<Lookup>();
  error_code no_address;
  const auto address = asio::ip::make_address(host, no_address);
  if (!no_address) {
    lookup->found.emplace_back(address, port);
    lookup->done = true;
    co_return lookup;
  }
  auto resolver = std::make_shared<tcp::resolver>(flight.strand());
  auto finished = [lookup, resolver, self = flight.shared_from_this()](error_code failed,
                                                                       const tcp::resolver::results_type& results) {
    lookup->failed = failed;
    for (const auto& entry : results) lookup->found.push_back(entry.endpoint());
    lookup->done = true;
    self->wake();
  };
  resolver->async_resolve(host, std::to_string(port), asio::bind_executor(flight.strand(), std::move(finished)));
  while (!lookup->done) {
    if (co_await flight.ended()) break;
    co_await flight.sleep();
  }
  co_return lookup;
}

// What OpenSSL has to say about a failed handshake; a certificate's fault by its name.
std::string handshake_fault(SSL* tls, const error_code& failed) {
  const long verdict = SSL_get_verify_result(tls);
  if (verdict != X509_V_OK)
    return std::string{"its certificate is not trusted: "} + X509_verify_cert_error_string(verdict);
  return failed.message();
}

asio::awaitable<bool> is_cancelled() {
  const auto state = co_await asio::this_coro::cancellation_state;
  co_return state.cancelled() != asio::cancellation_type::none;
}

}  // namespace

Flight::Flight(asio::any_io_executor strand) : strand_{std::move(strand)}, deadline_{strand_}, pause_{strand_} {}

void Flight::arm(std::chrono::milliseconds time, std::string_view what) {
  time_ = time;
  what_ = what;
  late_ = false;
  deadline_.expires_after(time);
  auto passed = [weak = weak_from_this(), generation = ++generation_](error_code stopped) {
    const auto self = weak.lock();
    if (stopped || !self || self->generation_ != generation) return;
    self->late_ = true;
    self->end();
  };
  deadline_.async_wait(std::move(passed));
}

void Flight::disarm() {
  ++generation_;
  deadline_.cancel();
}

asio::awaitable<void> Flight::sleep() {
  pause_.expires_at(std::chrono::steady_clock::time_point::max());
  co_await pause_.async_wait(kTuple);
}

void Flight::close() {
  closed_ = true;
  end();
}

void Flight::end() {
  pause_.cancel();
  error_code ignored;
  if (socket_ != nullptr) socket_->close(ignored);
}

asio::awaitable<bool> Flight::ended() const {
  const bool cancelled = co_await is_cancelled();
  co_return late_ || closed_ || cancelled;
}

asio::awaitable<Error> Flight::reason(error_code failed, std::string_view doing) const {
  if (closed_) co_return unavailable("the client was closed");
  const bool cancelled = co_await is_cancelled();
  if (cancelled) co_return stopped();
  if (late_) co_return unavailable(fmt::format("{} within {} ms", what_, time_.count()));
  co_return unavailable(fmt::format("{}: {}", doing, failed.message()));
}

asio::awaitable<Result<void>> Connection::open(Flight& flight, const Url& base, const Proxy* proxy,
                                               asio::ssl::context* tls) {
  flight.watch(&socket_);
  if (base.scheme == "unix") co_return co_await dial_unix(flight, base.host);
  const Url& first = proxy != nullptr ? proxy->url : base;
  auto dialled = co_await dial(flight, first.host, first.port);
  if (!dialled) co_return dialled;
  if (base.scheme != "https") co_return dialled;
  if (proxy != nullptr) {
    auto tunnelled = co_await tunnel(flight, base, *proxy);
    if (!tunnelled) co_return tunnelled;
  }
  co_return co_await secure(flight, base, *tls);
}

asio::awaitable<Result<void>> Connection::dial(Flight& flight, const std::string& host, std::uint16_t port) {
  const auto lookup = co_await look_up(flight, host, port);
  if (!lookup->done || lookup->failed || lookup->found.empty()) {
    auto error = co_await flight.reason(lookup->failed, "the name " + host + " cannot be resolved");
    co_return std::unexpected{std::move(error)};
  }
  error_code failed;
  for (const auto& endpoint : lookup->found) {
    error_code ignored;
    socket_.close(ignored);
    const asio::generic::stream_protocol protocol{endpoint.protocol()};
    socket_.open(protocol, failed);
    if (failed) continue;
    const asio::generic::stream_protocol::endpoint target{endpoint};
    std::tie(failed) = co_await socket_.async_connect(target, kTuple);
    if (!failed) {
      socket_.set_option(tcp::no_delay{true}, ignored);
      co_return Result<void>{};
    }
    if (co_await flight.ended()) break;
  }
  auto error = co_await flight.reason(failed, fmt::format("no connection to {}:{}", host, port));
  co_return std::unexpected{std::move(error)};
}

asio::awaitable<Result<void>> Connection::dial_unix(Flight& flight, const std::string& path) {
  const auto name = UnixPath::make(path);
  if (!name) co_return std::unexpected{name.error()};
  const asio::generic::stream_protocol::endpoint target{asio::local::stream_protocol::endpoint{name->text()}};
  const auto [failed] = co_await socket_.async_connect(target, kTuple);
  if (!failed) co_return Result<void>{};
  auto error = co_await flight.reason(failed, "no connection");
  co_return std::unexpected{std::move(error)};
}

asio::awaitable<Result<void>> Connection::tunnel(Flight& flight, const Url& base, const Proxy& proxy) {
  const std::string target =
      fmt::format("{}:{}", base.host.contains(':') ? "[" + base.host + "]" : base.host, base.port);
  std::string request = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", target);
  if (!proxy.authorization.empty()) request += "Proxy-Authorization: " + proxy.authorization + "\r\n";
  request += "\r\n";
  const std::string doing = "the proxy " + proxy.url.origin();

  error_code failed = co_await write(request);
  ReplyReader reader{{.without_body = true}};
  std::array<char, 4'096> buffer;
  while (!failed && !reader.done()) {
    const auto [ended, bytes] = co_await read(buffer);
    failed = ended;
    auto fed = reader.feed({buffer.data(), bytes});
    if (!fed) co_return std::unexpected{unavailable(doing + ": " + fed.error().message)};
  }
  if (!reader.done()) {
    auto error = co_await flight.reason(failed, doing);
    co_return std::unexpected{std::move(error)};
  }
  const auto reply = reader.take();
  if (reply.status / 100 != 2)
    co_return std::unexpected{
        unavailable(fmt::format("{} refused the way to {} with status {}", doing, target, reply.status))};
  co_return Result<void>{};
}

asio::awaitable<Result<void>> Connection::secure(Flight& flight, const Url& base, asio::ssl::context& tls) {
  tls_.emplace(socket_, tls);
  SSL* const native = tls_->native_handle();
  error_code no_address;
  asio::ip::make_address(base.host, no_address);
  tls_->set_verify_mode(asio::ssl::verify_peer);
  if (no_address) {
    SSL_set_tlsext_host_name(native, base.host.c_str());
    SSL_set1_host(native, base.host.c_str());
    SSL_set_hostflags(native, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  } else {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(native), base.host.c_str());
  }
  const auto [failed] = co_await tls_->async_handshake(asio::ssl::stream_base::client, kTuple);
  if (!failed) co_return Result<void>{};
  const bool ended = co_await flight.ended();
  if (failed.category() == asio::error::get_ssl_category() && !ended)
    co_return std::unexpected{unavailable("no secure connection: " + handshake_fault(native, failed))};
  auto error = co_await flight.reason(failed, "no secure connection");
  co_return std::unexpected{std::move(error)};
}

asio::awaitable<error_code> Connection::write(std::string_view bytes) {
  const auto buffer = asio::buffer(bytes.data(), bytes.size());
  if (tls_) {
    const auto [failed, written] = co_await asio::async_write(*tls_, buffer, kTuple);
    co_return failed;
  }
  const auto [failed, written] = co_await asio::async_write(socket_, buffer, kTuple);
  co_return failed;
}

asio::awaitable<std::pair<error_code, std::size_t>> Connection::read(std::span<char> space) {
  const auto buffer = asio::buffer(space.data(), space.size());
  if (tls_) {
    const auto [failed, bytes] = co_await tls_->async_read_some(buffer, kTuple);
    co_return std::pair{failed, bytes};
  }
  const auto [failed, bytes] = co_await socket_.async_read_some(buffer, kTuple);
  co_return std::pair{failed, bytes};
}

bool Connection::usable() {
  if (!socket_.is_open()) return false;
  char byte = 0;
  const auto seen = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return seen < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace tdm::net::detail
