#include "tdm/ingest/detail/claims.hpp"

#include <algorithm>

#include "tdm/core/gap.hpp"  // intersect, subtract_all

namespace tdm::ingest::detail {

Claims::Taken Claims::take(const Series& series, const std::vector<TimeRange>& wanted) {
  return taken_of(series, wanted, false);
}

Claims::Taken Claims::take_whole(const Series& series, const std::vector<TimeRange>& wanted) {
  return taken_of(series, wanted, true);
}

Claims::Taken Claims::taken_of(const Series& series, const std::vector<TimeRange>& wanted, bool whole) {
  const std::lock_guard guard{mutex_};
  auto& claims = table_[series];
  Taken taken;
  taken.seen = changes_;
  std::vector<TimeRange> held;
  for (const auto& claim : claims) {
    if (intersect(wanted, claim->ranges).empty()) continue;
    taken.blockers.push_back(claim);
    held.insert(held.end(), claim->ranges.begin(), claim->ranges.end());
  }
  auto claim = std::make_shared<Claim>();
  if (!whole || taken.blockers.empty()) claim->ranges = subtract_all(wanted, held);
  if (!claim->ranges.empty()) claims.push_back(claim);
  if (claims.empty()) table_.erase(series);
  taken.ticket = Ticket{this, series, std::move(claim)};
  return taken;
}

void Claims::wait(std::uint64_t seen, std::stop_token stop, std::chrono::milliseconds wait) {
  std::unique_lock guard{mutex_};
  changed_.wait_for(guard, std::move(stop), wait, [&] { return changes_ != seen; });
}

std::optional<Error> Claims::failure(const std::vector<std::shared_ptr<Claim>>& claims) {
  const std::lock_guard guard{mutex_};
  for (const auto& claim : claims)
    if (claim->error) return claim->error;
  return std::nullopt;
}

Claims::Ticket& Claims::Ticket::operator=(Ticket&& other) noexcept {
  if (this == &other) return *this;
  end(std::nullopt);
  claims_ = other.claims_;
  series_ = std::move(other.series_);
  claim_ = std::move(other.claim_);
  return *this;
}

void Claims::Ticket::done(TimeRange range) {
  {
    const std::lock_guard guard{claims_->mutex_};
    claim_->ranges = subtract_all(claim_->ranges, {range});
    ++claims_->changes_;
  }
  claims_->changed_.notify_all();
}

void Claims::Ticket::end(std::optional<Error> error) {
  if (!claim_) return;
  {
    const std::lock_guard guard{claims_->mutex_};
    claim_->ranges.clear();
    claim_->error = std::move(error);
    ++claims_->changes_;
    if (const auto entry = claims_->table_.find(*series_); entry != claims_->table_.end()) {
      std::erase(entry->second, claim_);
      if (entry->second.empty()) claims_->table_.erase(entry);
    }
  }
  claim_.reset();
  claims_->changed_.notify_all();
}

}  // namespace tdm::ingest::detail
