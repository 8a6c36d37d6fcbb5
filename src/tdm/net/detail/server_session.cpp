#include "tdm/net/detail/server_session.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <ctime>
#include <utility>

#include "tdm/core/clock.hpp"       // system_clock
#include "tdm/net/detail/text.hpp"  // percent_decode, is_header_value

namespace tdm::net::detail {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr int kIdleFactor = 6;  // a kept connection may be silent so many header_timeouts
constexpr std::size_t kReadPiece = 8'192;
constexpr std::size_t kQueryParameters = 1'024;

auto into(error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

std::string_view reason_of(int status) {
  const auto known = http::int_to_status(static_cast<unsigned>(status));
  return known == http::status::unknown ? std::string_view{"Unknown"} : std::string_view{http::obsolete_reason(known)};
}

// An HTTP date, made anew when the second has changed.
const std::string& date_text() {
  thread_local std::time_t second = 0;
  thread_local std::string text;
  const auto now = static_cast<std::time_t>(to_ms(system_clock().now()) / 1000);
  if (now != second || text.empty()) {
    second = now;
    text = fmt::format("{:%a, %d %b %Y %H:%M:%S GMT}", fmt::gmtime(now));
  }
  return text;
}

bool has_body(int status) { return status >= 200 && status != 204 && status != 304; }

enum class Framing : std::uint8_t { length, chunked, until_close };

std::string head_of(const ServerReply& reply, Framing framing, std::size_t length, bool keep_alive) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\n", reply.status, reason_of(reply.status), date_text());
  for (const auto& [name, value] : reply.headers) {
    // A value that could end the header would let it write further ones.
    if (!is_token(name) || !is_header_value(value)) continue;
    head.append(name).append(": ").append(value).append("\r\n");
  }
  if (framing == Framing::chunked) head += "Transfer-Encoding: chunked\r\n";
  if (framing == Framing::length && has_body(reply.status)) head += fmt::format("Content-Length: {}\r\n", length);
  head += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return head;
}

std::optional<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> query;
  while (!text.empty()) {
    const auto end = text.find('&');
    const auto pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    auto name = percent_decode(pair.substr(0, equals), true);
    auto value = equals == std::string_view::npos ? std::optional<std::string>{""}
                                                  : percent_decode(pair.substr(equals + 1), true);
    if (!name || !value || query.size() == kQueryParameters) return std::nullopt;
    query.emplace_back(*std::move(name), *std::move(value));
  }
  return query;
}

// The parts of a target in origin or absolute form; nothing when an escape is broken.
bool parse_target(std::string_view target, ServerRequest& request) {
  request.target = target;
  if (const auto scheme = target.find("://"); scheme != std::string_view::npos && !target.starts_with('/')) {
    const auto slash = target.find('/', scheme + 3);
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  target = target.substr(0, target.find('#'));
  const auto question = target.find('?');
  auto path = percent_decode(target.substr(0, question), false);
  auto query = parse_query(question == std::string_view::npos ? std::string_view{} : target.substr(question + 1));
  if (!path || !query || path->empty() || path->contains('\0')) return false;
  request.path = *std::move(path);
  request.query = *std::move(query);
  return true;
}

// What a failed read tells the client, if anything can be told: a connection that ran out of time is closed already.
int status_of(const error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) return 431;
  if (error == http::error::body_limit) return 413;
  if (error.category() == http::make_error_code(http::error::bad_method).category() &&
      error != http::error::end_of_stream && error != http::error::partial_message)
    return 400;
  return 0;
}

}  // namespace

ServerSession::ServerSession(Stream stream, std::string peer, std::shared_ptr<ServerShared> shared)
    : stream_{std::move(stream)}, peer_{std::move(peer)}, shared_{std::move(shared)} {
  buffer_.max_size(shared_->options.header_bytes + kReadPiece);
}

asio::awaitable<void> ServerSession::run() {
  const auto self = shared_from_this();
  for (;;) {
    idle_ = true;
    const bool alive = co_await wait_for_first_byte();
    idle_ = false;
    if (!alive) break;
    auto incoming = co_await read_request();
    if (!incoming) break;
    ServerReply reply = co_await answer(incoming->request);
    const bool again = co_await write_reply(*incoming, std::move(reply));
    if (!again) break;
  }
  close();
}

asio::awaitable<void> ServerSession::refuse_and_close(int status, std::string detail) {
  const auto self = shared_from_this();
  Incoming nobody;
  ServerReply reply = refusal(status, detail);
  if (status == 503) reply.headers.emplace_back("Retry-After", "1");
  co_await write_reply(nobody, std::move(reply));
  close();
}

void ServerSession::close() {
  error_code ignored;
  stream_.socket().shutdown(asio::socket_base::shutdown_both, ignored);
  stream_.socket().close(ignored);
}

void ServerSession::close_if_idle() {
  if (idle_) close();
}

// A peer that waits for the reset sees it at once; an ordinary close would look like an orderly end.
void ServerSession::reset() {
  error_code ignored;
  stream_.socket().set_option(asio::socket_base::linger{true, 0}, ignored);
  stream_.socket().close(ignored);
}

asio::awaitable<bool> ServerSession::wait_for_first_byte() {
  if (buffer_.size() > 0) co_return true;  // a pipelined request
  if (shared_->draining) co_return false;
  error_code error;
  stream_.expires_after(shared_->options.header_timeout * kIdleFactor);
  const auto space = buffer_.prepare(kReadPiece);
  const auto read = co_await stream_.async_read_some(space, into(error));
  if (error || read == 0) co_return false;
  buffer_.commit(read);
  co_return true;
}

