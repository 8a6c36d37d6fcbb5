#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/deribit/call.hpp"  // Call
#include "sim/exchange.hpp"      // Answer
#include "sim/script.hpp"        // DeribitSettings
#include "tdm/core/error.hpp"    // Result

namespace tdm::sim::deribit {

// Recorded REST answers of Deribit, served again. Of a folder, with what lies below it, are read: texts whose lines are
// `URL -> TIME: BODY`, JSON files whose names say the method, and lines of {what, httpResponse} (kFiles in replay.cpp).
// Instruments are served by name, group and kind, bars inside the asked window, everything else as a whole; envelopes
// are the simulator's, so that all answers have one clock.
class Recordings {
 public:
  using Json = nlohmann::ordered_json;
  using Bar = std::array<Json, 6>;

  // A folder without one usable file is an error.
  static Result<std::unique_ptr<const Recordings>> load(const std::string& folder);

  Answer answer(const Call& call, const DeribitSettings& settings) const;

 private:
  struct Instrument {
    std::string group;  // of the recorded request, else the currency it settles in
    Json row;
  };
  struct Whole {
    std::string method;
    std::string instrument;  // empty: of none
    Json result;
    std::int64_t sent_us = 0;  // of several the latest is served
  };

  static Whole whole_of(std::string method, std::string instrument, const Json& body);
  bool empty() const { return instruments_.empty() && charts_.empty() && wholes_.empty(); }
  Result<void> load_file(const std::string& file, const std::string& name);
  void load_lines(const std::string& file);
  Result<void> load_captions(const std::string& file);
  void load_cassette(const Json& file);
  void add_instruments(const std::string& group, const Json& rows);
  Result<void> add_chart(const std::string& instrument, const std::string& resolution, const Json& columns);
  const Whole* latest(std::string_view method, std::string_view instrument) const;
  Answer chart(const Call& call, const DeribitSettings& settings) const;
  Answer get_instruments(const Call& call, const DeribitSettings& settings) const;
  Answer get_instrument(const Call& call, const DeribitSettings& settings) const;

  std::map<std::string, Instrument, std::less<>> instruments_;  // by name
  std::map<std::pair<std::string, std::string>, std::map<std::int64_t, Bar>> charts_;
  std::vector<Whole> wholes_;
};

}  // namespace tdm::sim::deribit
