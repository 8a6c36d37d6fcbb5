#include "tdm/store/duckdb/detail/schema.hpp"

#include <algorithm>
#include <cstdlib>

namespace tdm::store::duckdb::detail {
namespace {

constexpr Field kValidated[] = {
    {"open_time", Kind::time},
    {"open", Kind::real},
    {"high", Kind::real},
    {"low", Kind::real},
    {"close", Kind::real},
    {"volume", Kind::real},
    {"quote_volume", Kind::real, true},
    {"trade_count", Kind::integer, true},
    {"taker_buy_volume", Kind::real, true},
    {"taker_buy_quote_volume", Kind::real, true},
    {"finality", Kind::word},
    {"quality_flags", Kind::flags},
    {"source", Kind::word},
    {"revision", Kind::small},
    {"available_at", Kind::time},
    {"recorded_at", Kind::time},
    {"rule_version", Kind::small},
};

constexpr Field kRaw[] = {
    {"open_time", Kind::time},
    {"open", Kind::text, true},
    {"high", Kind::text, true},
    {"low", Kind::text, true},
    {"close", Kind::text, true},
    {"volume", Kind::text, true},
    {"quote_volume", Kind::text, true},
    {"trade_count", Kind::text, true},
    {"taker_buy_volume", Kind::text, true},
    {"taker_buy_quote_volume", Kind::text, true},
    {"channel", Kind::word},
    {"event_time", Kind::time},
    {"received_at", Kind::time},
    {"ingest_id", Kind::number},
    {"extra", Kind::text, true},
    {"close_proof", Kind::word},
};

}  // namespace

std::span<const Field> fields(Layer layer) {
  return layer == Layer::validated ? std::span<const Field>{kValidated} : std::span<const Field>{kRaw};
}

const Field& field_of(Layer layer, std::string_view name) {
  const auto all = fields(layer);
  const auto found = std::ranges::find(all, name, &Field::name);
  if (found == all.end()) std::abort();  // names are checked where they come in
  return *found;
}

}  // namespace tdm::store::duckdb::detail
