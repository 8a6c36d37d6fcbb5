#pragma once

#include <chrono>

#include "tdm/core/time.hpp"            // TimePoint
#include "tdm/net/http_client.hpp"      // HttpReply
#include "tdm/sources/rest_client.hpp"  // Verdict

namespace tdm::sources::bybit {

// Bybit lifts a ban about ten minutes after the last request.
inline constexpr std::chrono::minutes kBanPause{10};
// Longest believed wait of a 10006: the window is seconds long, so anything more is a wrong clock.
inline constexpr std::chrono::seconds kMaxLimitWait{30};

// Classes of HTTP status and retCode. `doubted`: the last 403 did not say what it means either, so a second one is
// final.
Verdict judge_reply(const net::HttpReply& reply, TimePoint now, bool doubted);

}  // namespace tdm::sources::bybit
