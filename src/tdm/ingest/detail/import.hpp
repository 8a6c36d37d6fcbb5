#pragma once

#include <optional>
#include <vector>

#include "tdm/ingest/detail/account.hpp"
#include "tdm/ingest/detail/caller.hpp"

namespace tdm::ingest::detail {

// One call of Filler::import_bars, from the claim to the seal. Lives on the caller's thread.
class Import {
 public:
  Import(Shop& shop, const ImportRequest& request, std::shared_ptr<sources::Connector> connector,
         const sources::MarketTraits& traits);
  Result<FillReport> go();

 private:
  void sort_rows();
  TimePoint time_of(std::size_t position) const { return request_.rows.open_time[order_[position]]; }
  TimeRange whole() const;  // from the first row to the end of the last one's bar
  Result<void> open();
  Result<void> store_all();
  Result<void> store_batch(std::size_t first, std::size_t last);
  std::optional<TimePoint> begin_of(std::size_t first, std::size_t last) const;
  Result<sources::Page> page_of(std::size_t first, std::size_t last, const std::optional<store::Manifest>& manifest,
                                const BarColumns& stored, TimeRange window, TimeRange rows);
  void count(const Account& account, std::int64_t rows);
  Result<void> close(const Result<void>& outcome);

  Shop& shop_;
  const ImportRequest& request_;
  const Series& series_;
  std::shared_ptr<sources::Connector> connector_;
  Caller caller_;
  Desk desk_;
  std::vector<std::size_t> order_;  // rows by open time
  std::size_t plausible_ = 0;       // the first of them whose time can be one
  TimePoint now_{};
  std::optional<WriterHub::Lease> lease_;
  std::optional<Instrument> instrument_;
  bool committed_ = false;
  FillReport report_;
};

}  // namespace tdm::ingest::detail
