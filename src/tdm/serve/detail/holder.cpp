#include "tdm/serve/detail/holder.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "tdm/serve/detail/body.hpp"  // Body, json_reply

namespace tdm::serve {
namespace {

using namespace std::chrono_literals;

// A line at least this often, so that a peer that died is noticed by the failing write.
constexpr auto kHeartbeat = 500ms;

Json to_json(const ingest::Progress& progress) {
  return {{"total_bars", progress.total_bars},   {"done_bars", progress.done_bars},
          {"requests", progress.requests},       {"bars_per_second", progress.bars_per_second},
          {"eta_seconds", progress.eta_seconds}, {"planned", progress.planned}};
}

Json to_json(const ingest::FillReport& report) {
  return {{"fetched", report.fetched},     {"stored", report.stored},
          {"unchanged", report.unchanged}, {"rejected", report.rejected},
          {"requests", report.requests},   {"exchange_time_us", to_us(report.exchange_time)}};
}

Json to_json(const Error& error) {
  Json document{{"code", to_string(error.code)},
                {"message", error.message},
                {"parameter", error.parameter},
                {"suggestions", error.suggestions},
                {"retry_after_ms", nullptr}};
  if (error.retry_after) document["retry_after_ms"] = error.retry_after->count();
  return document;
}

std::string line(std::string_view name, const Json& value) {
  Json document;
  document[std::string{name}] = value;
  return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// One fill and its progress as a stream of lines. The reply owns it: when the peer has gone the reply is dropped, the
// destructor cancels that caller's fill and waits for it.
class FillStream {
 public:
  FillStream(std::shared_ptr<ingest::Filler> filler, ingest::FillRequest request)
      : worker_{[this, filler = std::move(filler), request = std::move(request)](const std::stop_token& stop) mutable {
          request.stop = stop;
          request.on_progress = [this](const ingest::Progress& progress) { put(progress); };
          finish(filler->fill(request));
        }} {}

  std::optional<std::string> next_line() {
    std::unique_lock lock{mutex_};
    if (ended_) return std::nullopt;
    changed_.wait_for(lock, kHeartbeat, [this] { return result_.has_value(); });
    if (!result_) return line("progress", to_json(progress_));
    ended_ = true;
    return *result_ ? line("report", to_json(**result_)) : line("error", to_json(result_->error()));
  }

 private:
  void put(const ingest::Progress& progress) {
    const std::lock_guard guard{mutex_};
    progress_ = progress;
  }
  void finish(Result<ingest::FillReport> result) {
    {
      const std::lock_guard guard{mutex_};
      result_ = std::move(result);
    }
    changed_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  ingest::Progress progress_;
  std::optional<Result<ingest::FillReport>> result_;
  bool ended_ = false;
  std::jthread worker_;  // last: it ends before what it uses
};

Result<TimeRange> range_of(const Body& body) {
  const auto start = body.integer("start_ms"), end = body.integer("end_ms");
  if (!start) return std::unexpected{start.error()};
  if (!end) return std::unexpected{end.error()};
  return TimeRange::make(from_ms(*start), from_ms(*end));
}

Result<Series> series_of(const Body& body) {
  const auto text = body.text("series");
  if (!text) return std::unexpected{text.error()};
  return Series::parse(*text);
}

Result<net::ServerReply> fill(const std::shared_ptr<ingest::Filler>& filler, const Call& call) {
  const auto body = Body::parse(call.request, {"series", "start_ms", "end_ms", "to_now"});
  if (!body) return std::unexpected{body.error()};
  auto series = series_of(*body);
  const auto range = range_of(*body);
  const auto to_now = body->flag("to_now");
  if (!series) return std::unexpected{std::move(series).error()};
  if (!range) return std::unexpected{range.error()};
  if (!to_now) return std::unexpected{to_now.error()};

  ingest::FillRequest request{.series = *std::move(series), .range = *range, .to_now = *to_now};
  const auto stream = std::make_shared<FillStream>(filler, std::move(request));
  net::ServerReply reply;
  reply.headers.emplace_back("Content-Type", "application/x-ndjson");
  reply.next_piece = [stream] { return stream->next_line(); };
  return reply;
}

Result<net::ServerReply> refresh_instruments(ingest::Filler& filler, const Call& call) {
  const auto body = Body::parse(call.request, {"exchange", "market", "max_age_s"});
  if (!body) return std::unexpected{body.error()};
  const auto exchange = body->text("exchange"), market = body->text("market");
  const auto max_age = body->integer("max_age_s");
  if (!exchange) return std::unexpected{exchange.error()};
  if (!market) return std::unexpected{market.error()};
  if (!max_age) return std::unexpected{max_age.error()};
  const auto done = filler.refresh_instruments(*exchange, *market, std::chrono::seconds{*max_age}, {});
  if (!done) return std::unexpected{done.error()};
  return json_reply(Json::object());
}

Result<net::ServerReply> remember(ingest::Filler& filler, const Call& call) {
  const auto body = Body::parse(call.request, {"exchange", "symbol", "instrument", "decided_at_us"});
  if (!body) return std::unexpected{body.error()};
  const auto exchange = body->text("exchange"), symbol = body->text("symbol"), name = body->text("instrument");
  const auto decided_at = body->integer("decided_at_us");
  if (!exchange) return std::unexpected{exchange.error()};
  if (!symbol) return std::unexpected{symbol.error()};
  if (!name) return std::unexpected{name.error()};
  if (!decided_at) return std::unexpected{decided_at.error()};
  auto instrument = InstrumentId::parse(*name);
  if (!instrument) return std::unexpected{std::move(instrument).error()};
  const store::Resolution asked{*exchange, *symbol, *std::move(instrument), from_us(*decided_at)};
  const auto stored = filler.remember(asked, {});
  if (!stored) return std::unexpected{stored.error()};
  return json_reply({{"exchange", stored->exchange},
                     {"symbol", stored->symbol},
                     {"instrument", stored->instrument.text()},
                     {"decided_at_us", to_us(stored->decided_at)}});
}

Result<net::ServerReply> accept_gaps(ingest::Filler& filler, const Call& call) {
  const auto body = Body::parse(call.request, {"series", "start_ms", "end_ms", "reason"});
  if (!body) return std::unexpected{body.error()};
  const auto series = series_of(*body);
  const auto range = range_of(*body);
  const auto reason = body->text("reason");
  if (!series) return std::unexpected{series.error()};
  if (!range) return std::unexpected{range.error()};
  if (!reason) return std::unexpected{reason.error()};
  const auto accepted = filler.accept_gaps(*series, *range, *reason, {});
  if (!accepted) return std::unexpected{accepted.error()};
  return json_reply({{"accepted", *accepted}});
}

}  // namespace

std::vector<Route> holder_routes(std::shared_ptr<ingest::Filler> filler) {
  const auto post = [](std::string_view path, std::function<Result<net::ServerReply>(const Call&)> handle) {
    Route route;
    route.method = "POST";
    route.path = path;
    route.handle = std::move(handle);
    return route;
  };
  return {
      post("/holder/v1/fill", [filler](const Call& call) { return fill(filler, call); }),
      post("/holder/v1/refresh_instruments", [filler](const Call& call) { return refresh_instruments(*filler, call); }),
      post("/holder/v1/remember", [filler](const Call& call) { return remember(*filler, call); }),
      post("/holder/v1/accept_gaps", [filler](const Call& call) { return accept_gaps(*filler, call); }),
  };
}

}  // namespace tdm::serve
