#include <nlohmann/json.hpp>

#include <algorithm>

#include "tdm/query/market_data.hpp"

namespace tdm::query {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxProvenanceBytes = 4096;
constexpr std::size_t kMaxGaps = 20;
constexpr std::size_t kMaxNotes = 8;
constexpr std::size_t kMaxNoteBytes = 160;

// Text of foreign origin may hold any bytes; a document is UTF-8 all the same.
std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string shortened(const std::string& text) {
  return text.size() <= kMaxNoteBytes ? text : text.substr(0, kMaxNoteBytes) + "...";
}

Json json_of(const Gap& gap, bool whole) {
  Json json;
  json["id"] = gap.id;
  json["series"] = gap.series.text();
  json["start"] = to_ms(gap.range.begin());
  json["end"] = to_ms(gap.range.end());
  json["bars"] = gap.bars;
  json["cause"] = to_string(gap.cause);
  json["evidence"] = whole ? gap.evidence : shortened(gap.evidence);
  json["state"] = to_string(gap.state);
  // A hole that nobody has looked at has no look to tell of.
  json["first_look"] = gap.looks > 0 ? Json(to_ms(gap.first_look)) : Json(nullptr);
  json["last_look"] = gap.looks > 0 ? Json(to_ms(gap.last_look)) : Json(nullptr);
  json["looks"] = gap.looks;
  if (!gap.accepted_reason.empty())
    json["accepted_reason"] = whole ? gap.accepted_reason : shortened(gap.accepted_reason);
  return json;
}

Json optional_text(const std::optional<std::string>& text) { return text ? Json(*text) : Json(nullptr); }

}  // namespace

std::string to_json(const Gap& gap) { return dump(json_of(gap, true)); }

std::string to_json(const Provenance& provenance) {
  Json json;
  json["instrument"] = provenance.instrument;
  json["price_kind"] = provenance.price_kind;
  json["timeframe"] = provenance.timeframe;
  json["origin"] = provenance.origin;
  if (provenance.simulated) json["simulated"] = true;
  json["range"] = {{"start", to_ms(provenance.range.begin())}, {"end", to_ms(provenance.range.end())}};
  json["dataset_version"] = provenance.dataset_version;
  json["rule_version"] = provenance.rule_version;
  json["rows"] = provenance.rows;
  json["expected"] = provenance.expected;
  json["gap_count"] = provenance.gap_count;
  json["gaps"] = Json::array();
  json["sources"] = provenance.sources;
  json["finality"] = provenance.finality;
  json["open_rule"] = provenance.open_rule;
  json["derived"] = optional_text(provenance.derived);
  if (provenance.day_start) json["day_start"] = *provenance.day_start;
  json["as_of"] = optional_text(provenance.as_of);
  json["fetched"] = provenance.fetched;
  if (!provenance.notes.empty()) {
    json["notes"] = Json::array();
    for (const auto& note : provenance.notes) {
      if (json["notes"].size() == kMaxNotes) break;
      json["notes"].push_back(shortened(note));
    }
  }
  // As many gaps as there is room for: gap_count says how many there are.
  auto bytes = dump(json).size();
  for (const auto& gap : provenance.gaps) {
    auto entry = json_of(gap, false);
    bytes += dump(entry).size() + 1;
    if (json["gaps"].size() == kMaxGaps || bytes > kMaxProvenanceBytes) break;
    json["gaps"].push_back(std::move(entry));
  }
  return dump(json);
}

}  // namespace tdm::query
