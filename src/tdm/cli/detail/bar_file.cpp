#include "tdm/cli/detail/bar_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

#include "tdm/core/decimal.hpp"  // Decimal
#include "tdm/core/time.hpp"     // parse_time_bound

namespace tdm::cli::detail {
namespace {

constexpr std::uintmax_t kLargestFile = 1U << 30;

Result<std::string> read_whole(const std::string& path) {
  const auto unreadable = [&](std::string_view why) {
    return fail(ErrorCode::not_found, fmt::format("{} cannot be read: {}", path, why), "file");
  };
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return unreadable("it is a directory");
  const auto size = std::filesystem::file_size(path, error);
  if (error) return unreadable(error.message());
  if (size > kLargestFile) return unreadable("it is larger than 1 GiB; cut it into parts");
  std::ifstream file{path, std::ios::binary};
  std::string bytes(size, '\0');
  if (!file.read(bytes.data(), static_cast<std::streamsize>(size))) return unreadable(std::strerror(errno));
  return bytes;
}

// ---- CSV

class CsvTable final : public TableFile {
 public:
  explicit CsvTable(std::string path) : path_{std::move(path)} {}

  static Result<std::unique_ptr<TableFile>> parse(const std::string& path, std::string_view text) {
    auto table = std::make_unique<CsvTable>(path);
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    std::vector<std::string> cells;
    std::int64_t line = 1;
    while (!text.empty()) {
      const auto begins = line;
      cells.clear();
      if (auto taken = take_record(text, cells, line); !taken)
        return fail(ErrorCode::corrupt_data, fmt::format("{}:{}: {}", path, begins, taken.error().message), "file");
      if (cells.size() == 1 && cells.front().empty()) continue;
      if (table->names_.empty()) {
        if (std::ranges::all_of(cells, [](const auto& cell) { return Decimal::parse(cell).has_value(); }))
          return fail(ErrorCode::corrupt_data,
                      fmt::format("{}:{}: expected a header line with the names of the columns", path, begins), "file");
        table->names_ = cells;
        table->columns_.resize(cells.size());
        continue;
      }
      if (cells.size() != table->names_.size())
        return fail(
            ErrorCode::corrupt_data,
            fmt::format("{}:{}: has {} cells, the header has {}", path, begins, cells.size(), table->names_.size()),
            "file");
      for (std::size_t i = 0; i < cells.size(); ++i)
        cells[i].empty() ? table->columns_[i].append_null() : table->columns_[i].append(std::string_view{cells[i]});
      table->lines_.push_back(begins);
    }
    if (table->names_.empty()) return fail(ErrorCode::corrupt_data, fmt::format("{}: is empty", path), "file");
    return table;
  }

  const std::vector<std::string>& names() const override { return names_; }
  std::size_t rows() const override { return lines_.size(); }
  Result<TextColumn> column(std::size_t index, bool&) const override { return columns_[index]; }
  std::string place(std::size_t row) const override { return fmt::format("{}:{}", path_, lines_[row]); }

 private:
  // One record, taken from the front of `text`; a quoted cell may hold commas, line ends and doubled quotes.
  static Result<void> take_record(std::string_view& text, std::vector<std::string>& cells, std::int64_t& line) {
    std::string cell;
    bool quoted = false;
    std::size_t at = 0;
    for (; at < text.size(); ++at) {
      const char c = text[at];
      if (c == '\0') return fail(ErrorCode::corrupt_data, "is no text: neither CSV, Parquet nor Feather");
      if (c == '\n') ++line;
      if (quoted) {
        if (c != '"') {
          cell += c;
        } else if (at + 1 < text.size() && text[at + 1] == '"') {
          cell += text[++at];
        } else {
          quoted = false;
        }
      } else if (c == '"') {
        quoted = true;
      } else if (c == ',' || c == '\n') {
        cells.push_back(trimmed(cell));
        cell.clear();
        if (c == '\n') break;
      } else {
        cell += c;
      }
    }
    if (quoted) return fail(ErrorCode::corrupt_data, "a quoted cell has no end");
    if (at == text.size()) cells.push_back(trimmed(cell));
    text.remove_prefix(std::min(text.size(), at + 1));
    return {};
  }

