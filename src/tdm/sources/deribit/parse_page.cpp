#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <functional>

#include "tdm/sources/deribit/detail/chart.hpp"  // ChartDocument
#include "tdm/sources/deribit/detail/parse.hpp"
#include "tdm/sources/page_rows.hpp"  // SentRow, add_rows

namespace tdm::sources::deribit {
namespace {

// Candles count base coin in `volume` and quote currency in `cost` on every market, the inverse ones too: the columns
// are ours already.
SentRow sent_row(const ChartDocument& document, std::size_t row) {
  const auto value = [&](ChartColumn column) { return document.value(column, row); };
  SentRow sent;
  sent.open_time = document.open_time(row);
  sent.values = {value(ChartColumn::open),  value(ChartColumn::high),   value(ChartColumn::low),
                 value(ChartColumn::close), value(ChartColumn::volume), value(ChartColumn::cost)};
  return sent;
}

// True when no row can be refused, so that nobody will ask for its text.
bool is_clean(const std::vector<SentRow>& rows, Timeframe timeframe, TimeRange window) {
  const auto usable = [&](const SentRow& row) {
    return row.open_time && timeframe.on_grid(*row.open_time) && window.contains(*row.open_time);
  };
  return std::ranges::all_of(rows, usable) &&
         std::ranges::adjacent_find(rows, std::greater_equal{}, [](const SentRow& row) { return *row.open_time; }) ==
             rows.end();
}

}  // namespace

Result<ParsedPage> parse_page(std::string_view body, const Series& series, const PageRequest& request,
                              TimePoint received_at) {
  auto document = ChartDocument::parse(body);
  if (!document) return std::unexpected{std::move(document).error()};
  if (!document->envelope) return fail(ErrorCode::corrupt_data, "result is missing");
  if (const auto& error = document->envelope->error)
    return fail(ErrorCode::corrupt_data, fmt::format("error {}: {}", error->code, error->message));

  ParsedPage parsed;
  auto& page = parsed.page;
  page.request = request;
  page.bytes = static_cast<std::int64_t>(body.size());
  page.unknown_fields = document->unknown_fields;
  parsed.has_exchange_time = document->envelope->time.has_value();
  page.exchange_time = document->envelope->time.value_or(TimePoint{});

  std::vector<SentRow> rows;
  rows.reserve(document->rows());
  for (std::size_t row = 0; row < document->rows(); ++row) rows.push_back(sent_row(*document, row));
  std::deque<std::string> texts;  // what the rows' `raw` views
  if (!is_clean(rows, series.timeframe, request.range))
    for (std::size_t row = 0; row < rows.size(); ++row) rows[row].raw = texts.emplace_back(document->row_text(row));
  if (auto added = add_rows(page, rows, series.timeframe, received_at); !added)
    return std::unexpected{std::move(added).error()};
  return parsed;
}

}  // namespace tdm::sources::deribit
