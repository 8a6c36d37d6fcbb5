#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "sim/deribit/call.hpp"    // Call
#include "sim/deribit/quota.hpp"   // Quota
#include "sim/deribit/replay.hpp"  // Recordings
#include "sim/exchange.hpp"        // SimulatedExchange
#include "sim/script.hpp"          // ScriptFile

namespace tdm::sim::deribit {

// Deribit's public market data, JSON-RPC over GET and POST: the main host below /api/v2, the history host below
// /history/api/v2. What a call is answered, from the world's truth or from recorded answers.
class Deribit final : public SimulatedExchange {
 public:
  // `seed` decides what Deribit leaves open (order of keys, spelling of numbers); `quota_now` begins where the
  // exchange's clock begins and goes as fast as the host's. `world` outlives this. Recordings, when given, answer
  // instead of the world.
  Deribit(const World& world, const ScriptFile& script, std::uint64_t seed, std::function<TimePoint()> quota_now,
          std::unique_ptr<const Recordings> recordings = nullptr);

  std::string_view name() const override { return "deribit"; }
  Answer answer(const net::ServerRequest& request, std::string_view path, TimePoint now) override;
  bool spoil(Answer& answer, const Fault& fault, TimePoint now) override;
  std::string error_body(const StatusFault& fault, TimePoint now) const override;

 private:
  Answer route(const Call& call) const;
  Answer out_of_credits(const Call& call, const Quota::Verdict& verdict, TimePoint now) const;

  const World& world_;
  DeribitSettings settings_;
  std::uint64_t seed_;
  Quota quota_;
  std::function<TimePoint()> quota_now_;
  std::unique_ptr<const Recordings> recordings_;
  std::atomic<std::uint64_t> calls_{0};
};

}  // namespace tdm::sim::deribit
