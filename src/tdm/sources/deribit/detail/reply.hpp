#pragma once

#include <chrono>

#include "tdm/core/time.hpp"            // TimePoint
#include "tdm/net/http_client.hpp"      // HttpReply
#include "tdm/sources/rest_client.hpp"  // Verdict

namespace tdm::sources::deribit {

// A refusal for too many requests stops everybody for at least kRefusedPause, doubled with each one that follows
// another, up to kLongestPause.
inline constexpr std::chrono::seconds kRefusedPause{1};
inline constexpr std::chrono::seconds kLongestPause{60};
// Between two looks at an exchange that is closed for maintenance.
inline constexpr std::chrono::seconds kMaintenancePause{15};

// Classes of JSON-RPC error and HTTP status. The body decides: an error comes with any status, and the status counts
// only when there is no JSON-RPC. `refusals`: how many refusals came before this reply without anything accepted.
Verdict judge_reply(const net::HttpReply& reply, TimePoint now, int refusals);

// True for a refusal because of too many requests.
bool is_refusal(const Verdict& verdict);

}  // namespace tdm::sources::deribit
