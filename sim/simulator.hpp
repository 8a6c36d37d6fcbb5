#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "sim/exchange.hpp"        // SimulatedExchange
#include "sim/exchange_clock.hpp"  // ExchangeClock
#include "sim/request_log.hpp"     // RequestLog
#include "sim/script.hpp"          // FaultPlan
#include "tdm/core/clock.hpp"      // Clock

namespace tdm::sim {

// What stands between the HTTP loop and the exchanges: finds the exchange by the first part of the path, spoils answers
// as the plan says and logs every one. A function from request to reply, safe to call from several threads at once.
class Simulator {
 public:
  // All outlive this; `log` may be null.
  Simulator(std::vector<std::unique_ptr<SimulatedExchange>> exchanges, const ExchangeClock& clock, const Clock& host,
            FaultPlan& plan, RequestLog* log);

  net::ServerReply reply(const net::ServerRequest& request);
  std::vector<std::string_view> exchange_names() const;

 private:
  std::vector<std::unique_ptr<SimulatedExchange>> exchanges_;
  const ExchangeClock& clock_;
  const Clock& host_;
  FaultPlan& plan_;
  RequestLog* log_;
};

}  // namespace tdm::sim
