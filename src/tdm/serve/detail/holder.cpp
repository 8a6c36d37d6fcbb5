#include "tdm/serve/detail/holder.hpp"

#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <functional>
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
  return {{"fetched", report.fetched},
          {"stored", report.stored},
          {"revised", report.revised},
          {"unchanged", report.unchanged},
          {"rejected", report.rejected},
          {"requests", report.requests},
          {"exchange_time_us", to_us(report.exchange_time)}};
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

// One fill or import and its progress as a stream of lines. The reply owns it: when the peer has gone the reply is
// dropped, the destructor cancels that caller's work and waits for it.
class WorkStream {
 public:
  using Work = std::function<Result<ingest::FillReport>(ingest::OnProgress, std::stop_token)>;

  explicit WorkStream(Work work)
      : worker_{[this, work = std::move(work)](const std::stop_token& stop) {
          finish(work([this](const ingest::Progress& progress) { put(progress); }, stop));
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

Result<net::ServerReply> streamed(WorkStream::Work work) {
  const auto stream = std::make_shared<WorkStream>(std::move(work));
  net::ServerReply reply;
  reply.headers.emplace_back("Content-Type", "application/x-ndjson");
  reply.next_piece = [stream] { return stream->next_line(); };
  return reply;
}

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
  return streamed([filler, request = std::move(request)](ingest::OnProgress on_progress, std::stop_token stop) mutable {
    request.on_progress = std::move(on_progress);
    request.stop = std::move(stop);
    return filler->fill(request);
  });
}

// ---- rows of a file

std::unexpected<Error> bad_column(std::string_view name, std::string_view expected) {
  return fail(ErrorCode::invalid_argument, fmt::format("rows.{} must be {}", name, expected), "rows");
}

Result<void> append_texts(TextColumn& to, const Json& values, std::string_view name, std::size_t rows) {
  if (!values.is_array() || values.size() != rows) return bad_column(name, "as long as the others");
  for (const auto& value : values) {
    if (value.is_null())
      to.append_null();
    else if (value.is_string())
      to.append(std::string_view{value.get_ref<const std::string&>()});
    else
      return bad_column(name, "texts or null");
  }
  return {};
}

Result<ObservationColumns> rows_of(const Json& columns) {
  constexpr std::string_view kTime = "open_time_us";
  ObservationColumns rows;
  const auto times = columns.find(kTime);
  if (times == columns.end() || !times->is_array()) return bad_column(kTime, "integers");
  for (const auto& time : *times) {
    if (!time.is_number_integer()) return bad_column(kTime, "integers");
    rows.open_time.push_back(from_us(time.get<std::int64_t>()));
  }
  const auto count = rows.size();
  std::size_t known = 1;
  for (const auto& [name, column] : ingest::text_fields()) {
    auto& to = rows.*column;
    if (const auto values = columns.find(name); values == columns.end()) {
      for (std::size_t row = 0; row < count; ++row) to.append_null();
    } else if (auto appended = append_texts(to, *values, name, count); !appended) {
      return std::unexpected{std::move(appended).error()};
    } else {
      ++known;
    }
  }
  if (known != columns.size()) return bad_column("*", "columns of an observation and no others");
  for (std::size_t row = 0; row < count; ++row) rows.extra.append_null();
  rows.close_proof.assign(count, CloseProof::none);
  rows.event_time.assign(count, TimePoint{});
  rows.received_at.assign(count, TimePoint{});
  rows.channel.assign(count, Channel::import);
  rows.ingest_id.assign(count, 0);
  return rows;
}

Result<net::ServerReply> import_bars(const std::shared_ptr<ingest::Filler>& filler, const Call& call) {
  const auto body = Body::parse(call.request, {"series", "after_us", "quote_volume", "rows"});
  if (!body) return std::unexpected{body.error()};
  auto series = series_of(*body);
  const auto after = body->optional_integer("after_us");
  const auto quote_volume = body->flag("quote_volume");
  const auto columns = body->object("rows");
  if (!series) return std::unexpected{std::move(series).error()};
  if (!after) return std::unexpected{after.error()};
  if (!quote_volume) return std::unexpected{quote_volume.error()};
  if (!columns) return std::unexpected{columns.error()};
  auto rows = rows_of(**columns);
  if (!rows) return std::unexpected{std::move(rows).error()};

  ingest::ImportRequest request{
      .series = *std::move(series), .rows = *std::move(rows), .after = {}, .quote_volume = *quote_volume};
  if (*after) request.after = from_us(**after);
  return streamed([filler, request = std::move(request)](ingest::OnProgress on_progress, std::stop_token stop) mutable {
    request.on_progress = std::move(on_progress);
    request.stop = std::move(stop);
    return filler->import_bars(request);
  });
}

Result<net::ServerReply> remove(ingest::Filler& filler, const Call& call) {
  const auto body = Body::parse(call.request, {"series", "with_raw"});
  if (!body) return std::unexpected{body.error()};
  const auto series = series_of(*body);
  const auto with_raw = body->flag("with_raw");
  if (!series) return std::unexpected{series.error()};
  if (!with_raw) return std::unexpected{with_raw.error()};
  const auto gone = filler.remove(*series, *with_raw ? store::Raw::removed : store::Raw::kept, call.request.gone);
  if (!gone) return std::unexpected{gone.error()};
  return json_reply(
      {{"rows", gone->rows}, {"bytes", gone->bytes}, {"raw_rows", gone->raw_rows}, {"raw_bytes", gone->raw_bytes}});
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
      post("/holder/v1/import", [filler](const Call& call) { return import_bars(filler, call); }),
      post("/holder/v1/remove", [filler](const Call& call) { return remove(*filler, call); }),
  };
}

}  // namespace tdm::serve
