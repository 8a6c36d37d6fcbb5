#pragma once

#include <chrono>
#include <optional>

#include "tdm/core/error.hpp"       // Error
#include "tdm/core/time.hpp"        // TimePoint
#include "tdm/net/http_client.hpp"  // HttpReply

namespace tdm::sources::bybit {

// Bybit lifts a ban about ten minutes after the last request.
inline constexpr std::chrono::minutes kBanPause{10};
// Longest believed wait of a 10006: the window is seconds long, so anything more is a wrong clock.
inline constexpr std::chrono::seconds kMaxLimitWait{30};

// What to do after a reply.
struct Verdict {
  enum class Next { accept, retry, give_up };
  Next next = Next::accept;
  Error error{};                                    // why not accepted
  std::optional<std::chrono::milliseconds> wait{};  // the exchange's own wait
  bool pause_all = false;                           // nobody may send anything for `wait`
  bool doubtful = false;                            // a 403 that does not say what it means
};

// Classes of HTTP status and retCode. `doubted`: the last 403 did not say what it means either, so a second one is
// final.
Verdict judge_reply(const net::HttpReply& reply, TimePoint now, bool doubted);

}  // namespace tdm::sources::bybit
