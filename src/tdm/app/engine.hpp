#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "tdm/config/config.hpp"      // Config
#include "tdm/query/market_data.hpp"  // MarketData

namespace tdm::app {

struct OpenOptions {
  std::optional<std::string> url{};          // TDM_URL or url=: speak HTTP to a server instead of opening a store
  std::optional<std::string> config_path{};  // --config / config=
  std::optional<std::string> api_key{};
  std::chrono::milliseconds timeout{30'000};
};

// Everything behind one door, wired: config -> store, connectors, rules, ingest, query; or remote. Construction reads
// the configuration and touches no network; the store's folders are made when first written. Destruction waits for what
// runs.
class Door {
 public:
  static Result<std::shared_ptr<Door>> open(const OpenOptions& options);
  static Result<std::shared_ptr<Door>> open(config::Config config);
  virtual ~Door() = default;
  virtual query::MarketData& data() = 0;
  virtual const config::Config& config() const = 0;
};

std::string_view version();  // "0.1.0"

}  // namespace tdm::app
