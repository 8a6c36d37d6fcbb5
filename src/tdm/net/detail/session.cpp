#include "tdm/net/detail/session.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/status.hpp>
#include <cerrno>
#include <iterator>
#include <utility>

#include "tdm/core/clock.hpp"
#include "tdm/net/detail/text.hpp"

namespace tdm::net::detail {

namespace beast = boost::beast;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr milliseconds kFarewell{2'000};
constexpr std::size_t kBytesPerSecond = 65'536;  // a reader slower than this is cut off

std::string_view reason(int status) {
  return beast::http::obsolete_reason(beast::http::int_to_status(static_cast<unsigned>(status)));
}

bool has_body(int status) { return status >= 200 && status != 204 && status != 304; }

// These are the loop's to say.
bool is_framing(std::string_view name) {
  return beast::iequals(name, "Content-Length") || beast::iequals(name, "Transfer-Encoding") ||
         beast::iequals(name, "Connection") || beast::iequals(name, "Date");
}

milliseconds time_for(std::size_t bytes) {
  return milliseconds{static_cast<milliseconds::rep>(bytes * 1'000 / kBytesPerSecond)};
}

const std::string& date_of(Hall& hall) {
  constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto now = std::chrono::floor<std::chrono::seconds>(system_clock().now());
  if (const auto second = now.time_since_epoch().count(); second != hall.date_second || hall.date.empty()) {
    hall.date_second = second;
    const auto day = std::chrono::floor<std::chrono::days>(now);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss time{now - day};
    hall.date = fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[std::chrono::weekday{day}.c_encoding()],
                            static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
                            static_cast<int>(date.year()), time.hours().count(), time.minutes().count(),
                            time.seconds().count());
  }
  return hall.date;
}

}  // namespace

ServerReply Hall::refusal(int status, std::string_view detail) const {
  ServerReply reply = refuse ? refuse(status, detail)
                             : ServerReply{.status = status,
                                           .headers = {{"Content-Type", "text/plain; charset=utf-8"}},
                                           .body = std::string{detail} + "\n"};
  if (status == 503 && !find_header(reply.headers, "Retry-After")) reply.headers.emplace_back("Retry-After", "1");
  return reply;
}

Session::Session(Hall& hall, Socket socket, std::string peer)
    : hall_{hall},
      socket_{std::move(socket)},
      peer_{std::move(peer)},
      reader_{{.header_bytes = hall.options.header_bytes, .body_bytes = hall.options.body_bytes}} {}

void Session::start() {
  enter(Phase::idle, hall_.options.header_timeout);
  read();
}

void Session::turn_away() {
  turned_away_ = true;
  ++hall_.turned_away;
  last_ = true;
  unread_ = true;
  reply(hall_.refusal(503, "too many connections"));
}

void Session::enter(Phase phase, milliseconds time) {
  phase_ = phase;
  deadline_ = time == milliseconds::max() ? TimePoint::max() : steady_clock::now() + time;
}

void Session::read() {
  socket_.async_read_some(asio::buffer(buffer_),
                          [self = shared_from_this()](const error_code& failed, std::size_t size) {
                            // Given up meanwhile for what came too late.
                            if (self->phase_ == Phase::closed || failed == asio::error::operation_aborted) return;
                            if (failed) return self->close();
                            if (self->phase_ == Phase::leaving) return self->read();  // what it still says is not read
                            if (self->phase_ != Phase::idle && self->phase_ != Phase::reading) return;
                            self->reader_.feed({self->buffer_.data(), size});
                            self->advance();
                          });
}

// Goes on from where the reader stands.
void Session::advance() {
  switch (reader_.state()) {
    case RequestReader::State::idle:
      if (last_ || hall_.draining) return leave();
      enter(Phase::idle, hall_.options.header_timeout * (served_ ? 6 : 1));
      return read();
    case RequestReader::State::head:
      if (phase_ != Phase::reading) enter(Phase::reading, hall_.options.header_timeout);
      return read();
    case RequestReader::State::body:
      if (reader_.expects_continue() && !std::exchange(continued_, true)) {
        enter(Phase::reading, hall_.options.body_timeout);
        return go_on_after("HTTP/1.1 100 Continue\r\n\r\n");
      }
      // The clock of the body starts with its first look, not with each piece.
      if (!std::exchange(in_body_, true)) enter(Phase::reading, hall_.options.body_timeout);
      return read();
    case RequestReader::State::done: return handle();
    case RequestReader::State::refused: return refuse(reader_.refusal().status, reader_.refusal().detail);
  }
}

void Session::go_on_after(std::string_view interim) {
  asio::async_write(socket_, asio::buffer(interim.data(), interim.size()),
                    [self = shared_from_this()](const error_code& failed, std::size_t) {
                      if (self->phase_ == Phase::closed) return;
                      failed ? self->close() : self->read();
                    });
}

void Session::handle() {
  auto request = std::make_unique<ServerRequest>(reader_.take());
  continued_ = false;
  in_body_ = false;
  gone_ = std::stop_source{};
  request->peer = peer_;
  request->gone = gone_.get_token();
  head_only_ = request->method == "HEAD";
  last_ = last_ || !reader_.keep_alive() || hall_.draining;
  enter(Phase::working, milliseconds::max());

  const auto answer = [self = shared_from_this()](const ServerRequest& asked) {
    try {
      return self->hall_.handler(asked);
    } catch (...) {
      return self->hall_.refusal(500, "an unexpected error");
    }
  };
  if (hall_.options.quick && hall_.options.quick(*request)) return delay(answer(*request));
  Workers::Job job = [self = shared_from_this(), request = std::move(request), answer] {
    ServerReply made = answer(*request);
    asio::post(self->hall_.loop, [self, made = std::move(made)]() mutable { self->delay(std::move(made)); });
  };
  if (!hall_.workers.offer(job)) refuse(503, "too many requests wait for an answer");
}

void Session::refuse(int status, std::string_view detail) {
  last_ = last_ || status != 503;
  unread_ = last_;
  reply(hall_.refusal(status, detail));
}

void Session::delay(ServerReply made) {
  if (phase_ == Phase::closed) return drop(std::move(made.next_piece));
  if (made.delay <= milliseconds{0}) return reply(std::move(made));
  delay_.emplace(hall_.loop, made.delay);
  delay_->async_wait([self = shared_from_this(), made = std::move(made)](const error_code& stopped) mutable {
    if (!stopped && self->phase_ != Phase::closed) self->reply(std::move(made));
  });
}

std::string_view Session::body_of_reply() const { return reply_.shared_body ? *reply_.shared_body : reply_.body; }

void Session::reply(ServerReply made) {
  served_ = true;
  if (made.raw_bytes || made.reset_after) return reply_raw(std::move(made));
  reply_ = std::move(made);
  const auto connection = find_header(reply_.headers, "Connection");
  last_ = last_ || hall_.draining || (connection && beast::iequals(*connection, "close"));
  write_reply();
}

void Session::reply_raw(ServerReply made) {
  reply_ = std::move(made);
  last_ = true;
  enter(Phase::writing, hall_.options.write_timeout);
  const std::string_view bytes = reply_.raw_bytes ? *reply_.raw_bytes : std::string_view{};
  asio::async_write(socket_, asio::buffer(bytes.data(), bytes.size()),
                    [self = shared_from_this()](const error_code& failed, std::size_t) {
                      if (self->phase_ == Phase::closed) return;
                      if (!failed && !self->reply_.reset_after) return self->leave();
                      error_code ignored;
                      if (self->reply_.reset_after)
                        self->socket_.set_option(asio::socket_base::linger{true, 0}, ignored);
                      self->close();
                    });
}

void Session::write_reply() {
  const bool streamed = static_cast<bool>(reply_.next_piece);
  chunked_ = streamed && !reader_.http_1_0();
  last_ = last_ || (streamed && !chunked_);  // the end of the body is the end of the connection
  const bool with_body = has_body(reply_.status) && !head_only_;
  compose_head();
  const std::string_view body = with_body && !streamed ? body_of_reply() : std::string_view{};
  enter(Phase::writing, hall_.options.write_timeout + time_for(body.size()));
  const std::array<asio::const_buffer, 2> both{asio::buffer(head_), asio::buffer(body.data(), body.size())};
  asio::async_write(socket_, both,
                    [self = shared_from_this(), pump = streamed && with_body](const error_code& failed, std::size_t) {
                      if (self->phase_ == Phase::closed) return;
                      if (failed) return self->close();
                      pump ? self->pump() : self->replied();
                    });
}

void Session::compose_head() {
  head_.clear();
  auto out = std::back_inserter(head_);
  fmt::format_to(out, "HTTP/1.1 {} {}\r\nDate: {}\r\n", reply_.status, reason(reply_.status), date_of(hall_));
  for (const auto& [name, value] : reply_.headers) {
    if (is_framing(name) || !is_token(name)) continue;
    head_ += name;
    head_ += ": ";
    // A line break in a value would begin another header.
    for (const char c : value) head_ += is_header_value({&c, 1}) ? c : ' ';
    head_ += "\r\n";
  }
  if (has_body(reply_.status)) {
    if (chunked_) {
      head_ += "Transfer-Encoding: chunked\r\n";
    } else if (!reply_.next_piece) {
      fmt::format_to(out, "Content-Length: {}\r\n", body_of_reply().size());
    }
  }
  if (last_) head_ += "Connection: close\r\n";
  if (!last_ && reader_.http_1_0()) head_ += "Connection: keep-alive\r\n";
  head_ += "\r\n";
}

// Asks for the next piece of a streamed body; the handler may wait for it, so a worker asks.
void Session::pump() {
  enter(Phase::working, milliseconds::max());
  hall_.streamers.add([self = shared_from_this(), next = std::move(reply_.next_piece)]() mutable {
    std::optional<std::string> piece;
    bool broken = false;
    try {
      do piece = next();
      while (piece && piece->empty());  // an empty chunk would be the last one
    } catch (...) {
      broken = true;
    }
    asio::post(self->hall_.loop, [self, broken, piece = std::move(piece), next = std::move(next)]() mutable {
      if (self->phase_ != Phase::closed && !broken) {
        if (piece) self->reply_.next_piece = std::move(next);
        return self->write_piece(std::move(piece));
      }
      self->drop(std::move(next));
      self->close();
    });
  });
}

// The end of a stream may wait for what it began, so a worker brings it about.
void Session::drop(NextPiece next) {
  if (next) hall_.streamers.add([next = std::move(next)] {});
}

void Session::write_piece(std::optional<std::string> piece) {
  const bool more = piece.has_value();
  if (!more && !chunked_) return replied();
  head_ = more ? (chunked_ ? fmt::format("{:x}\r\n", piece->size()) : std::string{}) : "0\r\n\r\n";
  reply_.body = more ? std::move(*piece) : std::string{};
  enter(Phase::writing, hall_.options.write_timeout + time_for(reply_.body.size()));
  const std::string_view end = more && chunked_ ? "\r\n" : "";
  const std::array<asio::const_buffer, 3> parts{asio::buffer(head_), asio::buffer(reply_.body),
                                                asio::buffer(end.data(), end.size())};
  asio::async_write(socket_, parts, [self = shared_from_this(), more](const error_code& failed, std::size_t) {
    if (self->phase_ == Phase::closed) return;
    if (failed) return self->close();
    more ? self->pump() : self->replied();
  });
}

void Session::replied() {
  drop(std::move(reply_.next_piece));
  reply_ = {};
  if (last_) return leave();
  advance();
}

// Where bytes may lie unread it sends the end and reads on until the client has seen it: closing would reset the
// connection under the last reply.
void Session::leave() {
  if (!unread_ && reader_.state() == RequestReader::State::idle) return close();
  error_code failed;
  socket_.shutdown(asio::socket_base::shutdown_send, failed);
  if (failed) return close();
  enter(Phase::leaving, kFarewell);
  read();
}

void Session::look(TimePoint now) {
  if (phase_ == Phase::working && client_has_gone()) return close();
  if (now < deadline_) return;
  if (phase_ != Phase::reading) return close();
  error_code ignored;
  socket_.cancel(ignored);  // the read at hand
  refuse(408, "the request did not come in time");
}

bool Session::client_has_gone() {
  char byte = 0;
  const auto seen = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return seen == 0 || (seen < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

void Session::finish() {
  last_ = true;
  if (phase_ == Phase::idle) close();
}

void Session::close() {
  if (std::exchange(phase_, Phase::closed) == Phase::closed) return;
  const auto self = shared_from_this();
  error_code ignored;
  socket_.close(ignored);
  if (delay_) delay_->cancel();
  gone_.request_stop();
  drop(std::move(reply_.next_piece));
  if (turned_away_) --hall_.turned_away;
  hall_.sessions.erase(this);
  if (hall_.sessions.empty()) hall_.on_empty();
}

}  // namespace tdm::net::detail
