#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tdm/ingest/ingest.hpp"      // Filler
#include "tdm/query/market_data.hpp"  // MarketData

namespace tdm::remote {

struct RemoteOptions {
  std::string url;  // http(s)://host:port or unix:/path
  std::string api_key{};
  std::chrono::milliseconds timeout{30'000};
  int attempts = 5;
  std::optional<std::string> proxy{};  // HTTPS_PROXY, as net::HttpClientOptions takes it
};

// MarketData over the HTTP API of a server: bars as Arrow, the rest as JSON. Pages are fetched and joined, so the
// answer is the same as the embedded engine's, bit for bit. Gap policy is decided here from the provenance.
Result<std::shared_ptr<query::MarketData>> connect(const RemoteOptions& options);

// Asks the holder of a store's lock, through its socket, to do what only the holder may. `unavailable` with the
// parameter kHolderGone when nobody listens or the holder went away meanwhile: the caller looks at the lock again.
// Without it the error is the holder's own answer.
inline constexpr std::string_view kHolderGone = "holder";
std::shared_ptr<ingest::Filler> make_holder_filler(std::string socket_path);

}  // namespace tdm::remote