  static std::string trimmed(const std::string& cell) {
    const auto first = cell.find_first_not_of(" \t\r");
    return first == std::string::npos ? std::string{} : cell.substr(first, cell.find_last_not_of(" \t\r") - first + 1);
  }

  std::string path_;
  std::vector<std::string> names_;
  std::vector<TextColumn> columns_;
  std::vector<std::int64_t> lines_;
};

// What people hand over for a CSV file.
std::string_view packed_as(std::string_view bytes) {
  if (bytes.starts_with("\x1F\x8B")) return "gzip";
  if (bytes.starts_with("PK\x03\x04")) return "zip";
  if (bytes.starts_with("\x28\xB5\x2F\xFD")) return "zstd";
  return {};
}

// ---- which column is which

struct Field {
  std::string_view name;
  TextColumn ObservationColumns::* column;  // null: the time
  bool required;
  std::vector<std::string_view> aliases;  // in lower case, without spaces and underlines
};

const std::vector<Field>& fields() {
  static const std::vector<Field> all{
      {"open_time", nullptr, true, {"opentime", "timestamp", "time", "date", "datetime", "starttime", "indexlevel0"}},
      {"open", &ObservationColumns::open, true, {"open", "o"}},
      {"high", &ObservationColumns::high, true, {"high", "h"}},
      {"low", &ObservationColumns::low, true, {"low", "l"}},
      {"close", &ObservationColumns::close, true, {"close", "c"}},
      {"volume", &ObservationColumns::volume, true, {"volume", "vol", "v"}},
      {"quote_volume", &ObservationColumns::quote_volume, false, {"quotevolume", "quoteassetvolume", "turnover"}},
      {"trade_count", &ObservationColumns::trade_count, false, {"tradecount", "trades", "count", "numberoftrades"}},
      {"taker_buy_volume",
       &ObservationColumns::taker_buy_volume,
       false,
       {"takerbuyvolume", "takerbuybaseassetvolume", "takerbuybasevolume"}},
      {"taker_buy_quote_volume",
       &ObservationColumns::taker_buy_quote_volume,
       false,
       {"takerbuyquotevolume", "takerbuyquoteassetvolume"}},
  };
  return all;
}

std::string plain(std::string_view name) {
  std::string text;
  for (const char c : name)
    if (c != ' ' && c != '_' && c != '-') text += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return text;
}

using Mapping = std::vector<std::optional<std::size_t>>;  // by field: the file's column

Result<void> map_named(const std::string& path, const std::vector<std::string>& names,
                       const std::vector<std::string>& columns, Mapping& mapping) {
  std::vector<std::string> ours;
  for (const auto& field : fields()) ours.emplace_back(field.name);
  for (const auto& text : columns) {
    const auto equals = text.find('=');
    const auto left = text.substr(0, equals);
    const auto field = std::ranges::find(ours, left);
    if (equals == std::string::npos || field == ours.end())
      return fail(ErrorCode::invalid_argument,
                  fmt::format("column '{}' is not OURS=THEIRS; ours are {}", text, fmt::join(ours, ", ")), "column",
                  nearest(left, ours, 1));
    const auto found = std::ranges::find(names, text.substr(equals + 1));
    if (found == names.end())
      return fail(
          ErrorCode::invalid_argument,
          fmt::format("{} has no column '{}'; it has {}", path, text.substr(equals + 1), fmt::join(names, ", ")),
          "column", nearest(text.substr(equals + 1), names, 1));
    mapping[static_cast<std::size_t>(field - ours.begin())] = static_cast<std::size_t>(found - names.begin());
  }
  return {};
}

Result<Mapping> map_columns(const std::string& path, const std::vector<std::string>& names,
                            const std::vector<std::string>& columns) {
  Mapping mapping(fields().size());
  if (auto named = map_named(path, names, columns, mapping); !named) return std::unexpected{named.error()};
  for (std::size_t f = 0; f < fields().size(); ++f) {
    const auto& field = fields()[f];
    if (mapping[f]) continue;
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < names.size(); ++i)
      if (std::ranges::count(field.aliases, plain(names[i])) > 0) found.push_back(i);
    // Our own spelling wins over all others.
    const auto exact = std::ranges::find_if(found, [&](std::size_t i) { return names[i] == field.name; });
    if (exact != found.end()) found = {*exact};
    if (found.size() > 1)
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{}: both '{}' and '{}' may be {}; say which with --column {}=NAME", path,
                              names[found[0]], names[found[1]], field.name, field.name),
                  "column");
    if (!found.empty()) mapping[f] = found.front();
    if (found.empty() && field.required)
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{}: no column is known as {}; it has {}; name one with --column {}=NAME", path,
                              field.name, fmt::join(names, ", "), field.name),
                  "column");
  }
  return mapping;
}

