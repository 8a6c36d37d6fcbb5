#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/deribit/call.hpp"  // Call, Refusal
#include "sim/exchange.hpp"      // Answer

namespace tdm::sim::deribit {

// Names and their values as JSON.
using Members = std::vector<std::pair<std::string_view, std::string>>;

// A JSON object whose keys stand in an order that the draw decides: Deribit's is not fixed (§2.2; R: envelopes begin
// with jsonrpc, id or usOut).
std::string object_text(Members members, std::uint64_t draw);
// A JSON string.
std::string json_text(std::string_view text);

Answer success(const Call& call, std::string result);
Answer refused(const Call& call, const Refusal& refusal, int status);
// The same, and then the connection is closed: what an empty pool of credits gets (§3.1: the session is terminated).
void close_after(Answer& answer);
// Outside of /api/v2: assumed.
Answer not_found();

}  // namespace tdm::sim::deribit
