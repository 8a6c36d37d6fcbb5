#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "tdm/sources/connector.hpp"  // Connector, PageRequest

namespace tdm::ingest::detail {

// Finds the first bar that the exchange itself returns, from coarse to fine: the first month, in it the first day, in
// it the first bar of the series. Decides what to ask; does no I/O.
class Prober {
 public:
  Prober(const sources::Connector& connector, const sources::MarketTraits& traits, Series series, TimePoint now);

  struct Question {
    Series series;
    sources::PageRequest request;
  };
  // What to ask next; nothing when the search has ended.
  std::optional<Question> next() const;
  void consume(const sources::Page& page);

  // The first bar of the series; nothing when the search found none.
  std::optional<TimePoint> first_bar() const { return first_bar_; }
  std::string evidence() const;

 private:
  void descend(TimeRange range);

  static constexpr int kMaxQuestions = 24;

  const sources::Connector& connector_;
  Series series_;
  std::vector<Timeframe> levels_;  // coarse to fine; the last is the series' own
  std::size_t level_ = 0;
  std::vector<sources::PageRequest> pages_;
  std::size_t page_ = 0;
  int questions_ = 0;
  std::optional<TimePoint> first_bar_;
};

}  // namespace tdm::ingest::detail
