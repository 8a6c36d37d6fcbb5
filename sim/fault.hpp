#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "tdm/core/time.hpp"  // TimePoint

namespace tdm::sim {

// How one answer is made wrong. Each is one key of a script's `do`.

struct CodeFault {  // ret_code: an error of the exchange, written as it writes its errors
  enum class Reset : std::uint8_t {
    absent,
    soon,
    past
  };  // the header that says when to come again: in 300 ms, 10 s ago
  int code = 0;
  std::string message{};
  Reset reset = Reset::absent;
};
struct StatusFault {  // status: an error below the exchange
  enum class Body : std::uint8_t { empty, text, html, json };
  int status = 503;
  std::optional<std::string> retry_after{};
  Body body = Body::empty;
};
struct CutFault {  // cut: this share of the body is sent, then the connection is closed
  double kept = 0.5;
};
struct EndlessFault {};  // endless: a body that goes on until the client leaves, at most 1 GiB
struct StallFault {      // stall_s: silence, then the connection is closed without an answer
  std::chrono::milliseconds time{};
};
struct ResetFault {};  // reset: the connection is reset instead of an answer
struct DelayFault {    // delay_s: the right answer, late
  std::chrono::milliseconds time{};
};
struct RowFault {                                                          // row: one row of a page
  enum class Kind : std::uint8_t { duplicate, drop, swap, set, shorten };  // swap: with the next older one
  Kind kind = Kind::drop;
  std::int64_t index = 0;         // from the newest row; negative counts from the oldest
  std::optional<TimePoint> at{};  // instead of index: the row that opens then
  std::string column{};           // set: which value
  std::string value{};            // set: its new text
  bool raw = false;               // set: written without quotes, whatever it is
};
struct FieldFault {  // rename or remove: a key of the body, wherever it stands
  std::string from{};
  std::string to{};  // empty: the key is left out
};
struct SamePageFault {};  // same_page: every matching request gets what the first one got
struct ShortPageFault {   // short_page: only that many of the newest rows
  std::int64_t rows = 0;
};
struct SkewFault {  // skew_s: the exchange's clock goes wrong by this much
  std::chrono::milliseconds by{};
};

using Fault = std::variant<CodeFault, StatusFault, CutFault, EndlessFault, StallFault, ResetFault, DelayFault, RowFault,
                           FieldFault, SamePageFault, ShortPageFault, SkewFault>;

}  // namespace tdm::sim
