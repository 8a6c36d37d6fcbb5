#include <fmt/format.h>

#include <utility>

#include "tdm/sources/bybit/detail/parse.hpp"

namespace tdm::sources::bybit {
namespace {

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

}  // namespace

SentRow sent_row(const KlineRow& row, std::string_view market) {
  auto base = row.values[4];
  auto quote = row.values[5];
  if (market == "inverse") std::swap(base, quote);
  SentRow sent;
  sent.open_time = row.open_time;
  sent.values = {row.values[0], row.values[1], row.values[2], row.values[3], base, quote};
  sent.extra = row.extra;
  sent.raw = row.raw;
  return sent;
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

  std::vector<SentRow> rows;
  rows.reserve(document->rows.size());
  for (const auto& row : document->rows) rows.push_back(sent_row(row, series.instrument.market.text()));
  if (auto added = add_rows(page, rows, series.timeframe, received_at); !added)
    return std::unexpected{std::move(added).error()};
  return parsed;
}

}  // namespace tdm::sources::bybit
