#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "tdm/net/http_server.hpp"  // ServerRequest

namespace tdm::net::detail {

// Makes requests of the bytes of one connection: no socket, no time. Bytes of the next request that came with this one
// are kept for it. Strict where two readers could understand two things: one Host, one length, chunked and nothing
// else.
class RequestReader {
 public:
  struct Limits {
    std::size_t header_bytes = 0;
    std::size_t body_bytes = 0;
  };
  enum class State { idle, head, body, done, refused };  // idle: no byte of a request was seen
  struct Refusal {
    int status = 400;
    std::string detail{};
  };

  explicit RequestReader(Limits limits);
  ~RequestReader();

  State feed(std::string_view bytes);
  State state() const;
  // After done: the request; the reader goes on with the next one, whose bytes may be here already.
  ServerRequest take();
  const Refusal& refusal() const;
  bool keep_alive() const;        // of the request taken last: its client wants another one on this connection
  bool http_1_0() const;          // of the request taken last: its client knows no chunked replies
  bool expects_continue() const;  // in body: it waits for "100 Continue" before it sends more

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace tdm::net::detail
