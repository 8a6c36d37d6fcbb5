#pragma once

#include <functional>
#include <memory>
#include <string>

#include "sim/bybit/quota.hpp"   // Quota
#include "sim/bybit/replay.hpp"  // Recordings
#include "sim/exchange.hpp"      // SimulatedExchange
#include "sim/script.hpp"        // ScriptFile

namespace tdm::sim::bybit {

// Bybit V5 market data over REST: what a request is answered, from the world's truth or from recorded answers.
class Bybit final : public SimulatedExchange {
 public:
  // `elapsed` is a steady time since the start, for the quota. `world` outlives this. Recordings, when given, answer
  // instead of the world.
  Bybit(const World& world, const ScriptFile& script, double speed, std::function<Quota::Time()> elapsed,
        std::unique_ptr<const Recordings> recordings = nullptr);

  std::string_view name() const override { return "bybit"; }
  Answer answer(const net::ServerRequest& request, std::string_view path, TimePoint now) override;
  bool spoil(Answer& answer, const Fault& fault, TimePoint now) override;
  std::string error_body(const StatusFault& fault, TimePoint now) const override;

 private:
  Answer route(const net::ServerRequest& request, std::string_view path, TimePoint now) const;

  const World& world_;
  Quota quota_;
  int quota_requests_;
  bool limit_headers_;
  std::function<Quota::Time()> elapsed_;
  std::unique_ptr<const Recordings> recordings_;
};

}  // namespace tdm::sim::bybit
