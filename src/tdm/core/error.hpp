#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tdm {

// What the caller can do about a failure. Few codes, each with one meaning; they are also the `code` of an HTTP problem
// document and decide the exit status of a command and the exception class in Python.
enum class ErrorCode : std::uint8_t {
  invalid_argument,   // the caller's mistake: a parameter that cannot be right
  configuration,      // the configuration file is wrong; the message begins FILE:LINE:COLUMN
  unknown_exchange,   // no such exchange is built in
  unknown_symbol,     // the exchange has no such instrument
  not_found,          // anything else that does not exist
  incomplete_data,    // the range has gaps and the caller asked to be stopped by them
  backfill_required,  // the missing part is too large to fetch inside a read
  rate_limited,       // the exchange or our own limit asks for a pause: retry later
  unavailable,        // network, exchange, lock or backend down: retry
  storage_full,       // no space; nothing was lost, writing resumes when there is space
  corrupt_data,       // bytes arrived but break the contract: never retried blindly
  cancelled,          // the caller stopped it; what was finished is kept
  internal,           // a defect of ours
};

std::string_view to_string(ErrorCode code);
bool is_retryable(ErrorCode code);

// With what a server over HTTP told of a failure.
struct HttpAnswer {
  int status = 0;
  std::string url;
  std::string request_id;  // names the request in the server's log; empty when the server gave none
  std::string document;    // its body, as it came

  bool operator==(const HttpAnswer&) const = default;
};

// A failure as a value. `message` is for a person (exchange, symbol, range; never a secret), `parameter` names the
// input that was wrong, `suggestions` are the nearest valid inputs.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
  std::string parameter{};
  std::vector<std::string> suggestions{};
  std::optional<std::chrono::milliseconds> retry_after{};
  std::optional<HttpAnswer> answer{};

  bool operator==(const Error&) const = default;
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorCode code, std::string message, std::string parameter = {},
                                   std::vector<std::string> suggestions = {}) {
  return std::unexpected{Error{code, std::move(message), std::move(parameter), std::move(suggestions), {}, {}}};
}

// Up to `limit` of `candidates` nearest to `text` by edit distance, nearest first; those too far to be a typing error
// are left out.
std::vector<std::string> nearest(std::string_view text, const std::vector<std::string>& candidates,
                                 std::size_t limit = 3);

}  // namespace tdm
