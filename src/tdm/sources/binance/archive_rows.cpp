#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <deque>

#include "tdm/sources/binance/detail/archive.hpp"
#include "tdm/sources/binance/detail/protocol.hpp"  // find_facts
#include "tdm/sources/json_text.hpp"                // Json, to_line
#include "tdm/sources/page_rows.hpp"                // add_rows
#include "tdm/sources/zip_member.hpp"               // read_zip_member

namespace tdm::sources::binance {
namespace {

constexpr std::string_view kHeader =
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore";
constexpr std::size_t kColumns = column::count + 1;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Lines without their ends, empty ones passed over. Their numbers count from 1.
class Lines {
 public:
  explicit Lines(std::string_view text) : left_{text} {}
  bool next() {
    do {
      if (left_.empty()) return false;
      const auto end = left_.find('\n');
      line = left_.substr(0, end);
      left_.remove_prefix(end == std::string_view::npos ? left_.size() : end + 1);
      if (line.ends_with('\r')) line.remove_suffix(1);
      ++number;
    } while (line.empty());
    return true;
  }

  std::string_view line;
  std::int64_t number = 0;

 private:
  std::string_view left_;
};

// The text behind the header line, if there is one.
Result<std::string_view> without_header(std::string_view csv) {
  const auto first = csv.substr(0, csv.find('\n'));
  const auto field = first.substr(0, first.find(','));
  if (!field.empty() && std::ranges::all_of(field, is_digit)) return csv;
  const auto shown = first.substr(0, std::min(first.find('\r'), std::size_t{160}));
  if (shown == kHeader) return csv.substr(std::min(csv.size(), first.size() + 1));
  if (csv.find_first_not_of(" \t\r\n") == std::string_view::npos)
    return fail(ErrorCode::corrupt_data, "the archive file is empty");
  if (csv.substr(csv.find_first_not_of(" \t\r\n")).starts_with('<'))
    return fail(ErrorCode::corrupt_data, "the archive file is HTML or XML and not CSV");
  return fail(ErrorCode::corrupt_data,
              fmt::format("the archive file begins neither with bars nor with their header: {}",
                          to_line(Json(std::string{shown.substr(0, 80)}))));
}

std::string json_of(std::string_view text) { return to_line(Json(text)); }

void read_field(KlineRow& row, std::size_t number, std::string_view text, std::deque<std::string>& made) {
  if (number == 0) {
    row.open_time = parse_time(text);
    return;
  }
  const auto index = number - 1;
  if (index >= column::count) {
    row.further += fmt::format("{}\"column_{}\":{}", row.further.empty() ? "" : ",", number + 1, json_of(text));
    return;
  }
  row.values[index] = text;
  if (index == column::close_time)
    row.close_time_json =
        std::ranges::all_of(text, is_digit) && !text.empty() ? text : made.emplace_back(json_of(text));
  if (index == column::unused) row.unused_json = text == "0" ? text : made.emplace_back(json_of(text));
}

// Which rows belong to the answer: the file holds its whole period, of which a part was asked for.
bool is_wanted(const KlineRow& row, const PageRequest& request) {
  return !row.open_time || request.range.contains(*row.open_time) || !request.archive->contains(*row.open_time);
}

// ---- The plain road. Nearly all files hold nothing but rows like these, and there are many: twelve columns, one bar
// after the other, each ending where it should.

struct PlainRow {
  TimePoint open_time;
  std::array<std::string_view, kColumns> fields;
};

std::optional<PlainRow> read_plain(std::string_view line, Timeframe timeframe) {
  PlainRow row;
  const char* at = line.data();
  const char* const end = at + line.size();
  for (std::size_t i = 0; i < kColumns; ++i) {
    const auto* const comma = static_cast<const char*>(std::memchr(at, ',', static_cast<std::size_t>(end - at)));
    if ((comma == nullptr) != (i + 1 == kColumns)) return std::nullopt;
    const char* const stop = comma == nullptr ? end : comma;
    row.fields[i] = {at, stop};
    at = stop + 1;
  }
  const auto open_time = parse_time(row.fields.front());
  if (!open_time || row.fields.back() != "0") return std::nullopt;
  row.open_time = *open_time;
  return ends_on_time(timeframe.close_of(*open_time), row.fields[1 + column::close_time]) ? std::optional{row}
                                                                                          : std::nullopt;
}

void append(ObservationColumns& to, const PlainRow& row) {
  const auto field = [&](column::Index index) { return row.fields[1 + static_cast<std::size_t>(index)]; };
  to.open_time.push_back(row.open_time);
  to.open.append(field(column::open));
  to.high.append(field(column::high));
  to.low.append(field(column::low));
  to.close.append(field(column::close));
  to.volume.append(field(column::volume));
  to.quote_volume.append(field(column::quote_volume));
  to.trade_count.append(field(column::trades));
  to.taker_buy_volume.append(field(column::taker_volume));
  to.taker_buy_quote_volume.append(field(column::taker_quote_volume));
  to.extra.append_null();
}

void reserve(ObservationColumns& columns, std::size_t rows) {
  constexpr std::size_t kPriceBytes = 15;
  columns.open_time.reserve(rows);
  for (auto* column : {&columns.open, &columns.high, &columns.low, &columns.close, &columns.volume,
                       &columns.quote_volume, &columns.taker_buy_volume, &columns.taker_buy_quote_volume})
    column->reserve(rows, rows * kPriceBytes);
  columns.trade_count.reserve(rows, rows * 4);
  columns.extra.reserve(rows, 0);
}

// The rows as columns; nothing when there is one that is not plain.
std::optional<ObservationColumns> plain_columns(std::string_view text, const Series& series, const PageRequest& request,
                                                const PageContext& context) {
  const auto timeframe = series.timeframe;
  const auto period = *request.archive;
  const auto length = std::chrono::duration_cast<Micros>(timeframe.nominal_length());
  ObservationColumns columns;
  reserve(columns, static_cast<std::size_t>(std::max<std::int64_t>(0, timeframe.count(request.range))));
  auto earliest = period.begin();
  Lines lines{text};
  while (lines.next()) {
    const auto row = read_plain(lines.line, timeframe);
    if (!row || row->open_time < earliest || row->open_time >= period.end()) return std::nullopt;
    if (row->open_time.time_since_epoch() % length != Micros{0}) return std::nullopt;
    earliest = row->open_time + Micros{1};
    if (request.range.contains(row->open_time)) append(columns, *row);
  }
  const auto rows = columns.open_time.size();
  columns.close_proof.assign(rows, CloseProof::archive);
  columns.event_time.assign(rows, context.exchange_time);
  columns.received_at.assign(rows, context.received_at);
  columns.channel.assign(rows, Channel::archive);
  columns.ingest_id.assign(rows, 0);
  return columns;
}

// ---- The careful road

Result<void> add_carefully(Page& page, std::string_view text, const Series& series, const PageContext& context) {
  auto archived = parse_archive_rows(text);
  if (!archived) return std::unexpected{std::move(archived).error()};
  std::deque<std::string> made;
  std::vector<SentRow> rows;
  rows.reserve(archived->rows.size());
  for (const auto& row : archived->rows)
    if (is_wanted(row, page.request)) rows.push_back(sent_row(row, series, context.contract_size, made));
  if (auto added = add_rows(page, rows, series.timeframe, context.received_at); !added) return added;
  if (page.rows.size() == 0 && !page.rejected.empty())
    return fail(ErrorCode::corrupt_data, fmt::format("none of the {} rows of the archive file is a bar of it: {}",
                                                     rows.size(), page.rejected.front().reason));
  return {};
}

}  // namespace

Result<ArchiveRows> parse_archive_rows(std::string_view csv) {
  const auto text = without_header(csv);
  if (!text) return std::unexpected{text.error()};
  ArchiveRows rows;
  Lines lines{*text};
  while (lines.next()) {
    KlineRow row;
    row.raw = lines.line;
    std::size_t number = 0;
    for (std::size_t begin = 0; begin <= lines.line.size(); ++number) {
      const auto end = std::min(lines.line.find(',', begin), lines.line.size());
      read_field(row, number, lines.line.substr(begin, end - begin), rows.made);
      begin = end + 1;
    }
    rows.rows.push_back(std::move(row));
    rows.lines.push_back(lines.number + (text->size() == csv.size() ? 0 : 1));
  }
  return rows;
}

Result<Page> parse_archive(std::string_view csv, const Series& series, const PageRequest& request,
                           const PageContext& context) {
  const auto text = without_header(csv);
  if (!text) return std::unexpected{text.error()};
  Page page;
  page.request = request;
  page.exchange_time = context.exchange_time;
  page.bytes = static_cast<std::int64_t>(csv.size());
  const auto* const market = find_facts(series.instrument.market.text());
  const bool in_our_units = market != nullptr && !market->counts_contracts;
  auto plain = in_our_units ? plain_columns(*text, series, request, context) : std::nullopt;
  if (plain) {
    page.rows = *std::move(plain);
    return page;
  }
  if (auto added = add_carefully(page, csv, series, context); !added) return std::unexpected{std::move(added).error()};
  return page;
}

Result<Page> parse_archive_zip(std::string_view bytes, const Series& series, const PageRequest& request,
                               const PageContext& context) {
  const auto member = read_zip_member(bytes);
  if (!member) return std::unexpected{member.error()};
  const auto name = archive_name(series, *request.archive) + ".csv";
  if (member->name != name)
    return fail(ErrorCode::corrupt_data,
                fmt::format("the zip file holds {} and not {}", json_of(member->name.substr(0, 80)), name));
  auto page = parse_archive(member->content, series, request, context);
  if (page) page->bytes = static_cast<std::int64_t>(bytes.size());
  return page;
}

}  // namespace tdm::sources::binance
