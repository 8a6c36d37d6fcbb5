#include "sim/spoil_page.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace tdm::sim {
namespace {

using Json = PageLayout::Json;

constexpr std::string_view kRawMark = "\x01raw\x01";  // no body of ours has it

void write_back(Answer& answer, const Json& body) { answer.reply.body = body.dump(); }

std::optional<std::size_t> find_row(const Json& rows, const RowFault& fault, const PageLayout& layout) {
  const auto count = static_cast<std::int64_t>(rows.size());
  if (!fault.at) {
    std::int64_t index = fault.index < 0 ? count + fault.index : fault.index;
    if (index < 0 || index >= count) return std::nullopt;
    if (!layout.newest_first) index = count - 1 - index;
    return static_cast<std::size_t>(index);
  }
  const std::int64_t open_ms = to_ms(*fault.at);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].is_array() || rows[i].empty()) continue;
    if (rows[i][0] == open_ms || rows[i][0] == std::to_string(open_ms)) return i;
  }
  return std::nullopt;
}

bool set_value(Json& row, const RowFault& fault, const PageLayout& layout) {
  const auto column = std::ranges::find(layout.columns, fault.column);
  const auto index = static_cast<std::size_t>(column - layout.columns.begin());
  if (!row.is_array() || index >= row.size()) return false;
  row[index] = fault.raw ? std::string{kRawMark} + fault.value + std::string{kRawMark} : fault.value;
  return true;
}

bool edit_rows(Json& rows, const RowFault& fault, const PageLayout& layout) {
  const auto found = find_row(rows, fault, layout);
  if (!found) return false;
  const auto position = rows.begin() + static_cast<std::ptrdiff_t>(*found);
  switch (fault.kind) {
    case RowFault::Kind::duplicate: {
      const Json copy = *position;
      rows.insert(position, copy);
      return true;
    }
    case RowFault::Kind::drop: rows.erase(position); return true;
    case RowFault::Kind::swap: {
      if (layout.newest_first ? *found + 1 >= rows.size() : *found == 0) return false;
      std::swap(*position, *(position + (layout.newest_first ? 1 : -1)));
      return true;
    }
    case RowFault::Kind::set: return set_value(*position, fault, layout);
    case RowFault::Kind::shorten:
      if (!position->is_array() || position->empty()) return false;
      position->erase(position->size() - 1);
      return true;
  }
  return false;
}

// Takes the quotes off the values that are to be written raw: "\u0001raw\u0001NaN\u0001raw\u0001" as JSON wrote it.
void unquote_raw(std::string& body) {
  const std::string mark = R"(\u0001raw\u0001)";
  for (std::size_t at = body.find('"' + mark); at != std::string::npos; at = body.find('"' + mark, at)) {
    const std::size_t end = body.find(mark + '"', at + 1 + mark.size());
    if (end == std::string::npos) return;
    const std::string value = body.substr(at + 1 + mark.size(), end - at - 1 - mark.size());
    body.replace(at, end + mark.size() + 1 - at, value);
    at += value.size();
  }
}

bool spoil_rows(Answer& answer, const RowFault& fault, const PageLayout& layout) {
  Json body = Json::parse(answer.reply.body, nullptr, false);
  Json* const rows = layout.rows(body);
  if (rows == nullptr || !edit_rows(*rows, fault, layout)) return false;
  answer.rows = static_cast<std::int64_t>(rows->size());
  write_back(answer, body);
  if (fault.raw) unquote_raw(answer.reply.body);
  return true;
}

// Renames or removes a key wherever it stands; keeps the order of the others.
bool rename_key(Json& node, const FieldFault& fault) {
  bool changed = false;
  if (node.is_array()) {
    for (Json& element : node) changed |= rename_key(element, fault);
    return changed;
  }
  if (!node.is_object()) return false;
  Json renamed = Json::object();
  for (auto& [key, value] : node.items()) {
    changed |= rename_key(value, fault);
    const bool hit = key == fault.from;
    changed |= hit;
    if (!hit) renamed[key] = value;
    if (hit && !fault.to.empty()) renamed[fault.to] = value;
  }
  node = std::move(renamed);
  return changed;
}

bool spoil_keys(Answer& answer, const FieldFault& fault) {
  Json body = Json::parse(answer.reply.body, nullptr, false);
  if (!rename_key(body, fault)) return false;
  write_back(answer, body);
  return true;
}

bool shorten_page(Answer& answer, const ShortPageFault& fault, const PageLayout& layout) {
  Json body = Json::parse(answer.reply.body, nullptr, false);
  Json* const rows = layout.rows(body);
  if (rows == nullptr || static_cast<std::int64_t>(rows->size()) <= fault.rows) return false;
  if (layout.newest_first) {
    rows->erase(rows->begin() + fault.rows, rows->end());
  } else {
    rows->erase(rows->begin(), rows->end() - fault.rows);
  }
  answer.rows = fault.rows;
  write_back(answer, body);
  return true;
}

}  // namespace

bool spoil_page(Answer& answer, const Fault& fault, const PageLayout& layout) {
  if (const auto* row = std::get_if<RowFault>(&fault)) return spoil_rows(answer, *row, layout);
  if (const auto* field = std::get_if<FieldFault>(&fault)) return spoil_keys(answer, *field);
  if (const auto* page = std::get_if<ShortPageFault>(&fault)) return shorten_page(answer, *page, layout);
  return false;
}

}  // namespace tdm::sim
