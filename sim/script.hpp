#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/fault.hpp"            // Fault
#include "tdm/core/error.hpp"       // Result
#include "tdm/core/time.hpp"        // TimePoint
#include "tdm/net/http_server.hpp"  // ServerRequest

namespace tdm::sim {

struct QuotaSettings {
  int requests = 600;
  std::chrono::duration<double> window{5};  // of the host's time
  std::chrono::duration<double> ban{600};   // of simulated time without traffic
};

// What a page of klines beyond the largest gets: the largest, or an error.
enum class LimitAbove : std::uint8_t { cut, refuse };

// How one file of Binance's archives is wrong. What is wrong in other ways is any rule's business: its path is
// /archive/data/….
struct ArchiveFault {
  enum class Kind : std::uint8_t {
    missing,         // 404, the CHECKSUM too
    wrong_checksum,  // the CHECKSUM is another file's, for ever (#405)
    reissued,        // the first CHECKSUM is that of an earlier issue, which the zip no longer is
    lacks_rows,      // without the rows of `rows`; the CHECKSUM is right
    html,            // a page instead of the zip, with status 200 and a right CHECKSUM
    wrong_header,    // names of columns that nobody knows; the CHECKSUM is right
    two_members,     // a second file in the zip; the CHECKSUM is right
    bomb             // 32 MiB of zeros; the CHECKSUM is right
  };
  std::string file;  // its name without .zip: BTCUSDT-1m-2023-01; a * at the end stands for any end
  Kind kind = Kind::missing;
  TimeRange rows{};
};

// Binance's limits, and what of its ways nobody could verify (sim/README.md: Binance).
struct BinanceSettings {
  std::int64_t spot_weight = 6'000;     // a minute and address
  std::int64_t futures_weight = 2'400;  // of both futures together
  int ban_after = 10;                   // so many refused requests in one minute, then the ban
  std::chrono::duration<double> ban{120};
  bool futures_retry_after = true;  // whether their 429 and 418 say how long to wait
  LimitAbove spot_limit_above = LimitAbove::cut;
  LimitAbove futures_limit_above = LimitAbove::refuse;
  std::vector<ArchiveFault> archive{};
};

// Deribit's credits (exchanges/deribit.md §3.1), and what of its ways nobody could verify (sim/README.md: Deribit).
struct DeribitSettings {
  std::int64_t pool = 50'000;  // credits of an address for everything but get_instruments
  std::int64_t cost = 500;
  std::int64_t instruments_pool = 500'000;
  std::int64_t instruments_cost = 10'000;
  std::int64_t refill = 10'000;  // credits a second, of either pool
  int error_status = 400;        // HTTP status of a JSON-RPC error
  bool serves_expired = false;   // whether the main host answers for instruments that expired long ago
  bool mixed_numbers = true;     // 10, 10.0 and 1.0e1 side by side; else as the recordings have them: 10.0
};

// Which answers are spoiled, and how. All conditions must hold.
struct FaultRule {
  std::string label;  // for the log: what it does and where it stands in the file
  std::optional<std::string> exchange{};
  std::optional<std::string> path{};           // without the exchange's prefix; a * at the end stands for any end
  std::map<std::string, std::string> query{};  // parameters and their values
  std::int64_t first = 1, last = INT64_MAX;    // nth: which of the requests for which all of the above hold
  std::int64_t every = 1;
  std::optional<TimePoint> from{}, to{};  // exchange time, half-open
  double after_s = 0, until_s = 1e18;     // the host's seconds since the start
  double probability = 1;
  std::int64_t count = INT64_MAX;  // how often at most
  Fault fault{};
};

// What a script file says (sim/README.md: Scripts).
struct ScriptFile {
  QuotaSettings quota{};       // Bybit's
  bool limit_headers = false;  // Bybit's
  BinanceSettings binance{};
  DeribitSettings deribit{};
  std::vector<FaultRule> rules{};
};
// Errors name FILE:LINE:COLUMN.
Result<ScriptFile> load_script(const std::string& file);

// Decides which fault an answer gets: the first rule that holds. Counts as it goes; safe from several threads.
class FaultPlan {
 public:
  FaultPlan(std::vector<FaultRule> rules, std::uint64_t seed);

  struct Choice {
    std::size_t rule = 0;
    const Fault* fault = nullptr;  // lives as long as the plan
    std::string_view label;
  };
  std::optional<Choice> choose(std::string_view exchange, std::string_view path, const net::ServerRequest& request,
                               TimePoint now, double elapsed_s);
  // The fault had no effect on the answer, so it does not count.
  void give_back(std::size_t rule);
  // For same_page: the body that the rule's first request got, `body` when this is the first.
  std::string first_body(std::size_t rule, const std::string& body);

 private:
  struct State {
    std::int64_t seen = 0;
    std::int64_t used = 0;
    std::optional<std::string> body{};
  };

  std::vector<FaultRule> rules_;
  std::uint64_t seed_;
  std::mutex mutex_;
  std::vector<State> states_;
};

}  // namespace tdm::sim
