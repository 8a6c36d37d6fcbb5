#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "tdm/ingest/detail/ledger.hpp"  // Life
#include "tdm/sources/connector.hpp"     // Page
#include "tdm/store/store.hpp"           // Batch, Manifest
#include "tdm/validate/rules.hpp"        // RuleSet

namespace tdm::ingest::detail {

// What stays the same for all batches of a fill.
struct Desk {
  Series series;
  const validate::RuleSet* rules = nullptr;
  std::chrono::seconds settle{};
  std::chrono::seconds delay{};
  bool has_quote_volume = false;
  bool has_signed_prices = false;
  std::span<const sources::KnownOutage> outages{};
  std::int64_t ingest_id = 0;
  bool asked = true;  // pages are answers of the exchange; false: rows of a file
};

// Pages as one durable step, and what it amounts to.
struct Account {
  store::Batch batch;
  std::int64_t fetched = 0, unchanged = 0;
  std::int64_t answered_bars = 0;  // bars that the batch settles: stored or a gap
  std::int64_t new_gaps = 0, closed_gaps = 0;
  std::vector<TimeRange> requested{};  // the pages' windows
  std::vector<TimeRange> holes{};      // bars that archive files should hold and do not: REST is asked for them
  TimePoint exchange_time{};           // of the latest answer
  TimePoint heard_time{};              // of the latest answer of the exchange itself; epoch: there was none
  std::vector<validate::RuleCount> rule_counts{};
};

// Records, judges and accounts for pages in order of time. `stored`: current rows of the pages' windows. Pure.
Account account_for(std::vector<sources::Page> pages, const std::optional<store::Manifest>& manifest,
                    const BarColumns& stored, const Instrument& instrument, const Life& life, const Desk& desk,
                    TimePoint recorded_at);

// The instrument with what a probe found: its first bar, kept as fine as it was ever seen.
Instrument with_first_bar(Instrument instrument, const std::optional<store::Manifest>& manifest, const Life& life,
                          Timeframe timeframe);

}  // namespace tdm::ingest::detail
