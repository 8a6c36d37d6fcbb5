#include "sim/deribit/spoil.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "sim/deribit/envelope.hpp"
#include "sim/spoil_page.hpp"

namespace tdm::sim::deribit {
namespace {

using Json = nlohmann::ordered_json;

// As the rows of every exchange are called in scripts, and as Deribit calls its arrays.
constexpr std::array<std::string_view, 7> kColumns = {"open_time", "open",   "high",    "low",
                                                      "close",     "volume", "turnover"};
constexpr std::array<const char*, 7> kArrays = {"ticks", "open", "high", "low", "close", "volume", "cost"};
constexpr std::string_view kRawValue = "\x02raw\x02";  // no body of ours has it

Json* whole_body(Json& body) { return body.is_array() ? &body : nullptr; }

Json* list_of_result(Json& body) {
  if (!body.is_object()) return nullptr;
  const auto result = body.find("result");
  return result != body.end() && result->is_array() ? &*result : nullptr;
}

// The columns of a chart, null when the body has none.
Json* columns_of(Json& body) {
  if (!body.is_object()) return nullptr;
  const auto result = body.find("result");
  if (result == body.end() || !result->is_object()) return nullptr;
  const bool whole = std::ranges::all_of(kArrays, [&](const char* name) {
    const auto column = result->find(name);
    return column != result->end() && column->is_array() && column->size() == (*result)["ticks"].size();
  });
  return whole ? &*result : nullptr;
}

Json rows_of(const Json& columns) {
  Json rows = Json::array();
  for (std::size_t i = 0; i < columns["ticks"].size(); ++i) {
    Json row = Json::array();
    for (const char* name : kArrays) row.push_back(columns[name][i]);
    rows.push_back(std::move(row));
  }
  return rows;
}

void put_back(Json& columns, const Json& rows) {
  for (const char* name : kArrays) columns[name] = Json::array();
  for (const Json& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) columns[kArrays[i]].push_back(row[i]);
  }
}

// Faults of rows see the columns as rows.
bool spoil_columns(Answer& answer, Fault fault) {
  std::string raw;
  if (auto* row = std::get_if<RowFault>(&fault); row != nullptr && row->raw) {
    raw = std::exchange(row->value, std::string{kRawValue});
    row->raw = false;
  }
  Json body = Json::parse(answer.reply.body, nullptr, false);
  Json* const columns = columns_of(body);
  if (columns == nullptr) return false;
  Answer page;
  page.reply.body = rows_of(*columns).dump();
  if (!spoil_page(page, fault, {.rows = whole_body, .columns = kColumns, .newest_first = false})) return false;
  put_back(*columns, Json::parse(page.reply.body));
  answer.rows = page.rows;
  answer.reply.body = body.dump();
  const std::string mark = Json(kRawValue).dump();
  const std::size_t marked = answer.reply.body.find(mark);
  if (marked != std::string::npos) answer.reply.body.replace(marked, mark.size(), raw);
  return true;
}

std::string_view usual_message(int code) {  // §2.4
  switch (code) {
    case 10'028: return "too_many_requests";
    case 10'040: return "retry";
    case 10'041: return "settlement_in_progress";
    case 10'047: return "matching_engine_queue_full";
    case 10'066: return "too_many_concurrent_requests";
    case 11'050: return "bad_request";
    case 11'051: return "system_maintenance";
    case 11'056: return "unauthenticated_public_requests_temporarily_disabled";
    case 11'094: return "internal_server_error";
    case 13'020: return "not_found";
    case 10'020: return "invalid_or_unsupported_instrument";
    case 13'025: return "method_switched_off_by_admin";
    case 13'028: return "temporarily_unavailable";
    case 13'503: return "unavailable";
    case 13'888: return "timed_out";
    case -32'602: return "Invalid params";
    case -32'601: return "Method not found";
    default: return "error";
  }
}

void refuse(Answer& answer, const CodeFault& fault, const DeribitSettings& settings, TimePoint now) {
  const std::string message = fault.message.empty() ? std::string{usual_message(fault.code)} : fault.message;
  const auto weight = answer.weight;
  answer = refused({.now = now}, {fault.code, message}, settings.error_status);
  answer.weight = weight;
  if (fault.reset != CodeFault::Reset::absent) {
    answer.reply.headers.emplace_back("Retry-After", fault.reset == CodeFault::Reset::soon ? "1" : "0");
  }
  if (fault.code == 10'028) close_after(answer);
}

int code_of(int status) {
  switch (status) {
    case 429: return 10'028;
    case 503: return 11'051;
    default: return 11'094;
  }
}

}  // namespace

bool spoil(Answer& answer, const Fault& fault, const DeribitSettings& settings, TimePoint now) {
  if (const auto* code = std::get_if<CodeFault>(&fault)) {
    refuse(answer, *code, settings, now);
    return true;
  }
  const bool of_rows = std::holds_alternative<RowFault>(fault) || std::holds_alternative<ShortPageFault>(fault);
  if (of_rows && spoil_columns(answer, fault)) return true;
  return spoil_page(answer, fault, {.rows = list_of_result, .columns = kColumns, .newest_first = false});
}

std::string error_body(const StatusFault& fault, TimePoint now) {
  const int code = code_of(fault.status);
  return refused({.now = now}, {code, std::string{usual_message(code)}}, fault.status).reply.body;
}

}  // namespace tdm::sim::deribit
