#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sim/fault.hpp"            // Fault
#include "sim/world.hpp"            // World
#include "tdm/core/time.hpp"        // TimePoint
#include "tdm/net/http_server.hpp"  // ServerRequest, ServerReply

namespace tdm::sim {

// What a simulated exchange answered, and what the log says of it.
struct Answer {
  net::ServerReply reply;
  std::optional<int> code{};  // the exchange's own, where its body has one
  std::int64_t rows = 0;
  std::optional<TimePoint> first{};  // oldest and newest open time among the rows
  std::optional<TimePoint> last{};
  std::optional<std::int64_t> weight{};  // what the request cost, where the exchange counts weights
};

// One exchange of the simulated world. One folder each: bybit/, binance/. Safe to call from several threads at once.
class SimulatedExchange {
 public:
  virtual ~SimulatedExchange() = default;

  virtual std::string_view name() const = 0;  // first part of every path: /bybit
  // `path` is the request's without that first part. `now` is the exchange's time.
  virtual Answer answer(const net::ServerRequest& request, std::string_view path, TimePoint now) = 0;
  // Turns a right answer into the one that the fault asks for, as far as that depends on how this exchange writes.
  // False when the answer has nothing that the fault speaks of.
  virtual bool spoil(Answer& answer, const Fault& fault, TimePoint now) = 0;
  // The JSON body of an error with an HTTP status of its own.
  virtual std::string error_body(const StatusFault& fault, TimePoint now) const = 0;
};

}  // namespace tdm::sim
