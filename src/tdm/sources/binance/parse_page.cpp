#include <fmt/format.h>

#include <charconv>

#include "tdm/core/decimal.hpp"  // Decimal
#include "tdm/sources/binance/detail/parse.hpp"
#include "tdm/sources/binance/detail/protocol.hpp"  // find_facts

namespace tdm::sources::binance {
namespace {

using Text = std::optional<std::string_view>;

// Contracts in USD, exactly. A number that is none stays as it was sent: the rules name it.
Text usd_of(Text contracts, std::string_view contract_size, std::deque<std::string>& made) {
  if (!contracts) return contracts;
  const auto count = Decimal::parse(*contracts);
  const auto size = Decimal::parse(contract_size);
  if (!count || !size) return contracts;
  const auto usd = multiply(*count, *size);
  if (!usd) return contracts;
  return made.emplace_back(usd->to_text());
}

// Whether the row says that its bar ends elsewhere. What has no open time is no bar.
bool ends_elsewhere(const KlineRow& row, Timeframe timeframe) {
  if (!row.open_time) return false;
  const auto stated = row.values[column::close_time];
  return !stated || !ends_on_time(*row.open_time, *stated, timeframe);
}

class ExtraFields {
 public:
  void add(std::string_view name, std::string_view json) { add(fmt::format("\"{}\":{}", name, json)); }
  void add(std::string_view members) {
    if (members.empty()) return;
    text_ += text_.empty() ? '{' : ',';
    text_ += members;
  }
  std::string take() && {
    if (!text_.empty()) text_ += '}';
    return std::move(text_);
  }

 private:
  std::string text_;
};

std::string quoted(std::string_view text) { return to_line(Json(text)); }

std::string extra_of(const KlineRow& row, Timeframe timeframe, bool counts_contracts) {
  ExtraFields extra;
  if (counts_contracts) {
    if (row.values[column::volume]) extra.add("contracts", quoted(*row.values[column::volume]));
    if (row.values[column::taker_volume]) extra.add("taker_buy_contracts", quoted(*row.values[column::taker_volume]));
  }
  if (!row.close_time_json.empty() && ends_elsewhere(row, timeframe)) extra.add("close_time", row.close_time_json);
  if (!row.unused_json.empty() && row.values[column::unused] != "0") extra.add("column_12", row.unused_json);
  extra.add(row.further);
  return std::move(extra).take();
}

}  // namespace

std::optional<TimePoint> parse_time(std::string_view text) {
  constexpr std::int64_t kMicrosFrom = 100'000'000'000'000;     // in ms the year 5138
  constexpr std::int64_t kYear10000 = 253'402'300'800'000'000;  // in us
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool plain = error == std::errc{} && end == text.data() + text.size();
  if (!plain || number < kMicrosFrom) return parse_ms(text);
  return number < kYear10000 ? std::optional{from_us(number)} : std::nullopt;
}

bool ends_on_time(TimePoint open_time, std::string_view close_time, Timeframe timeframe) {
  const auto stated = parse_time(close_time);
  if (!stated) return false;
  const auto left = timeframe.close_of(open_time) - *stated;
  return left == std::chrono::milliseconds{1} || left == Micros{1};
}

SentRow sent_row(const KlineRow& row, const Series& series, std::string_view contract_size,
                 std::deque<std::string>& made) {
  const auto* const market = find_facts(series.instrument.market.text());
  const bool counts_contracts = market != nullptr && market->counts_contracts;
  const auto& from = row.values;
  SentRow sent;
  sent.open_time = row.open_time;
  sent.values = {from[column::open],   from[column::high],         from[column::low],
                 from[column::close],  from[column::volume],       from[column::quote_volume],
                 from[column::trades], from[column::taker_volume], from[column::taker_quote_volume]};
  if (counts_contracts) {
    sent.values[4] = from[column::quote_volume];
    sent.values[5] = usd_of(from[column::volume], contract_size, made);
    sent.values[7] = from[column::taker_quote_volume];
    sent.values[8] = usd_of(from[column::taker_volume], contract_size, made);
  }
  sent.extra = extra_of(row, series.timeframe, counts_contracts);
  sent.raw = row.raw;
  return sent;
}

Result<Page> parse_page(std::string_view body, const Series& series, const PageRequest& request,
                        const PageContext& context) {
  const auto document = KlineDocument::parse(body);
  if (!document) return std::unexpected{document.error()};
  Page page;
  page.request = request;
  page.exchange_time = context.exchange_time;
  page.bytes = static_cast<std::int64_t>(body.size());
  std::deque<std::string> made;
  std::vector<SentRow> rows;
  rows.reserve(document->rows.size());
  for (const auto& row : document->rows) rows.push_back(sent_row(row, series, context.contract_size, made));
  if (auto added = add_rows(page, rows, series.timeframe, context.received_at); !added)
    return std::unexpected{std::move(added).error()};
  return page;
}

}  // namespace tdm::sources::binance
