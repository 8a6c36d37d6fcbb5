#pragma once

#include <array>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tdm/net/detail/request_reader.hpp"
#include "tdm/net/detail/workers.hpp"
#include "tdm/net/http_server.hpp"

namespace tdm::net::detail {

class Session;

// What all connections of a server share. Everything but `workers` is touched by the loop's thread only.
struct Hall {
  Hall(ServerOptions with, HttpServer::Handler answer, HttpServer::Refuse refusing)
      : options{std::move(with)},
        handler{std::move(answer)},
        refuse{std::move(refusing)},
        workers{options.workers, options.queued},
        streamers{options.workers, options.queued} {}

  ServerOptions options;
  HttpServer::Handler handler;
  HttpServer::Refuse refuse;
  asio::io_context loop{1};
  Workers workers;  // before the loop in death: its threads post to it
  // Pieces of streamed bodies may take their time and must not keep short requests from the workers.
  Workers streamers;
  std::unordered_map<Session*, std::shared_ptr<Session>> sessions;
  std::size_t turned_away = 0;     // of them, those that are only told that there is no room
  std::function<void()> on_empty;  // the last connection has gone
  bool draining = false;
  std::string date;  // value of the Date header, renewed once a second
  std::int64_t date_second = 0;

  ServerReply refusal(int status, std::string_view detail) const;
};

// One connection, from accept to close, as a chain of callbacks on the loop: read → handle on a worker → write → read.
class Session : public std::enable_shared_from_this<Session> {
 public:
  using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type>;
  using TimePoint = std::chrono::steady_clock::time_point;

  Session(Hall& hall, Socket socket, std::string peer);

  void start();
  // One connection too many: says so, without reading what it wants.
  void turn_away();
  // Looks at the clock: ends what lasts too long and notices clients that left while a handler works.
  void look(TimePoint now);
  // No more requests after the one at hand; at once when there is none.
  void finish();
  void close();

 private:
  using NextPiece = decltype(ServerReply::next_piece);
  // idle: between requests; working: in a handler or waiting out a delay; leaving: reads to the end so that the last
  // reply is not lost to a reset.
  enum class Phase { idle, reading, working, writing, leaving, closed };

  void read();
  void advance();
  void go_on_after(std::string_view interim);
  void handle();
  void refuse(int status, std::string_view detail);
  void delay(ServerReply reply);
  void reply(ServerReply reply);
  void reply_raw(ServerReply reply);
  void write_reply();
  void compose_head();
  void pump();
  void drop(NextPiece next);
  void write_piece(std::optional<std::string> piece);
  void replied();
  void leave();
  void enter(Phase phase, std::chrono::milliseconds time);
  bool client_has_gone();
  std::string_view body_of_reply() const;

  Hall& hall_;
  Socket socket_;
  std::string peer_;
  RequestReader reader_;
  std::array<char, 16'384> buffer_;
  Phase phase_ = Phase::idle;
  TimePoint deadline_;
  std::optional<asio::steady_timer> delay_;
  std::stop_source gone_{std::nostopstate};
  ServerReply reply_;
  std::string head_;
  bool head_only_ = false;  // the request was HEAD
  bool chunked_ = false;
  bool last_ = false;  // no request after this one
  bool turned_away_ = false;
  bool unread_ = false;     // what the client sent was not read to the end
  bool continued_ = false;  // "100 Continue" was sent for this request
  bool in_body_ = false;    // the body's clock has started
  bool served_ = false;     // at least one request was answered
};

}  // namespace tdm::net::detail
