#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tdm/core/time.hpp"        // TimePoint
#include "tdm/net/http_server.hpp"  // ServerRequest

namespace tdm::sim::deribit {

// Deribit serves what is alive from one host and everything that ever was from another (§1, §6). Both are simulated
// under one address, the history below /history.
enum class Host : std::uint8_t { www, history };

// One JSON-RPC call, however it came.
struct Call {
  Host host = Host::www;
  std::string method{};                                           // public/get_time
  std::vector<std::pair<std::string, std::string>> parameters{};  // values as text
  std::string id{};                                               // as JSON; empty: none was sent
  TimePoint now{};
  std::uint64_t draw = 0;  // decides what Deribit leaves open: order of keys, spelling of numbers
};

// An error of JSON-RPC (§2.3): -32602 says which parameter, and what is wrong with it.
struct Refusal {
  int code = 0;
  std::string message{};
  std::string reason{};
  std::string parameter{};
};

template <class T>
using Parsed = std::expected<T, Refusal>;

// What path and body of a request ask for; nothing when Deribit has no such path. What cannot be understood is refused,
// and `call` has what was understood so far.
std::optional<Refusal> read_call(const net::ServerRequest& request, std::string_view rest, Call& call);
// The host of a path and what follows /api/v2; nothing when the path is none of Deribit's.
std::optional<std::pair<Host, std::string_view>> find_place(std::string_view path);

std::optional<std::string_view> parameter(const Call& call, std::string_view name);
Parsed<std::string_view> required(const Call& call, std::string_view name);
Parsed<TimePoint> time_parameter(const Call& call, std::string_view name);
Parsed<bool> flag_parameter(const Call& call, std::string_view name);  // false when it was not sent

Refusal invalid_parameter(std::string_view name, std::string_view reason);
Refusal unknown_instrument();

}  // namespace tdm::sim::deribit
