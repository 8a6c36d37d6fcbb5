#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

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

// How many fills are fetching from an exchange, so that together they keep to its pages in flight. Thread-safe.
class Fetchers {
 public:
  class Place {
   public:
    Place(Fetchers& all, std::string exchange);
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place();
    // This fill's part of `pages`, at least kLeast: a small read goes on beside large backfills.
    std::size_t share(std::size_t pages) const;

   private:
    static constexpr std::size_t kLeast = 2;
    Fetchers& all_;
    std::string exchange_;
  };

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::size_t> fetching_;
};

// Lets one caller through at a time; whoever waits may be stopped. Thread-safe.
class Turnstile {
 public:
  class Pass {
   public:
    explicit Pass(Turnstile& gate) : gate_{&gate} {}
    Pass(Pass&& other) noexcept : gate_{std::exchange(other.gate_, nullptr)} {}
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (gate_ != nullptr) gate_->leave();
    }

   private:
    Turnstile* gate_;
  };
  std::optional<Pass> enter(const std::stop_token& stop);  // nothing when stopped

 private:
  void leave();

  std::mutex mutex_;
  std::condition_variable_any free_;
  bool taken_ = false;
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
  Fetchers fetchers{};
  Turnstile listing{};  // one refresh of a list of instruments at a time
};

}  // namespace tdm::ingest::detail
