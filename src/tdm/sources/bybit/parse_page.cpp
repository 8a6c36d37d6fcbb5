#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "tdm/sources/bybit/detail/parse.hpp"
#include "tdm/sources/bybit/detail/protocol.hpp"  // kline_columns

namespace tdm::sources::bybit {
namespace {

Rejection reject(const KlineRow& row, std::string rule, std::string reason) {
  Rejection rejection;
  rejection.open_time = row.open_time;
  rejection.rule = std::move(rule);
  rejection.reason = std::move(reason);
  rejection.raw = row.raw;
  return rejection;
}

// Why the row cannot be an observation of this request; nothing when it can.
std::optional<Rejection> refuse(const KlineRow& row, Timeframe timeframe, TimeRange window) {
  if (!row.open_time) return reject(row, "S9", "the open time is missing or is not a number of milliseconds");
  if (!timeframe.on_grid(*row.open_time))
    return reject(row, "T1",
                  fmt::format("the open time {} is not on the {} grid", to_iso(*row.open_time), timeframe.name()));
  if (!window.contains(*row.open_time))
    return reject(row, "C6",
                  fmt::format("the open time {} is outside of what was asked for, {}", to_iso(*row.open_time),
                              to_string(window)));
  return std::nullopt;
}

bool same_values(const KlineRow& a, const KlineRow& b) { return a.values == b.values && a.extra == b.extra; }

struct Stamp {
  TimePoint exchange_time, received_at;
};

void append_observation(ObservationColumns& to, const KlineRow& row, std::string_view market, const Stamp& stamp) {
  const auto volumes = volumes_of(row, market);
  to.open_time.push_back(*row.open_time);
  to.open.append(row.values[0]);
  to.high.append(row.values[1]);
  to.low.append(row.values[2]);
  to.close.append(row.values[3]);
  to.volume.append(volumes.base);
  to.quote_volume.append(volumes.quote);
  to.trade_count.append_null();
  to.taker_buy_volume.append_null();
  to.taker_buy_quote_volume.append_null();
  to.extra.append(row.extra.empty() ? std::nullopt : std::optional<std::string_view>{row.extra});
  to.close_proof.push_back(CloseProof::none);  // the open bar comes without a flag
  to.event_time.push_back(stamp.exchange_time);
  to.received_at.push_back(stamp.received_at);
  to.channel.push_back(Channel::rest);
  to.ingest_id.push_back(0);
}

// `rows` share one open time: kept once when they agree; when they do not, nobody can say which is true.
void add_rows(Page& page, std::span<const KlineRow* const> rows, std::string_view market, const Stamp& stamp) {
  const auto agrees = [&](const KlineRow* row) { return same_values(*row, *rows.front()); };
  if (std::ranges::all_of(rows, agrees)) {
    page.duplicates += static_cast<std::int64_t>(rows.size()) - 1;
    append_observation(page.rows, *rows.front(), market, stamp);
    return;
  }
  const auto reason = fmt::format("the answer holds {} rows with this open time that differ", rows.size());
  for (const auto* row : rows) page.rejected.push_back(reject(*row, "C6", reason));
}

Result<void> check_identity(const KlineDocument& document, const Series& series) {
  const auto& instrument = series.instrument;
  if (!document.symbol.empty() && document.symbol != instrument.symbol.text())
    return fail(ErrorCode::corrupt_data,
                fmt::format("the answer is for symbol {}, asked was {}", document.symbol, instrument.symbol.text()));
  if (!document.category.empty() && document.category != instrument.market.text())
    return fail(ErrorCode::corrupt_data, fmt::format("the answer is for category {}, asked was {}", document.category,
                                                     instrument.market.text()));
  return {};
}

// Rows that can be observations, oldest first; the others go to `rejected`.
std::vector<const KlineRow*> usable_rows(const KlineDocument& document, Timeframe timeframe, TimeRange window,
                                         std::vector<Rejection>& rejected) {
  std::vector<const KlineRow*> rows;
  rows.reserve(document.rows.size());
  for (const auto& row : document.rows) {
    if (auto refused = refuse(row, timeframe, window)) {
      rejected.push_back(*std::move(refused));
    } else {
      rows.push_back(&row);
    }
  }
  std::ranges::stable_sort(rows, {}, [](const KlineRow* row) { return *row->open_time; });
  return rows;
}

}  // namespace

void set_exchange_time(Page& page, TimePoint time) {
  page.exchange_time = time;
  std::ranges::fill(page.rows.event_time, time);
}

Volumes volumes_of(const KlineRow& row, std::string_view market) {
  if (market == "inverse") return {row.values[5], row.values[4]};
  return {row.values[4], row.values[5]};
}

Result<ParsedPage> parse_page(std::string_view body, const Series& series, const PageRequest& request,
                              TimePoint received_at) {
  auto document = KlineDocument::parse(body);
  if (!document) return std::unexpected{std::move(document).error()};
  if (!document->envelope) return fail(ErrorCode::corrupt_data, "retCode is missing");
  if (document->envelope->code != 0)
    return fail(ErrorCode::corrupt_data,
                fmt::format("retCode {}: {}", document->envelope->code, document->envelope->message));
  if (auto identity = check_identity(*document, series); !identity) return std::unexpected{std::move(identity).error()};

  ParsedPage parsed;
  auto& page = parsed.page;
  page.request = request;
  page.bytes = static_cast<std::int64_t>(body.size());
  page.unknown_fields = document->unknown_fields;
  parsed.has_exchange_time = document->envelope->time.has_value();
  page.exchange_time = document->envelope->time.value_or(TimePoint{});

  const auto rows = usable_rows(*document, series.timeframe, request.range, page.rejected);
  const auto outside = [](const Rejection& rejection) { return rejection.rule == "C6"; };
  if (rows.empty() && std::ranges::any_of(page.rejected, outside))
    return fail(ErrorCode::corrupt_data,
                fmt::format("none of the {} rows lies inside of what was asked for; the first opens at {}",
                            document->rows.size(), to_iso(document->rows.front().open_time.value_or(TimePoint{}))));

  const Stamp stamp{page.exchange_time, received_at};
  for (auto first = rows.begin(); first != rows.end();) {
    const auto last =
        std::find_if(first, rows.end(), [&](const KlineRow* row) { return *row->open_time != *(*first)->open_time; });
    add_rows(page, {first, last}, series.instrument.market.text(), stamp);
    first = last;
  }
  return parsed;
}

}  // namespace tdm::sources::bybit
