#include "tdm/serve/detail/problem.hpp"

#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

namespace tdm::serve {
namespace {

using Json = nlohmann::ordered_json;

std::string_view title_of(int status) {
  switch (status) {
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    case 507: return "Insufficient Storage";
    default: return status < 500 ? "Bad Request" : "Internal Server Error";
  }
}

net::ServerReply document(int status, const Error& error, std::string_view detail, std::string_view request_id) {
  const std::string code{to_string(error.code)};
  const Json body{{"type", "urn:tdm:problem:" + code},
                  {"title", title_of(status)},
                  {"status", status},
                  {"detail", detail},
                  {"code", code},
                  {"parameter", error.parameter.empty() ? Json{} : Json(error.parameter)},
                  {"suggestions", error.suggestions},
                  {"request_id", request_id}};
  net::ServerReply reply;
  reply.status = status;
  reply.headers.emplace_back("Content-Type", "application/problem+json");
  reply.headers.emplace_back("Cache-Control", "no-store");
  if (error.retry_after) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*error.retry_after).count();
    reply.headers.emplace_back("Retry-After", std::to_string(seconds < 1 ? 1 : seconds));
  }
  // A message may quote bytes that are no UTF-8: they are replaced and never an exception.
  reply.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return reply;
}

}  // namespace

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument: return 400;
    case ErrorCode::unknown_exchange:
    case ErrorCode::unknown_symbol:
    case ErrorCode::not_found: return 404;
    case ErrorCode::incomplete_data:
    case ErrorCode::backfill_required: return 409;
    case ErrorCode::rate_limited: return 429;
    case ErrorCode::unavailable:
    case ErrorCode::cancelled: return 503;
    case ErrorCode::storage_full: return 507;
    case ErrorCode::configuration:
    case ErrorCode::corrupt_data:
    case ErrorCode::internal: return 500;
  }
  std::abort();  // not a code at all: memory is corrupt
}

net::ServerReply problem(const Error& error, const ProblemContext& context) {
  const int status = status_of(error.code);
  const bool hidden = context.hide_details && status == 500;
  return document(status, error, hidden ? "an internal error; quote the request id" : error.message,
                  context.request_id);
}

net::ServerReply problem(int status, ErrorCode code, std::string_view detail, const ProblemContext& context) {
  return document(status, Error{code, std::string{detail}, {}, {}, {}}, detail, context.request_id);
}

}  // namespace tdm::serve
