#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/bybit/recording.hpp"  // Recording
#include "sim/exchange.hpp"         // Answer

namespace tdm::sim::bybit {

// Recorded REST answers of Bybit, served again. Which request a file answers follows from its name
// (rest_ENVIRONMENT_ENDPOINT_CATEGORY[_INTERVAL][_SYMBOL]….json) and from the category and symbol in it; a
// `.result.json` file has no envelope and gets one. Every envelope says the simulator's time. Of kline recordings the
// rows inside the window are served, newest first, their text untouched; a longer interval that was not recorded is
// made of a shorter one that was.
class Recordings {
 public:
  // A folder without one usable file is an error.
  static Result<std::unique_ptr<const Recordings>> load(const std::string& folder);

  Answer answer(const net::ServerRequest& request, std::string_view path, TimePoint now) const;
  const std::vector<Recording>& all() const { return recordings_; }

 private:
  Answer kline(const net::ServerRequest& request, std::string_view endpoint, TimePoint now) const;
  Answer instruments_info(const net::ServerRequest& request, TimePoint now) const;
  Answer whole(const net::ServerRequest& request, std::string_view endpoint, TimePoint now) const;

  std::vector<Recording> recordings_;
};

}  // namespace tdm::sim::bybit
