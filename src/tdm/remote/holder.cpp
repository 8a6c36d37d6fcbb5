#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "tdm/net/http_client.hpp"          // BlockingHttpClient
#include "tdm/remote/detail/documents.hpp"  // read_report, read_progress
#include "tdm/remote/remote.hpp"

namespace tdm::remote {
namespace {

using namespace std::chrono_literals;

// The holder writes a line each half second, so a silence this long means that it is dead.
constexpr auto kFillSilence = 5s;
constexpr auto kReplyTimeout = 120s;  // the list of instruments may have to be fetched under the exchange's quota
constexpr std::size_t kLongestLine = 1024UL * 1024;

constexpr std::size_t kPartRows = 50'000;                 // of a file, in one request
constexpr std::size_t kPartBytes = std::size_t{4} << 20;  // of their texts

// A file's rows in parts, oldest first; rows of one open time come in one part.
class Parts {
 public:
  explicit Parts(const ObservationColumns& rows) : rows_{rows}, order_(rows.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::ranges::stable_sort(order_, {}, [&](std::size_t row) { return rows_.open_time[row]; });
  }

  bool done() const { return next_ == order_.size(); }
  // The end of the part before; nothing before the first.
  std::optional<TimePoint> after() const { return next_ == 0 ? std::nullopt : std::optional{time_of(next_ - 1)}; }

  Json take() {
    const auto first = next_;
    for (std::size_t bytes = 0; next_ < order_.size(); ++next_) {
      const bool begins = next_ == first || time_of(next_) != time_of(next_ - 1);
      if (begins && (next_ - first >= kPartRows || bytes >= kPartBytes)) break;
      for (const auto& [name, column] : ingest::text_fields())
        bytes += (rows_.*column)[order_[next_]].value_or("").size();
    }
    auto times = Json::array();
    for (auto at = first; at < next_; ++at) times.push_back(to_us(time_of(at)));
    Json part{{"open_time_us", std::move(times)}};
    for (const auto& [name, column] : ingest::text_fields()) {
      auto texts = Json::array();
      for (auto at = first; at < next_; ++at) {
        const auto text = (rows_.*column)[order_[at]];
        texts.push_back(text ? Json(*text) : Json());
      }
      part[std::string{name}] = std::move(texts);
    }
    return part;
  }

 private:
  TimePoint time_of(std::size_t position) const { return rows_.open_time[order_[position]]; }

  const ObservationColumns& rows_;
  std::vector<std::size_t> order_;
  std::size_t next_ = 0;
};

void add(ingest::FillReport& to, const ingest::FillReport& part) {
  to.fetched += part.fetched;
  to.stored += part.stored;
  to.revised += part.revised;
  to.unchanged += part.unchanged;
  to.rejected += part.rejected;
  to.requests += part.requests;
  to.exchange_time = part.exchange_time;
}

// Cuts the stream of a fill into lines and understands them: progress is passed on, the last line is the outcome.
class FillLines {
 public:
  explicit FillLines(const ingest::OnProgress& on_progress) : on_progress_{on_progress} {}

  // False when what comes cannot be understood: the request need not go on.
  bool feed(std::string_view piece) {
    pending_ += piece;
    std::size_t begin = 0;
    for (auto end = pending_.find('\n'); end != std::string::npos; end = pending_.find('\n', begin)) {
      if (!take(std::string_view{pending_}.substr(begin, end - begin))) return false;
      begin = end + 1;
    }
    pending_.erase(0, begin);
    return pending_.size() <= kLongestLine || refuse("a line is too long");
  }

  std::optional<Result<ingest::FillReport>> outcome() && { return std::move(outcome_); }

 private:
  bool take(std::string_view line) {
    if (line.empty()) return true;
    const auto document = parse_document(line);
    if (!document) return refuse(document.error().message);
    if (const auto progress = document->find("progress"); progress != document->end()) {
      const auto read = read_document(*progress, read_progress);
      if (!read) return refuse(read.error().message);
      if (on_progress_) on_progress_(*read);
    } else if (const auto report = document->find("report"); report != document->end()) {
      outcome_ = read_document(*report, read_report);
    } else if (const auto error = document->find("error"); error != document->end() && error->is_object()) {
      outcome_ = std::unexpected{error_of_document(*error)};
    } else {
      return refuse("a line is neither progress, report nor error");
    }
    return true;
  }
  bool refuse(std::string_view why) {
    outcome_ = fail(ErrorCode::corrupt_data,
                    fmt::format("the holder of the store answered what cannot be understood: {}", why));
    return false;
  }

  const ingest::OnProgress& on_progress_;
  std::string pending_;
  std::optional<Result<ingest::FillReport>> outcome_;
};

// One connection a call: calls of several threads do not wait for each other, and closing it cancels the call.
class HolderFiller final : public ingest::Filler {
 public:
  explicit HolderFiller(std::string socket_path) {
    socket_.scheme = "unix";
    socket_.host = std::move(socket_path);
  }

