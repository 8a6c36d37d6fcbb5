#pragma once

#include <optional>
#include <vector>

#include "tdm/ingest/detail/account.hpp"
#include "tdm/ingest/detail/caller.hpp"

namespace tdm::ingest::detail {

// One call of Filler::fill, from the first look at the store to the seal. Lives on the caller's thread.
class Fill {
 public:
  Fill(Shop& shop, const FillRequest& request, std::shared_ptr<sources::Connector> connector,
       const sources::MarketTraits& traits);
  Result<FillReport> go();

 private:
  struct Pending {
    Caller::Task<Result<Account>> commit;
    std::size_t pages = 0;

    Pending(Caller::Task<Result<Account>> task, std::size_t count) : commit{std::move(task)}, pages{count} {}
  };

  Result<void> learn_now();
  Result<void> get_missing();
  Result<bool> step();  // false: nothing is missing
  Result<void> get_claimed(Claims::Ticket& ticket);
  Result<void> open();
  std::vector<TimeRange> missing(const std::optional<store::Manifest>& manifest) const;
  bool worth_probing(const std::vector<TimeRange>& wanted) const;
  Result<void> probe();
  Result<void> account_unlisted(const std::vector<TimeRange>& ranges, Claims::Ticket& ticket);
  Result<void> get_bars(const std::vector<TimeRange>& ranges, Claims::Ticket& ticket);
  Result<void> get_pages(const std::vector<TimeRange>& ranges, Claims::Ticket& ticket);
  // What an order of pages asks for, and of whom.
  struct Order {
    std::vector<sources::PageRequest> pages;
    std::size_t in_flight = 1;
    std::int64_t requests_each = 1;
    bool archived = false;  // what cannot be had goes to over_rest_
  };
  Result<void> get_order(Order order, Claims::Ticket& ticket);
  bool do_without(PageStream& stream, const PageStream::Failure& failure);
  bool is_due(PageStream& stream, std::chrono::steady_clock::time_point last_commit) const;
  Result<void> see_first_bar(const std::vector<sources::Page>& pages);
  Result<Account> commit(std::vector<sources::Page> pages, const Life& life);
  void merge_before(TimePoint begin);
  void absorb(const Account& account, Claims::Ticket& ticket);
  Error named(Error error, TimeRange range) const;
  Result<void> close(const Result<void>& outcome);
  void tell(const Result<void>& outcome) const;

  Shop& shop_;
  const FillRequest& request_;
  const Series& series_;
  std::shared_ptr<sources::Connector> connector_;
  const sources::MarketTraits& traits_;
  Caller caller_;
  Desk desk_;
  TimePoint now_{};  // exchange time as far as it is known
  std::optional<WriterHub::Lease> lease_;
  std::optional<Instrument> instrument_;
  Life life_;
  bool probed_ = false;
  bool committed_ = false;
  std::vector<TimeRange> asked_;      // settled by this call: never asked twice by it
  std::vector<TimeRange> over_rest_;  // what archive files were to bring and did not
  FillReport report_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

}  // namespace tdm::ingest::detail
