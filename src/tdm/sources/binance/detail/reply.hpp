#pragma once

#include <chrono>

#include "tdm/core/time.hpp"                        // TimePoint
#include "tdm/net/http_client.hpp"                  // HttpReply
#include "tdm/sources/binance/detail/protocol.hpp"  // Pool
#include "tdm/sources/rest_client.hpp"              // Verdict

namespace tdm::sources::binance {

// After a 429 that states no wait: any minute of the exchange, fixed or sliding, has passed then.
inline constexpr std::chrono::seconds kLimitPause{60};
// The shortest ban that Binance speaks of, and a little more than the longest: three days.
inline constexpr std::chrono::seconds kShortestBan{120};
inline constexpr std::chrono::hours kLongestBan{96};
// The web firewall's 403.
inline constexpr std::chrono::minutes kFirewallPause{5};

// Classes of HTTP status and error code, for the pool whose quota the request was sent under. The weight that the reply
// says is used is in the verdict whatever the reply is.
Verdict judge_reply(const net::HttpReply& reply, TimePoint now, Pool pool);

}  // namespace tdm::sources::binance
