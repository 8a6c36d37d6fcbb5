#include "tdm/sources/page_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

namespace tdm::sources {
namespace {

Rejection reject(const SentRow& row, std::string rule, std::string reason) {
  Rejection rejection;
  rejection.open_time = row.open_time;
  rejection.rule = std::move(rule);
  rejection.reason = std::move(reason);
  rejection.raw = row.raw;
  return rejection;
}

// Why the row cannot be an observation of this request; nothing when it can.
std::optional<Rejection> refuse(const SentRow& row, Timeframe timeframe, TimeRange window) {
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

bool same_values(const SentRow& a, const SentRow& b) { return a.values == b.values && a.extra == b.extra; }

std::array<TextColumn*, 9> value_columns(ObservationColumns& rows) {
  return {&rows.open,
          &rows.high,
          &rows.low,
          &rows.close,
          &rows.volume,
          &rows.quote_volume,
          &rows.trade_count,
          &rows.taker_buy_volume,
          &rows.taker_buy_quote_volume};
}

void reserve(ObservationColumns& to, std::size_t rows) {
  constexpr std::size_t kUsualValueBytes = 14;
  for (auto* column : value_columns(to)) column->reserve(rows, rows * kUsualValueBytes);
  to.extra.reserve(rows, 0);
  for (auto* column : {&to.open_time, &to.event_time, &to.received_at}) column->reserve(rows);
  to.close_proof.reserve(rows);
  to.channel.reserve(rows);
  to.ingest_id.reserve(rows);
}

void append_observation(Page& page, const SentRow& row, TimePoint received_at) {
  auto& to = page.rows;
  to.open_time.push_back(*row.open_time);
  std::size_t field = 0;
  for (auto* column : value_columns(to)) column->append(row.values[field++]);
  to.extra.append(row.extra.empty() ? std::nullopt : std::optional<std::string_view>{row.extra});
  const bool archived = page.request.archive.has_value();
  to.close_proof.push_back(archived ? CloseProof::archive : CloseProof::none);  // REST's open bar has no flag
  to.event_time.push_back(page.exchange_time);
  to.received_at.push_back(received_at);
  to.channel.push_back(archived ? Channel::archive : Channel::rest);
  to.ingest_id.push_back(0);
}

// `rows` share one open time: kept once when they agree; when they do not, nobody can say which is true.
void add_bar(Page& page, std::span<const SentRow* const> rows, TimePoint received_at) {
  const auto agrees = [&](const SentRow* row) { return same_values(*row, *rows.front()); };
  if (std::ranges::all_of(rows, agrees)) {
    page.duplicates += static_cast<std::int64_t>(rows.size()) - 1;
    append_observation(page, *rows.front(), received_at);
    return;
  }
  const auto reason = fmt::format("the answer holds {} rows with this open time that differ", rows.size());
  for (const auto* row : rows) page.rejected.push_back(reject(*row, "C6", reason));
}

// Rows that can be observations, oldest first; the others go to `rejected`.
std::vector<const SentRow*> usable_rows(std::span<const SentRow> all, Timeframe timeframe, TimeRange window,
                                        std::vector<Rejection>& rejected) {
  std::vector<const SentRow*> rows;
  rows.reserve(all.size());
  for (const auto& row : all) {
    if (auto refused = refuse(row, timeframe, window)) {
      rejected.push_back(*std::move(refused));
    } else {
      rows.push_back(&row);
    }
  }
  std::ranges::stable_sort(rows, {}, [](const SentRow* row) { return *row->open_time; });
  return rows;
}

}  // namespace

Result<void> add_rows(Page& page, std::span<const SentRow> all, Timeframe timeframe, TimePoint received_at) {
  const auto rows = usable_rows(all, timeframe, page.request.range, page.rejected);
  const auto outside = [](const Rejection& rejection) { return rejection.rule == "C6"; };
  if (rows.empty() && std::ranges::any_of(page.rejected, outside))
    return fail(ErrorCode::corrupt_data,
                fmt::format("none of the {} rows lies inside of what was asked for; the first opens at {}", all.size(),
                            to_iso(all.front().open_time.value_or(TimePoint{}))));
  reserve(page.rows, page.rows.size() + rows.size());
  for (auto first = rows.begin(); first != rows.end();) {
    const auto last =
        std::find_if(first, rows.end(), [&](const SentRow* row) { return *row->open_time != *(*first)->open_time; });
    add_bar(page, {first, last}, received_at);
    first = last;
  }
  return {};
}

void set_exchange_time(Page& page, TimePoint time) {
  page.exchange_time = time;
  std::ranges::fill(page.rows.event_time, time);
}

}  // namespace tdm::sources
