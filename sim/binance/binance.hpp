#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "sim/binance/api.hpp"      // Place
#include "sim/binance/archive.hpp"  // Archive
#include "sim/binance/quota.hpp"    // Quota
#include "sim/binance/replay.hpp"   // Recordings
#include "sim/exchange.hpp"         // SimulatedExchange
#include "sim/script.hpp"           // ScriptFile

namespace tdm::sim::binance {

// Binance's market data over REST, spot and both futures: what a request is answered, from the world's truth or from
// recorded answers.
class Binance final : public SimulatedExchange {
 public:
  // `quota_now` begins where the exchange's clock begins and goes as fast as the host's. `world` outlives this.
  // Recordings, when given, answer instead of the world.
  Binance(const World& world, const ScriptFile& script, std::function<TimePoint()> quota_now,
          std::unique_ptr<const Recordings> recordings = nullptr);

  std::string_view name() const override { return "binance"; }
  Answer answer(const net::ServerRequest& request, std::string_view path, TimePoint now) override;
  bool spoil(Answer& answer, const Fault& fault, TimePoint now) override;
  std::string error_body(const StatusFault& fault, TimePoint now) const override;

 private:
  Answer route(const net::ServerRequest& request, const Place& place, TimePoint now) const;
  Answer over_budget(const Quota::Verdict& verdict, const Api& api, const std::string& address, TimePoint now) const;

  const World& world_;
  BinanceSettings settings_;
  Quota quota_;
  Archive archive_;
  std::function<TimePoint()> quota_now_;
  std::unique_ptr<const Recordings> recordings_;
};

}  // namespace tdm::sim::binance
