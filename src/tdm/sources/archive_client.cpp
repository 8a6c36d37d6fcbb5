#include "tdm/sources/archive_client.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tdm/telemetry/log.hpp"      // log
#include "tdm/telemetry/metrics.hpp"  // counter

namespace tdm::sources {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kLongestConnect{2'000};
constexpr milliseconds kShortestWait{500};
constexpr double kSlowestBytesPerSecond = 256 * 1024;  // REST is faster than that
constexpr int kLacking = 404;

// Collects a body while it comes fast enough and is not too large.
class Intake {
 public:
  Intake(std::size_t limit, milliseconds patience) : limit_{limit}, patience_{patience} {}

  bool take(std::string_view piece) {
    if (body.size() + piece.size() > limit_) {
      too_large = true;
      return false;
    }
    body += piece;
    const auto elapsed = steady_clock::now() - begun_;
    const auto seconds = std::chrono::duration<double>(elapsed).count();
    too_slow = elapsed > patience_ && static_cast<double>(body.size()) < seconds * kSlowestBytesPerSecond;
    return !too_slow;
  }

  std::string body;
  bool too_large = false;
  bool too_slow = false;

 private:
  std::size_t limit_;
  milliseconds patience_;
  steady_clock::time_point begun_ = steady_clock::now();
};

}  // namespace

ArchiveClient::ArchiveClient(asio::any_io_executor executor, ArchiveClientOptions options)
    : http_{std::move(executor), options.http}, options_{std::move(options)} {}

bool ArchiveClient::is_open() const {
  const std::scoped_lock guard{mutex_};
  return !closed_until_ || steady_clock::now() >= *closed_until_;
}

void ArchiveClient::count(std::string_view outcome) const {
  telemetry::counter("tdm_archive_requests_total", "Requests sent to an exchange's archives, by outcome",
                     {{"exchange", options_.exchange}, {"outcome", std::string{outcome}}})
      .add();
}

Error ArchiveClient::give_up(Error error) {
  {
    const std::scoped_lock guard{mutex_};
    closed_until_ = steady_clock::now() + options_.rest;
  }
  telemetry::log(telemetry::Level::warn, "the archive host is given up; REST does the work",
                 {{"exchange", std::string_view{options_.exchange}},
                  {"host", std::string_view{options_.base.host}},
                  {"reason", std::string_view{error.message}}});
  error.code = ErrorCode::unavailable;
  return error;
}

asio::awaitable<Result<std::string>> ArchiveClient::get(std::string target, Deadline deadline) {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
  net::HttpRequest request;
  request.base = options_.base;
  request.target = std::move(target);
  request.connect_timeout = std::clamp(left, kShortestWait, kLongestConnect);
  request.read_timeout = std::max(left - request.connect_timeout, kShortestWait);
  request.body_limit = std::size_t{1} << 16;  // of what is no file
  ++sent_;
  const auto intake = std::make_shared<Intake>(options_.file_limit, options_.patience);
  net::OnPiece on_piece = [intake](std::string_view piece) { return intake->take(piece); };
  auto reply = co_await http_.send_streaming(std::move(request), std::move(on_piece));
  if (intake->too_large) {
    count("too_large");
    co_return fail(ErrorCode::corrupt_data, fmt::format("the file is larger than {} bytes", options_.file_limit));
  }
  if (intake->too_slow) {
    count("too_slow");
    co_return std::unexpected{give_up(fail(ErrorCode::unavailable, "files come too slowly").error())};
  }
  if (!reply) {
    count("transport_error");
    if (reply.error().code == ErrorCode::corrupt_data || reply.error().code == ErrorCode::cancelled)
      co_return std::unexpected{std::move(reply).error()};
    co_return std::unexpected{give_up(std::move(reply).error())};
  }
  count(reply->status == 200 ? "ok" : fmt::format("{}", reply->status));
  if (reply->status == kLacking) co_return fail(ErrorCode::not_found, "the archive has no such file");
  if (reply->status != 200)
    co_return std::unexpected{
        give_up(fail(ErrorCode::unavailable, fmt::format("it answered with status {}", reply->status)).error())};
  co_return std::move(intake->body);
}

}  // namespace tdm::sources