// ---- times

struct Unit {
  std::string_view name;
  int digits;    // of a second
  double below;  // numbers of this size are of this unit
};
constexpr std::array<Unit, 4> kUnits{{{"s", 0, 1e11}, {"ms", 3, 1e14}, {"us", 6, 1e17}, {"ns", 9, 1e20}}};

Result<const Unit*> parse_unit(const std::optional<std::string>& text) {
  if (!text) return nullptr;
  for (const auto& unit : kUnits)
    if (unit.name == *text) return &unit;
  return fail(ErrorCode::invalid_argument, fmt::format("time unit '{}' is not one of s, ms, us, ns", *text),
              "time-unit");
}

const Unit* unit_of(double number) {
  for (const auto& unit : kUnits)
    if (std::abs(number) < unit.below) return &unit;
  return nullptr;
}

// Times of a column; of numbers without a stated unit the first tells it for all.
class TimeReader {
 public:
  explicit TimeReader(const Unit* unit) : unit_{unit} {}

  Result<TimePoint> read(std::string_view text) {
    const auto number = Decimal::parse(text);
    if (!number) {
      const auto bound = parse_time_bound(text, "open_time");
      return bound ? Result<TimePoint>{bound->first} : std::unexpected{bound.error()};
    }
    const auto* own = unit_of(number->to_double());
    if (unit_ == nullptr) unit_ = own;
    if (own == nullptr || unit_ == nullptr) return fail(ErrorCode::corrupt_data, fmt::format("{} is no time", text));
    if (own != unit_)
      return fail(ErrorCode::corrupt_data,
                  fmt::format("{} looks like {} while the times are in {}", text, own->name, unit_->name));
    constexpr int kMicroDigits = 6;
    if (unit_->digits <= kMicroDigits) {
      const auto us = number->to_scaled(kMicroDigits - unit_->digits);
      return us ? Result<TimePoint>{from_us(*us)} : std::unexpected{us.error()};
    }
    const auto ns = number->to_scaled(0);
    if (!ns) return std::unexpected{ns.error()};
    if (*ns % 1000 != 0) return fail(ErrorCode::corrupt_data, fmt::format("{} ns is finer than a microsecond", *ns));
    return from_us(*ns / 1000);
  }

 private:
  const Unit* unit_;
};

Result<std::vector<TimePoint>> times_of(const TableFile& table, std::size_t index, const Unit* unit) {
  bool is_us = false;
  const auto column = table.column(index, is_us);
  if (!column) return std::unexpected{column.error()};
  TimeReader reader{is_us ? &kUnits[2] : unit};
  std::vector<TimePoint> times;
  times.reserve(table.rows());
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const auto text = (*column)[row];
    const auto time =
        text ? reader.read(*text) : Result<TimePoint>{fail(ErrorCode::corrupt_data, "a row without a time")};
    if (!time)
      return fail(ErrorCode::corrupt_data,
                  fmt::format("{}: {}; nothing was imported", table.place(row), time.error().message), "file");
    times.push_back(*time);
  }
  return times;
}

