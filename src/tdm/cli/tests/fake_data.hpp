#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tdm/cli/cli.hpp"

namespace tdm::cli {

inline Series series_of(std::string_view text) { return Series::parse(text).value(); }
inline TimePoint at(std::string_view iso) { return parse_time_bound(iso, "t")->first; }

// An answer of hourly bars from 2023-01-01 on with the given closes.
inline query::Answer answer_of(std::string_view series, std::vector<double> closes) {
  struct Owner {
    std::vector<TimePoint> open_time;
    std::vector<double> close;
    NullableColumn<double> quote_volume;
    TextColumn finality;
  };
  const auto owner = std::make_shared<Owner>();
  owner->close = std::move(closes);
  const auto begin = at("2023-01-01");
  for (std::size_t i = 0; i < owner->close.size(); ++i) {
    owner->open_time.push_back(begin + std::chrono::hours{i});
    i == 0 ? owner->quote_volume.append_null() : owner->quote_volume.append(0.1 * static_cast<double>(i));
    owner->finality.append(std::string_view{"con,firmed"});
  }
  query::Answer answer{series_of(series), {}, {}, {}, {}, {}, {}};
  answer.range = TimeRange::of(begin, begin + std::chrono::hours{owner->close.size()});
  answer.frame.rows = owner->close.size();
  answer.frame.columns = {
      {"open_time", std::span<const TimePoint>{owner->open_time}},
      {"close", std::span<const double>{owner->close}},
      {"quote_volume", std::span<const double>{owner->quote_volume.values}, owner->quote_volume.valid},
      {"finality", &owner->finality}};
  answer.frame.owner = owner;
  answer.provenance.instrument = answer.series.instrument.text();
  answer.provenance.price_kind = "last";
  answer.provenance.timeframe = answer.series.timeframe.name();
  answer.provenance.origin = "mainnet";
  answer.provenance.range = answer.range;
  answer.provenance.rows = answer.provenance.expected = static_cast<std::int64_t>(answer.frame.rows);
  answer.provenance.finality = "confirmed";
  answer.provenance.open_rule = "previous_close";
  return answer;
}

// Stands for the engine: answers from what a test put in and remembers what it was asked.
class FakeData final : public query::MarketData {
 public:
  std::vector<std::string> instruments_known{"bybit.linear.BTCUSDT", "bybit.linear.ETHUSDT"};
  std::vector<std::string> stored;
  std::map<std::string, Error> failures;  // by series
  std::optional<query::Answer> answer;
  std::optional<Error> read_error;
  std::vector<Gap> ledger;
  std::vector<query::CheckReport> reports;
  std::optional<ingest::ImportRequest> imported;
  std::vector<std::string> removed;  // "SERIES" or "SERIES with raw"
  std::function<void(const query::OnProgress&, std::stop_token)> during_fill;

  std::optional<query::ReadRequest> asked;
  std::mutex mutex;
  std::vector<std::string> filled;  // "backfill SERIES START END" and "update SERIES"

