#include "tdm/cli/detail/write_answer.hpp"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tdm/cli/detail/text.hpp"
#include "tdm/cli/detail/write_arrow.hpp"

namespace tdm::cli::detail {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kFlushBytes = 1u << 16;

// How one format spells what is not a number.
struct Spelling {
  std::string_view null;
  void (*text)(std::string& out, std::string_view value);
  void (*time)(std::string& out, TimePoint value);
};

template <class T>
void append_number(std::string& out, T value) {
  char digits[32];
  const auto [end, error] = std::to_chars(std::begin(digits), std::end(digits), value);
  out.append(digits, end);
}

void append_json_text(std::string& out, std::string_view value) {
  out += Json(value).dump(-1, ' ', false, Json::error_handler_t::replace);
}

void append_csv_text(std::string& out, std::string_view value) {
  if (value.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += value;
    return;
  }
  out += '"';
  for (const char c : value) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

void append_plain_text(std::string& out, std::string_view value) { out += value; }
void append_ms(std::string& out, TimePoint value) { append_number(out, to_ms(value)); }
void append_iso(std::string& out, TimePoint value) { out += to_iso(value); }

constexpr Spelling kJson{"null", append_json_text, append_ms};
constexpr Spelling kCsv{"", append_csv_text, append_ms};
constexpr Spelling kTable{"-", append_plain_text, append_iso};

void append_cell(std::string& out, const Column& column, std::size_t row, const Spelling& spelling) {
  if (!column.valid.empty() && column.valid[row] == 0) {
    out += spelling.null;
    return;
  }
  std::visit(
      [&]<class T>(const T& data) {
        if constexpr (std::is_same_v<T, const TextColumn*>) {
          const auto value = (*data)[row];
          value ? spelling.text(out, *value) : void(out += spelling.null);
        } else if constexpr (std::is_same_v<typename T::value_type, TimePoint>) {
          spelling.time(out, data[row]);
        } else if constexpr (std::is_same_v<typename T::value_type, double>) {
          std::isfinite(data[row]) ? append_number(out, data[row]) : void(out += spelling.null);
        } else {
          append_number(out, data[row]);
        }
      },
      column.data);
}

void flush_when_full(std::string& buffer, std::ostream& out) {
  if (buffer.size() < kFlushBytes) return;
  out << buffer;
  buffer.clear();
}

void write_csv(const query::Answer& answer, std::ostream& out) {
  std::string buffer;
  const auto& columns = answer.frame.columns;
  for (std::size_t i = 0; i < columns.size(); ++i) buffer += (i == 0 ? "" : ",") + columns[i].name;
  buffer += '\n';
  for (std::size_t row = 0; row < answer.frame.rows; ++row) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i > 0) buffer += ',';
      append_cell(buffer, columns[i], row, kCsv);
    }
    buffer += '\n';
    flush_when_full(buffer, out);
  }
  out << buffer;
}

std::string json_head(const query::Answer& answer) {
  const auto& series = answer.series;
  Json head{{"series",
             {{"exchange", series.instrument.exchange.text()},
              {"market", series.instrument.market.text()},
              {"symbol", series.instrument.symbol.text()},
              {"price_kind", to_string(series.price_kind)},
              {"timeframe", series.timeframe.name()}}},
            {"range", {{"start", to_ms(answer.range.begin())}, {"end", to_ms(answer.range.end())}}},
            {"provenance", Json::parse(query::to_json(answer.provenance))}};
  auto& names = head["columns"] = Json::array();
  for (const auto& column : answer.frame.columns) names.push_back(column.name);
  auto text = head.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.pop_back();  // the object goes on with the rows
  return text;
}

void write_json(const query::Answer& answer, std::ostream& out) {
  std::string buffer = json_head(answer) + ",\"data\":[";
  const auto& columns = answer.frame.columns;
  for (std::size_t row = 0; row < answer.frame.rows; ++row) {
    buffer += row == 0 ? "[" : ",[";
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i > 0) buffer += ',';
      append_cell(buffer, columns[i], row, kJson);
    }
    buffer += ']';
    flush_when_full(buffer, out);
  }
  buffer += "],\"next_cursor\":";
  buffer += answer.next_cursor ? Json(*answer.next_cursor).dump() : "null";
  out << buffer << "}\n";
}

bool is_text(const Column& column) {
  return column.name == "open_time" || std::holds_alternative<const TextColumn*>(column.data);
}

void write_table(const query::Answer& answer, std::ostream& out) {
  const auto& columns = answer.frame.columns;
  std::vector<Table::Heading> headings;
  for (const auto& column : columns)
    headings.push_back({column.name, is_text(column) ? Table::Align::left : Table::Align::right});
  Table table{std::move(headings)};
  for (std::size_t row = 0; row < answer.frame.rows; ++row) {
    std::vector<std::string> words(columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i) append_cell(words[i], columns[i], row, kTable);
    table.add(std::move(words));
  }
  out << table.text();
}

}  // namespace

std::optional<Format> parse_format(std::string_view text) {
  using enum Format;
  for (const auto& [name, format] : std::initializer_list<std::pair<std::string_view, Format>>{
           {"table", table}, {"csv", csv}, {"json", json}, {"arrow", arrow}, {"parquet", parquet}})
    if (name == text) return format;
  return std::nullopt;
}

bool is_binary(Format format) {
  return format == Format::arrow || format == Format::parquet || format == Format::feather;
}

Result<void> write_answer(Format format, const std::shared_ptr<const query::Answer>& answer, std::ostream& out) {
  switch (format) {
    case Format::table: write_table(*answer, out); return {};
    case Format::csv: write_csv(*answer, out); return {};
    case Format::json: write_json(*answer, out); return {};
    case Format::arrow: return write_arrow_stream(answer, out);
    case Format::parquet: return write_parquet(answer, out);
    case Format::feather: return write_feather(answer, out);
  }
  std::abort();  // no format at all: memory is corrupt
}

}  // namespace tdm::cli::detail