asio::awaitable<std::optional<ServerSession::Incoming>> ServerSession::read_request() {
  const auto& options = shared_->options;
  http::request_parser<http::string_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(options.header_bytes));
  parser.body_limit(options.body_bytes);

  Incoming incoming;
  error_code error;
  stream_.expires_after(options.header_timeout);
  co_await http::async_read_header(stream_, buffer_, parser, into(error));
  if (!error && !parser.is_done()) {
    const auto expect = parser.get().find(http::field::expect);
    if (expect != parser.get().end() && beast::iequals(expect->value(), "100-continue")) {
      const bool told = co_await write("HTTP/1.1 100 Continue\r\n\r\n");
      if (!told) co_return std::nullopt;
    }
    stream_.expires_after(options.write_timeout);
    co_await http::async_read(stream_, buffer_, parser, into(error));
  }
  if (error) {
    const int status = status_of(error);
    if (status == 0) co_return std::nullopt;
    ServerReply reply = refusal(status, error.message());
    co_await write_reply(incoming, std::move(reply));
    co_return std::nullopt;
  }

  auto message = parser.release();
  auto& request = incoming.request;
  request.method = message.method_string();
  request.peer = peer_;
  incoming.keep_alive = message.keep_alive();
  incoming.http_1_0 = message.version() < 11;
  for (const auto& field : message) request.headers.emplace_back(field.name_string(), field.value());
  request.body = std::move(message.body());
  if (!parse_target(message.target(), request)) {
    ServerReply reply = refusal(400, "the target of the request is malformed");
    co_await write_reply(incoming, std::move(reply));
    co_return std::nullopt;
  }
  co_return incoming;
}

ServerReply ServerSession::refusal(int status, std::string_view detail) const {
  if (shared_->refuse) return shared_->refuse(status, detail);
  ServerReply reply;
  reply.status = status;
  reply.headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
  reply.body = std::string{detail} + "\n";
  return reply;
}

asio::awaitable<ServerReply> ServerSession::answer(const ServerRequest& request) {
  if (shared_->queued.fetch_add(1) >= shared_->options.queued) {
    --shared_->queued;
    ServerReply busy = refusal(503, "too many requests wait already");
    busy.headers.emplace_back("Retry-After", "1");
    co_return busy;
  }
  // On a worker: the handler may block, the loop never does.
  auto work = [this, &request]() -> asio::awaitable<ServerReply> {
    --shared_->queued;
    try {
      co_return shared_->handle(request);
    } catch (const std::exception& error) {
      co_return refusal(500, error.what());
    }
  };
  stream_.expires_never();
  co_return co_await asio::co_spawn(shared_->workers, std::move(work), asio::use_awaitable);
}

asio::awaitable<bool> ServerSession::write_reply(const Incoming& incoming, ServerReply reply) {
  if (reply.delay.count() > 0) {
    asio::steady_timer timer{co_await asio::this_coro::executor, reply.delay};
    error_code ignored;
    co_await timer.async_wait(into(ignored));
  }
  if (reply.raw_bytes) {
    co_await write(*reply.raw_bytes);
    if (reply.reset_after) reset();
    co_return false;
  }
  if (reply.reset_after) {
    reset();
    co_return false;
  }
  const bool keep_alive = incoming.keep_alive && !shared_->draining;
  const bool without_body = incoming.request.method == "HEAD" || !has_body(reply.status);
  if (reply.next_piece && !without_body) {
    const bool chunked = !incoming.http_1_0;
    const auto head = head_of(reply, chunked ? Framing::chunked : Framing::until_close, 0, keep_alive && chunked);
    const bool begun = co_await write(head);
    const bool ended = begun && co_await write_pieces(reply, chunked);
    co_return ended && chunked && keep_alive;
  }
  const std::string_view body = reply.shared_body ? std::string_view{*reply.shared_body} : std::string_view{reply.body};
  const auto head = head_of(reply, Framing::length, body.size(), keep_alive);
  const bool written = co_await write(head, without_body ? std::string_view{} : body);
  co_return written&& keep_alive;
}

asio::awaitable<bool> ServerSession::write_pieces(ServerReply& reply, bool chunked) {
  for (;;) {
    bool failed = false;
    auto next = [&reply, &failed]() -> asio::awaitable<std::optional<std::string>> {
      try {
        co_return reply.next_piece();
      } catch (const std::exception&) {
        failed = true;  // a body that ended early must not look whole
        co_return std::nullopt;
      }
    };
    auto piece = co_await asio::co_spawn(shared_->streamers, std::move(next), asio::use_awaitable);
    if (failed) co_return false;
    if (!piece) break;
    if (piece->empty()) continue;  // a chunk of length 0 would end the body
    const std::string framed = chunked ? fmt::format("{:x}\r\n{}\r\n", piece->size(), *piece) : *std::move(piece);
    const bool written = co_await write(framed);
    if (!written) co_return false;
  }
  if (!chunked) co_return true;
  co_return co_await write("0\r\n\r\n");
}

asio::awaitable<bool> ServerSession::write(std::string_view first, std::string_view second) {
  error_code error;
  stream_.expires_after(shared_->options.write_timeout);
  const std::array<asio::const_buffer, 2> buffers{asio::buffer(first.data(), first.size()),
                                                  asio::buffer(second.data(), second.size())};
  co_await asio::async_write(stream_, buffers, into(error));
  co_return !error;
}

}  // namespace tdm::net::detail