// The judge takes any text; what can be no text of a number at all is a mistake in the file's form.
Result<void> check_cells(const TableFile& table, std::string_view name, const TextColumn& column) {
  constexpr std::size_t kLongest = 256;
  const auto odd = [](char c) { return c < ' ' || c > '~'; };
  for (std::size_t row = 0; row < column.size(); ++row) {
    const auto text = column[row];
    if (!text || (text->size() <= kLongest && std::ranges::none_of(*text, odd))) continue;
    return fail(
        ErrorCode::corrupt_data,
        fmt::format("{}: {} is no text of a number ({}); nothing was imported", table.place(row), name,
                    text->size() > kLongest ? fmt::format("{} bytes", text->size()) : "bytes that are no letters"),
        "file");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<TableFile>> open_table(const std::string& path) {
  auto bytes = read_whole(path);
  if (!bytes) return std::unexpected{bytes.error()};
  if (const auto packed = packed_as(*bytes); !packed.empty())
    return fail(ErrorCode::corrupt_data, fmt::format("{}: is packed with {}; unpack it first", path, packed), "file");
  for (const std::string_view magic : {"PAR1", "ARROW1", "\xFF\xFF\xFF\xFF"})
    if (bytes->starts_with(magic)) return open_arrow_table(path, *std::move(bytes));
  return CsvTable::parse(path, *bytes);
}

Result<BarFile> read_bars(const std::string& path, const std::vector<std::string>& columns,
                          const std::optional<std::string>& time_unit) {
  const auto unit = parse_unit(time_unit);
  if (!unit) return std::unexpected{unit.error()};
  auto table = open_table(path);
  if (!table) return std::unexpected{std::move(table).error()};
  const auto& names = (*table)->names();
  const auto mapping = map_columns(path, names, columns);
  if (!mapping) return std::unexpected{mapping.error()};
  const auto rows = (*table)->rows();
  if (rows == 0) return fail(ErrorCode::corrupt_data, fmt::format("{}: holds no rows", path), "file");

  BarFile file;
  auto times = times_of(**table, *mapping->front(), *unit);
  if (!times) return std::unexpected{std::move(times).error()};
  file.rows.open_time = *std::move(times);
  for (std::size_t f = 1; f < fields().size(); ++f) {
    auto& target = file.rows.*fields()[f].column;
    if (!(*mapping)[f]) {
      for (std::size_t row = 0; row < rows; ++row) target.append_null();
      continue;
    }
    bool is_us = false;
    auto column = (*table)->column(*(*mapping)[f], is_us);
    if (!column) return std::unexpected{std::move(column).error()};
    target = *std::move(column);
    if (auto checked = check_cells(**table, names[*(*mapping)[f]], target); !checked)
      return std::unexpected{std::move(checked).error()};
  }
  for (std::size_t row = 0; row < rows; ++row) file.rows.extra.append_null();
  file.rows.close_proof.assign(rows, CloseProof::none);
  file.rows.event_time.assign(rows, TimePoint{});
  file.rows.received_at.assign(rows, TimePoint{});
  file.rows.channel.assign(rows, Channel::import);
  file.rows.ingest_id.assign(rows, 0);
  for (std::size_t i = 0; i < names.size(); ++i)
    if (std::ranges::count(*mapping, std::optional{i}) == 0) file.ignored.push_back(names[i]);
  file.table = *std::move(table);
  return file;
}

Doubts doubts_of(const BarFile& file, const Series& series, std::size_t most) {
  Doubts doubts;
  const auto add = [&](std::size_t row, std::string what) {
    ++doubts.count;
    if (doubts.lines.size() < most) doubts.lines.push_back(fmt::format("{}: {}", file.table->place(row), what));
  };
  for (std::size_t row = 0; row < file.rows.size(); ++row) {
    const auto time = file.rows.open_time[row];
    if (!series.timeframe.on_grid(time)) {
      add(row, fmt::format("{} is no open time of a {} bar", to_iso(time), series.timeframe.name()));
      continue;
    }
    for (const auto& field : fields()) {
      if (field.column == nullptr) continue;
      const auto text = (file.rows.*field.column)[row];
      if (text ? Decimal::parse(*text).has_value() : !field.required) continue;
      add(row, text ? fmt::format("{} '{}' is no number", field.name, *text) : fmt::format("{} is absent", field.name));
      break;
    }
  }
  return doubts;
}

}  // namespace tdm::cli::detail
