#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "tdm/net/http_server.hpp"    // ServerRequest, ServerReply
#include "tdm/query/market_data.hpp"  // MarketData

namespace tdm::serve {

struct ApiOptions {
  std::string environment = "development";
  bool hide_error_details = false;  // production
  std::int64_t page_rows = 100'000;
  std::int64_t read_through_bars = 2'000'000;
  std::size_t backfills_running = 4;
  std::size_t backfills_kept = 1'000;
  std::function<Result<void>()> ready{};     // /readyz: an error names what is missing
  bool holder_routes = false;                // the store socket's extra routes (never on TCP)
  std::shared_ptr<ingest::Filler> filler{};  // for holder routes
};

// The API as one function from request to reply: routing, parameters, errors as problem documents, ETag, request ids,
// metrics and logs. The same table makes /openapi.json. Thread-safe; the socket loop is net's.
class Api {
 public:
  Api(std::shared_ptr<query::MarketData> data, ApiOptions options);
  ~Api();
  net::ServerReply handle(const net::ServerRequest& request);
  net::ServerReply refuse(int status, std::string_view detail);  // problem document for what never became a request
  std::string openapi() const;
  void stop();  // cancels jobs that run

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tdm::serve
