#include "tdm/ingest/detail/page_stream.hpp"

#include <algorithm>

#include "tdm/ingest/detail/spawn.hpp"

namespace tdm::ingest::detail {

void Bell::ring() {
  {
    const std::lock_guard guard{mutex_};
    ringing_ = true;
  }
  rung_.notify_all();
}

void Bell::wait(std::stop_token stop, std::chrono::steady_clock::time_point until) {
  std::unique_lock guard{mutex_};
  rung_.wait_until(guard, std::move(stop), until, [this] { return ringing_; });
  ringing_ = false;
}

PageStream::PageStream(std::shared_ptr<sources::Connector> connector, boost::asio::any_io_executor executor,
                       Series series, std::vector<sources::PageRequest> pages, std::size_t limit,
                       std::shared_ptr<Bell> bell)
    : connector_{std::move(connector)},
      executor_{std::move(executor)},
      series_{std::move(series)},
      pages_{std::move(pages)},
      limit_{std::max<std::size_t>(1, limit)},
      bell_{std::move(bell)} {}

void PageStream::top_up() {
  while (asked_ < pages_.size() && asked_ < settled_ + limit_) ask(asked_++);
}

void PageStream::ask(std::size_t page) {
  spawn(executor_, connector_, fetch_page(connector_, series_, pages_[page]),
        [box = box_, bell = bell_, page](Result<sources::Page> answer) {
          {
            const std::lock_guard guard{box->mutex};
            box->arrived.emplace(page, std::move(answer));
          }
          bell->ring();
        });
}

std::size_t PageStream::ready() const {
  const std::lock_guard guard{box_->mutex};
  std::size_t count = 0;
  for (auto next = box_->arrived.find(taken_);
       next != box_->arrived.end() && next->first == taken_ + count && next->second; ++next)
    ++count;
  return count;
}

std::vector<sources::Page> PageStream::take() {
  const std::lock_guard guard{box_->mutex};
  std::vector<sources::Page> pages;
  for (auto next = box_->arrived.find(taken_); next != box_->arrived.end() && next->first == taken_ && next->second;
       next = box_->arrived.find(taken_)) {
    pages.push_back(*std::move(next->second));
    box_->arrived.erase(next);
    ++taken_;
  }
  return pages;
}

void PageStream::settle(std::size_t pages) { settled_ += pages; }

std::optional<PageStream::Failure> PageStream::failure(std::size_t ahead) const {
  const std::lock_guard guard{box_->mutex};
  const auto next = box_->arrived.find(taken_ + ahead);
  if (next == box_->arrived.end() || next->second) return std::nullopt;
  return Failure{pages_[taken_ + ahead].range, next->second.error()};
}

void PageStream::skip() {
  const std::lock_guard guard{box_->mutex};
  box_->arrived.erase(taken_++);
  ++settled_;
}

std::vector<TimeRange> PageStream::left() const {
  std::vector<TimeRange> windows;
  for (auto page = taken_; page < pages_.size(); ++page) windows.push_back(pages_[page].range);
  return windows;
}

std::optional<TimePoint> PageStream::unasked_from() const {
  return asked_ < pages_.size() ? std::optional{pages_[asked_].range.begin()} : std::nullopt;
}

}  // namespace tdm::ingest::detail
