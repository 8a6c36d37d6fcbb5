#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "tdm/core/error.hpp"       // Result
#include "tdm/net/http_client.hpp"  // HttpReply, OnPiece

namespace tdm::net::detail {

// Makes an HTTP/1.1 reply of bytes: no socket, no time. Interim replies (1xx) are passed over, content codings undone,
// limits kept: 64 KiB of headers, `body_limit` of body after decompression. Errors are corrupt_data and say what is
// wrong, not with whom.
class ReplyReader {
 public:
  struct Expectation {
    bool without_body = false;  // the reply to HEAD and to CONNECT
    std::size_t body_limit = 0;
    OnPiece on_piece{};  // takes a 2xx body piece by piece, without a limit
  };

  explicit ReplyReader(Expectation expectation);
  ~ReplyReader();

  Result<void> feed(std::string_view bytes);
  // The peer will send no more: ends a body that has no stated length, is an error in the middle of any other.
  Result<void> end();

  bool begun() const;       // a byte was seen
  bool done() const;        // the reply is complete
  bool streaming() const;   // on_piece takes the body
  bool keep_alive() const;  // after done(): the connection may carry another request
  HttpReply take();

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace tdm::net::detail
