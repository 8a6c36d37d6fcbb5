#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "tdm/config/config.hpp"      // Environment
#include "tdm/query/market_data.hpp"  // MarketData

namespace tdm::cli {

// Which door a command reads through: a server's address, or a store by its configuration.
struct DoorRequest {
  std::optional<std::string> config_path{};
  std::optional<std::string> url{};
};

struct ServeRequest {
  std::optional<std::string> config_path{};
  std::optional<std::string> host{};
  std::optional<std::uint16_t> port{};
};

// One recorded document of an exchange, and what it was an answer to.
struct Recording {
  std::string exchange;
  std::string market;
  std::string channel;  // rest | ws | archive
  std::string target;   // of the request, empty when not known
  std::string_view document;
  std::int64_t line = 1;  // where the document begins in its file
};
using LineSink = std::function<void(std::string_view json_line)>;

// What the commands need of the rooms that this one does not know. Each is called only by the commands that need it, so
// `tdm version` opens no store.
struct Services {
  std::string version;
  config::Environment environment{};
  std::optional<std::string>
      default_url{};  // TDM_URL: used when a command names neither a configuration nor an address
  std::function<Result<std::shared_ptr<query::MarketData>>(const DoorRequest&)> open{};
  // What a person at the terminal answers to a question; empty when standard input is no terminal. Nothing when it ends
  // without an answer, or the command was stopped.
  std::function<std::optional<std::string>(std::string_view question, const std::stop_token&)> ask{};
  std::function<Result<void>(const ServeRequest&, std::stop_token)> serve{};  // returns when it was stopped
  std::function<Result<void>(const Recording&, const LineSink&)> decode{};    // unknown_exchange with the list
};

// Where a command writes: data to `out`, everything else to `err`.
struct Streams {
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
};

// Runs one command line and returns its exit status: 0, 2 for a mistake in usage or configuration, 1 for any other
// failure. `stop` ends what runs; what was stored by then is kept, and the status is 1.
int run(int argc, const char* const* argv, const Services& services, const Streams& streams, std::stop_token stop);

}  // namespace tdm::cli
