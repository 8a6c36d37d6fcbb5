#pragma once

#include <string_view>

#include "tdm/core/error.hpp"       // Error, ErrorCode
#include "tdm/net/http_server.hpp"  // ServerReply

namespace tdm::serve {

// The one place where an ErrorCode becomes an HTTP status.
int status_of(ErrorCode code);

struct ProblemContext {
  std::string_view request_id;
  bool hide_details = false;  // production: what is our defect tells the client only the request id
};

// An RFC 9457 problem document: type title status detail code parameter suggestions request_id.
net::ServerReply problem(const Error& error, const ProblemContext& context);

// For what never became a call: 405, 406, 413, 431, 503 ... `code` is the nearest of ours.
net::ServerReply problem(int status, ErrorCode code, std::string_view detail, const ProblemContext& context);

}  // namespace tdm::serve
