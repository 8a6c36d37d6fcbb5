#include "tdm/cli/detail/progress.hpp"

#include <algorithm>

#include "tdm/cli/detail/text.hpp"

namespace tdm::cli::detail {
namespace {

using namespace std::chrono_literals;

constexpr auto kRedraw = 200ms;
constexpr auto kLineEvery = 10s;
constexpr std::int64_t kBarWidth = 20;

std::int64_t percent(const Totals& totals) {
  return totals.total <= 0 ? 100 : std::clamp<std::int64_t>(totals.done * 100 / totals.total, 0, 100);
}

std::string left_text(const Totals& totals) {
  if (totals.total > 0 && totals.done >= totals.total) return "finishing";
  return totals.seconds_left ? seconds_text(*totals.seconds_left) + " left" : "time left unknown";
}

std::string rate_text(const Totals& totals) {
  return count_text(static_cast<std::int64_t>(totals.bars_per_second)) + " bars/s";
}

}  // namespace

std::string bar_line(const Totals& totals) {
  const auto filled = static_cast<std::size_t>(percent(totals) * kBarWidth / 100);
  return fmt::format("[{}{}] {:>3} %  {}/{} bars  {}  {}", std::string(filled, '#'),
                     std::string(static_cast<std::size_t>(kBarWidth) - filled, '-'), percent(totals),
                     count_text(totals.done), count_text(totals.total), rate_text(totals), left_text(totals));
}

std::string plain_line(const Totals& totals) {
  return fmt::format("{} %, {} of {} bars, {}, {}", percent(totals), count_text(totals.done), count_text(totals.total),
                     rate_text(totals), left_text(totals));
}

ProgressDisplay::ProgressDisplay(const Context& context, const std::vector<std::int64_t>& expected)
    : context_{context}, started_{std::chrono::steady_clock::now()} {
  for (const auto total : expected) parts_.push_back({.total = total});
  ticker_ = std::jthread{[this](const std::stop_token& stop) { show(stop); }};
}

ProgressDisplay::~ProgressDisplay() {
  ticker_.request_stop();
  ticker_.join();
  clear_bar();
}

void ProgressDisplay::update(std::size_t fill, const ingest::Progress& progress) {
  const std::lock_guard guard{mutex_};
  auto& part = parts_[fill];
  part.done = progress.done_bars;
  if (progress.planned) part.total = std::max(progress.total_bars, progress.done_bars);
}

void ProgressDisplay::finish(std::size_t fill) {
  const std::lock_guard guard{mutex_};
  parts_[fill].total = parts_[fill].done;
}

void ProgressDisplay::say(const std::string& line) {
  const std::lock_guard guard{mutex_};
  clear_bar();
  context_.say("{}", line);
}

Totals ProgressDisplay::totals() const {
  const std::lock_guard guard{mutex_};
  return totals_locked();
}

Totals ProgressDisplay::totals_locked() const {
  Totals totals;
  for (const auto& part : parts_) {
    totals.done += part.done;
    totals.total += std::max(part.total, part.done);
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - started_;
  if (elapsed > 100ms) totals.bars_per_second = static_cast<double>(totals.done) / elapsed.count();
  if (totals.bars_per_second > 0)
    totals.seconds_left = static_cast<double>(totals.total - totals.done) / totals.bars_per_second;
  return totals;
}

void ProgressDisplay::show(const std::stop_token& stop) {
  const bool terminal = context_.streams.err_is_terminal;
  std::unique_lock lock{mutex_};
  while (!stop.stop_requested()) {
    wake_.wait_for(lock, stop, terminal ? std::chrono::milliseconds{kRedraw} : std::chrono::milliseconds{kLineEvery},
                   [] { return false; });
    if (stop.stop_requested()) return;
    if (terminal)
      draw_bar();
    else
      context_.say("{}", plain_line(totals_locked()));
  }
}

void ProgressDisplay::draw_bar() {
  context_.err() << '\r' << bar_line(totals_locked()) << "\x1b[K" << std::flush;
  drawn_ = true;
}

void ProgressDisplay::clear_bar() {
  if (drawn_) context_.err() << "\r\x1b[K" << std::flush;
  drawn_ = false;
}

}  // namespace tdm::cli::detail