  Result<ingest::FillReport> fill(const ingest::FillRequest& request) override {
    const Json body{{"series", request.series.text()},
                    {"start_ms", to_ms(request.range.begin())},
                    {"end_ms", to_ms(request.range.end())},
                    {"to_now", request.to_now}};
    return streamed("/holder/v1/fill", body, request.series, request.on_progress, request.stop);
  }

  // A part that was taken is durable; when the holder goes away between two parts, all of the file is brought again,
  // and what is known of it tells nothing new.
  Result<ingest::FillReport> import_bars(const ingest::ImportRequest& request) override {
    const auto& rows = request.rows;
    const bool quote_volume = request.quote_volume.value_or(rows.quote_volume.null_count() < rows.size());
    ingest::FillReport report;
    for (Parts parts{rows}; !parts.done();) {
      Json body{{"series", request.series.text()}, {"quote_volume", quote_volume}};
      if (const auto after = parts.after() ? parts.after() : request.after) body["after_us"] = to_us(*after);
      body["rows"] = parts.take();
      const auto on_progress = [&](ingest::Progress progress) {
        progress.total_bars = static_cast<std::int64_t>(rows.size());
        progress.done_bars += report.fetched;
        if (request.on_progress) request.on_progress(progress);
      };
      const auto part = streamed("/holder/v1/import", body, request.series, on_progress, request.stop);
      if (!part) return part;
      add(report, *part);
    }
    return report;
  }

  Result<store::Footprint> remove(const Series& series, store::Raw raw, std::stop_token stop) override {
    const auto reply = call("/holder/v1/remove", {{"series", series.text()}, {"with_raw", raw == store::Raw::removed}},
                            std::move(stop));
    if (!reply) return std::unexpected{reply.error()};
    return read_document(*reply, read_footprint);
  }

  Result<void> refresh_instruments(std::string exchange, std::string market, std::chrono::seconds max_age,
                                   std::stop_token stop) override {
    const auto reply =
        call("/holder/v1/refresh_instruments",
             {{"exchange", exchange}, {"market", market}, {"max_age_s", max_age.count()}}, std::move(stop));
    if (!reply) return std::unexpected{reply.error()};
    return {};
  }

  Result<store::Resolution> remember(const store::Resolution& resolution, std::stop_token stop) override {
    const auto reply = call("/holder/v1/remember",
                            {{"exchange", resolution.exchange},
                             {"symbol", resolution.symbol},
                             {"instrument", resolution.instrument.text()},
                             {"decided_at_us", to_us(resolution.decided_at)}},
                            std::move(stop));
    if (!reply) return std::unexpected{reply.error()};
    return read_document(*reply, read_resolution);
  }

  Result<std::int64_t> accept_gaps(const Series& series, TimeRange range, std::string reason,
                                   std::stop_token stop) override {
    const auto reply = call("/holder/v1/accept_gaps",
                            {{"series", series.text()},
                             {"start_ms", to_ms(range.begin())},
                             {"end_ms", to_ms(range.end())},
                             {"reason", std::move(reason)}},
                            std::move(stop));
    if (!reply) return std::unexpected{reply.error()};
    return read_document(*reply, read_accepted);
  }

 private:
  Result<ingest::FillReport> streamed(std::string target, const Json& body, const Series& series,
                                      const ingest::OnProgress& on_progress, const std::stop_token& stop) const {
    FillLines lines{on_progress};
    auto sent = make_request(std::move(target), body);
    sent.read_timeout = kFillSilence;
    net::BlockingHttpClient client{socket_};
    const auto reply =
        client.send_streaming(std::move(sent), [&](std::string_view piece) { return lines.feed(piece); }, stop);
    if (stop.stop_requested())
      return fail(ErrorCode::cancelled, fmt::format("{}: cancelled; what was durable is kept", series.text()));
    if (reply && reply->status / 100 != 2) return std::unexpected{error_of(*reply)};
    if (auto outcome = std::move(lines).outcome()) return *std::move(outcome);
    return fail(ErrorCode::unavailable,
                reply ? "the holder of the store ended its work without an outcome" : gone(reply.error()),
                std::string{kHolderGone});
  }

  net::HttpRequest make_request(std::string target, const Json& body) const {
    net::HttpRequest request;
    request.base = socket_;
    request.target = std::move(target);
    request.method = "POST";
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
    request.read_timeout = kReplyTimeout;
    return request;
  }

  std::string gone(const Error& error) const {
    return fmt::format("the holder of the store does not answer at {}: {}", socket_.host, error.message);
  }

  Result<Json> call(std::string target, const Json& body, std::stop_token stop) const {
    net::BlockingHttpClient client{socket_};
    const auto reply = client.send(make_request(std::move(target), body), std::move(stop));
    if (!reply) {
      if (reply.error().code == ErrorCode::cancelled) return std::unexpected{reply.error()};
      return fail(ErrorCode::unavailable, gone(reply.error()), std::string{kHolderGone});
    }
    if (reply->status / 100 != 2) return std::unexpected{error_of(*reply)};
    return parse_document(reply->body);
  }

  net::Url socket_;
};

}  // namespace

std::shared_ptr<ingest::Filler> make_holder_filler(std::string socket_path) {
  return std::make_shared<HolderFiller>(std::move(socket_path));
}

}  // namespace tdm::remote