  Result<query::Answer> read(const query::ReadRequest& request, const query::OnProgress&, std::stop_token) override {
    asked = request;
    if (read_error) return std::unexpected{*read_error};
    return *answer;
  }
  Result<std::vector<Series>> expand(const std::vector<std::string>& patterns, bool stored_only,
                                     std::stop_token) override {
    std::vector<Series> all;
    for (const auto& pattern : patterns) {
      if (pattern.find('*') == std::string::npos) {
        const auto series = Series::parse(pattern);
        if (!series) return std::unexpected{series.error()};
        if (!stored_only || std::ranges::count(stored, pattern) > 0) all.push_back(*series);
        continue;
      }
      for (const auto& name : instruments_known) {
        const auto text = name + pattern.substr(pattern.rfind('@'));
        if (!stored_only || std::ranges::count(stored, text) > 0) all.push_back(series_of(text));
      }
    }
    return all;
  }
  Result<query::Estimate> estimate(const Series& series, std::optional<std::string>, std::optional<std::string>,
                                   std::stop_token) override {
    query::Estimate estimate{series, {}};
    estimate.range = TimeRange::of(at("2023-01-01"), at("2024-01-01"));
    estimate.bars = estimate.missing_bars = 8'760;
    estimate.requests = 9;
    estimate.bytes = 640'000;
    estimate.seconds = 0.9;
    return estimate;
  }
  Result<ingest::FillReport> backfill(const Series& series, std::optional<std::string> start,
                                      std::optional<std::string> end, const query::OnProgress& on_progress,
                                      std::stop_token stop) override {
    return fill(fmt::format("backfill {} {} {}", series.text(), start.value_or("-"), end.value_or("-")), series,
                on_progress, stop);
  }
  Result<ingest::FillReport> update(const Series& series, const query::OnProgress& on_progress,
                                    std::stop_token stop) override {
    return fill(fmt::format("update {}", series.text()), series, on_progress, stop);
  }
  Result<Instrument> instrument(const std::string&, const std::string&, const std::optional<std::string>&,
                                std::stop_token) override {
    return fail(ErrorCode::not_found, "no instrument");
  }
  Result<std::vector<Instrument>> instruments(const query::InstrumentsRequest&, std::stop_token) override {
    return std::vector<Instrument>{};
  }
  Result<std::vector<query::SeriesInfo>> list(const std::vector<std::string>&) override {
    std::vector<query::SeriesInfo> all;
    for (const auto& text : stored)
      all.push_back({.series = series_of(text),
                     .first = at("2023-01-01"),
                     .last = at("2023-12-31T23:00:00Z"),
                     .watermark = at("2024-01-01"),
                     .rows = 8'760,
                     .bytes = 400'000,
                     .gaps = 2});
    return all;
  }
  Result<std::vector<query::Coverage>> coverage(const std::vector<std::string>& patterns, std::optional<std::string>,
                                                std::optional<std::string>) override {
    std::vector<query::Coverage> all;
    for (const auto& text : patterns)
      all.push_back({.series = series_of(text),
                     .first = at("2023-01-01"),
                     .last = {},
                     .watermark = {},
                     .expected = 10,
                     .present = 9,
                     .confirmed = 8,
                     .gap_count = 1});
    return all;
  }
  Result<std::vector<Gap>> gaps(const std::vector<std::string>&, std::optional<std::string>,
                                std::optional<std::string>) override {
    return ledger;
  }
  Result<std::int64_t> accept_gaps(const Series& series, const std::string& range, const std::string& reason,
                                   std::stop_token) override {
    filled.push_back(fmt::format("accept {} {} {}", series.text(), range, reason));
    return 3;
  }
  Result<ingest::FillReport> import_bars(ingest::ImportRequest request) override {
    const auto rows = static_cast<std::int64_t>(request.rows.size());
    imported = std::move(request);
    if (const auto failure = failures.find(imported->series.text()); failure != failures.end())
      return std::unexpected{failure->second};
    return ingest::FillReport{.fetched = rows, .stored = rows, .revised = 1};
  }
  Result<query::Removal> remove(const query::RemoveRequest& request, std::stop_token) override {
    if (const auto failure = failures.find(request.series); failure != failures.end())
      return std::unexpected{failure->second};
    if (!request.dry_run) removed.push_back(request.series + (request.with_raw ? " with raw" : ""));
    query::Removal removal{.series = series_of(request.series)};
    removal.gone = {.rows = 8'760, .bytes = 400'000, .raw_rows = request.with_raw ? 8'800 : 0, .raw_bytes = 0};
    removal.kept_rows = 8'800 - removal.gone.raw_rows;
    return removal;
  }
  Result<std::vector<query::CheckReport>> verify(const std::vector<std::string>&) override { return reports; }
  Result<query::ServerInfo> info() override { return query::ServerInfo{}; }

 private:
  Result<ingest::FillReport> fill(std::string what, const Series& series, const query::OnProgress& on_progress,
                                  const std::stop_token& stop) {
    {
      const std::lock_guard guard{mutex};
      filled.push_back(std::move(what));
    }
    if (during_fill) during_fill(on_progress, stop);
    if (stop.stop_requested()) return fail(ErrorCode::cancelled, "cancelled");
    if (const auto failure = failures.find(series.text()); failure != failures.end())
      return std::unexpected{failure->second};
    return ingest::FillReport{.fetched = 8'760, .stored = 8'760, .requests = 9};
  }
};

}  // namespace tdm::cli
