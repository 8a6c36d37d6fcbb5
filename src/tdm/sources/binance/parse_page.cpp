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

// Whether the row says that its bar ends elsewhere than at `end`, as far as that is known.
bool ends_elsewhere(const KlineRow& row, std::optional<TimePoint> end) {
  if (!end) return false;
  const auto stated = row.values[column::close_time];
  return !stated || !ends_on_time(*end, *stated);
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

// Prices that nobody traded at have no volumes: their columns are "0", and the count is one of samples.
void add_samples(ExtraFields& extra, const KlineRow& row) {
  for (const auto& [name, index] :
       {std::pair{"column_6", column::volume}, std::pair{"column_8", column::quote_volume},
        std::pair{"column_10", column::taker_volume}, std::pair{"column_11", column::taker_quote_volume}})
    if (const auto& sent = row.values[index]; sent && *sent != "0") extra.add(name, quoted(*sent));
  if (row.values[column::trades]) extra.add("samples", quoted(*row.values[column::trades]));
}

std::string extra_of(const KlineRow& row, PriceKind price_kind, std::optional<TimePoint> end, bool counts_contracts) {
  ExtraFields extra;
  if (price_kind != PriceKind::last) add_samples(extra, row);
  if (counts_contracts) {
    if (row.values[column::volume]) extra.add("contracts", quoted(*row.values[column::volume]));
    if (row.values[column::taker_volume]) extra.add("taker_buy_contracts", quoted(*row.values[column::taker_volume]));
  }
  if (!row.close_time_json.empty() && ends_elsewhere(row, end)) extra.add("close_time", row.close_time_json);
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

bool ends_on_time(TimePoint end, std::string_view close_time) {
  const auto stated = parse_time(close_time);
  if (!stated) return false;
  const auto left = end - *stated;
  return left == std::chrono::milliseconds{1} || left == Micros{1};
}

SentRow sent_row(const KlineRow& row, const Series& series, std::string_view contract_size,
                 std::deque<std::string>& made) {
  const auto end = row.open_time ? std::optional{series.timeframe.close_of(*row.open_time)} : std::nullopt;
  return sent_row(row, *find_facts(series.instrument.market.text()), series.price_kind, end, contract_size, made);
}

SentRow sent_row(const KlineRow& row, const MarketFacts& market, PriceKind price_kind, std::optional<TimePoint> end,
                 std::string_view contract_size, std::deque<std::string>& made) {
  const bool traded = price_kind == PriceKind::last;
  const bool counts_contracts = traded && market.counts_contracts;
  const auto& from = row.values;
  SentRow sent;
  sent.open_time = row.open_time;
  sent.values = {from[column::open], from[column::high], from[column::low], from[column::close]};
  if (traded) {
    sent.values[4] = from[column::volume];
    sent.values[5] = from[column::quote_volume];
    sent.values[6] = from[column::trades];
    sent.values[7] = from[column::taker_volume];
    sent.values[8] = from[column::taker_quote_volume];
  }
  if (counts_contracts) {
    sent.values[4] = from[column::quote_volume];
    sent.values[5] = usd_of(from[column::volume], contract_size, made);
    sent.values[7] = from[column::taker_quote_volume];
    sent.values[8] = usd_of(from[column::taker_volume], contract_size, made);
  }
  sent.extra = extra_of(row, price_kind, end, counts_contracts);
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
