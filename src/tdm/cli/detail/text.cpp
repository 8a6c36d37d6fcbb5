#include "tdm/cli/detail/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace tdm::cli::detail {
namespace {

// Columns of the terminal that a text takes, as far as UTF-8 tells: continuation bytes take none.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

void append_padded(std::string& line, std::string_view word, std::size_t width, Table::Align align) {
  const std::string padding(width - width_of(word), ' ');
  if (align == Table::Align::right) line += padding;
  line += word;
  if (align == Table::Align::left) line += padding;
}

}  // namespace

Table::Table(std::vector<Heading> headings) : headings_{std::move(headings)} {
  std::vector<std::string> names;
  for (const auto& heading : headings_) names.push_back(heading.name);
  rows_.push_back(std::move(names));
}

void Table::add(std::vector<std::string> row) {
  row.resize(headings_.size());
  rows_.push_back(std::move(row));
}

std::string Table::text() const {
  std::vector<std::size_t> widths(headings_.size(), 0);
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += "  ";
      append_padded(line, row[i], widths[i], headings_[i].align);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line;
    text += '\n';
  }
  return text;
}

std::string iso_or_dash(const std::optional<TimePoint>& time) { return time ? to_iso(*time) : "-"; }

std::string bytes_text(std::int64_t bytes) {
  constexpr std::int64_t kStep = 1'000;
  if (bytes < kStep) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  constexpr std::string_view kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  while (value >= kStep && unit + 1 < std::size(kUnits)) {
    value /= kStep;
    ++unit;
  }
  return value < 10 ? fmt::format("{:.1f} {}", value, kUnits[unit]) : fmt::format("{:.0f} {}", value, kUnits[unit]);
}

std::string seconds_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::ceil(std::clamp(seconds, 0.0, 1e12)));
  if (whole < 120) return fmt::format("{} s", whole);
  const auto minutes = (whole + 59) / 60;
  if (minutes < 120) return fmt::format("{} min", minutes);
  const auto hours = minutes / 60;
  if (hours < 48) return fmt::format("{} h {} min", hours, minutes % 60);
  return fmt::format("{} days {} h", hours / 24, hours % 24);
}

std::string count_text(std::int64_t count) {
  auto digits = fmt::format("{}", count);
  const std::size_t first = count < 0 ? 1 : 0;
  for (auto at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string plural(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count_text(count), noun, count == 1 ? "" : "s");
}

}  // namespace tdm::cli::detail
