#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "tdm/ingest/detail/claims.hpp"  // Claims
#include "tdm/ingest/ingest.hpp"         // WriterHub, Connectors, IngestOptions

namespace tdm::ingest::detail {

// How far the exchanges' clocks are from ours, as their answers told: a question less for whoever asks soon after.
// Thread-safe.
class ExchangeTimes {
 public:
  void learn(const std::string& exchange, Micros ahead);
  std::optional<Micros> ahead(const std::string& exchange) const;  // nothing when it was not heard of for kFresh

 private:
  static constexpr std::chrono::seconds kFresh{60};
  struct Heard {
    Micros ahead{};
    std::chrono::steady_clock::time_point at{};
  };
  mutable std::mutex mutex_;
  std::map<std::string, Heard> heard_;
};

// What all fills of a process share.
struct Shop {
  std::shared_ptr<store::Store> store;
  std::shared_ptr<WriterHub> hub;
  Connectors connectors;
  validate::RuleSet rules;
  const Clock& clock;
  boost::asio::any_io_executor executor;
  IngestOptions options;
  Claims claims{};
  ExchangeTimes times{};
  std::timed_mutex listing{};  // one refresh of a list of instruments at a time
};

}  // namespace tdm::ingest::detail
