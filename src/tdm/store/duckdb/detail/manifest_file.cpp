#include "tdm/store/duckdb/detail/manifest_file.hpp"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <chrono>
#include <cmath>
#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "tdm/store/rows.hpp"  // check_bars

namespace tdm::store::duckdb::detail {
namespace {

using Json = nlohmann::json;

constexpr int kFormat = 1;

// Every getter throws when the document is not what was written; parse() below turns that into corrupt_data.
template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error{result.error().message};
  return *std::move(result);
}

// A whole number that fits: the library itself would cut what does not.
template <class T>
T whole_of(const Json& json) {
  if (!json.is_number_integer()) throw std::runtime_error{fmt::format("{} is no whole number", json.dump())};
  const bool fits = json.is_number_unsigned() ? std::in_range<T>(json.get<std::uint64_t>())
                                              : std::in_range<T>(json.get<std::int64_t>());
  if (!fits) throw std::runtime_error{fmt::format("{} is too large", json.dump())};
  return json.get<T>();
}

std::map<std::string, std::int64_t> counts_of(const Json& json) {
  std::map<std::string, std::int64_t> counts;
  for (const auto& [name, count] : json.items()) counts.emplace(name, whole_of<std::int64_t>(count));
  return counts;
}

Json time_json(std::optional<TimePoint> t) { return t ? Json(to_us(*t)) : Json(nullptr); }
std::optional<TimePoint> time_of(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional{from_us(whole_of<std::int64_t>(json))};
}

Json range_json(TimeRange range) { return Json::array({to_us(range.begin()), to_us(range.end())}); }
TimeRange range_of(const Json& json) {
  return must(
      TimeRange::make(from_us(whole_of<std::int64_t>(json.at(0))), from_us(whole_of<std::int64_t>(json.at(1)))));
}

// A double as the document can hold it bit for bit: what is no number as its bits.
Json real_json(double value) {
  if (std::isfinite(value)) return value;
  return fmt::format("{:016x}", std::bit_cast<std::uint64_t>(value));
}
double real_of(const Json& json) {
  if (!json.is_string()) return json.get<double>();
  const auto& text = json.get_ref<const std::string&>();
  std::uint64_t bits = 0;
  constexpr int kHex = 16;
  if (std::from_chars(text.data(), text.data() + text.size(), bits, kHex).ec != std::errc{})
    throw std::runtime_error{"'" + text + "' is no number"};
  return std::bit_cast<double>(bits);
}

template <class T, class Make>
Json array_json(const std::vector<T>& values, Make make) {
  auto array = Json::array();
  for (const auto& value : values) array.push_back(make(value));
  return array;
}

template <class T, class Take>
std::vector<T> array_of(const Json& json, Take take) {
  std::vector<T> values;
  values.reserve(json.size());
  for (const auto& value : json) values.push_back(take(value));
  return values;
}

template <class T>
Json nullable_json(const NullableColumn<T>& column) {
  auto array = Json::array();
  for (std::size_t row = 0; row < column.size(); ++row) {
    const auto value = column.at(row);
    if constexpr (std::is_same_v<T, double>)
      array.push_back(value ? real_json(*value) : Json(nullptr));
    else
      array.push_back(value ? Json(*value) : Json(nullptr));
  }
  return array;
}

template <class T>
NullableColumn<T> nullable_of(const Json& json) {
  NullableColumn<T> column;
  for (const auto& value : json) {
    if (value.is_null())
      column.append_null();
    else if constexpr (std::is_same_v<T, double>)
      column.append(real_of(value));
    else
      column.append(whole_of<T>(value));
  }
  return column;
}

Json bars_json(const BarColumns& bars) {
  const auto time = [](TimePoint t) { return Json(to_us(t)); };
  const auto word = [](auto value) { return Json(to_string(value)); };
  const auto plain = [](auto value) { return Json(value); };
  return Json{{"open_time", array_json(bars.open_time, time)},
              {"open", array_json(bars.open, real_json)},
              {"high", array_json(bars.high, real_json)},
              {"low", array_json(bars.low, real_json)},
              {"close", array_json(bars.close, real_json)},
              {"volume", array_json(bars.volume, real_json)},
              {"quote_volume", nullable_json(bars.quote_volume)},
              {"trade_count", nullable_json(bars.trade_count)},
              {"taker_buy_volume", nullable_json(bars.taker_buy_volume)},
              {"taker_buy_quote_volume", nullable_json(bars.taker_buy_quote_volume)},
              {"finality", array_json(bars.finality, word)},
              {"quality_flags", array_json(bars.quality_flags, plain)},
              {"source", array_json(bars.source, word)},
              {"revision", array_json(bars.revision, plain)},
              {"available_at", array_json(bars.available_at, time)},
              {"recorded_at", array_json(bars.recorded_at, time)},
              {"rule_version", array_json(bars.rule_version, plain)}};
}

BarColumns bars_of(const Json& json) {
  const auto time = [](const Json& value) { return from_us(whole_of<std::int64_t>(value)); };
  const auto number = [](const Json& value) { return whole_of<std::int32_t>(value); };
  BarColumns bars;
  bars.open_time = array_of<TimePoint>(json.at("open_time"), time);
  bars.open = array_of<double>(json.at("open"), real_of);
  bars.high = array_of<double>(json.at("high"), real_of);
  bars.low = array_of<double>(json.at("low"), real_of);
  bars.close = array_of<double>(json.at("close"), real_of);
  bars.volume = array_of<double>(json.at("volume"), real_of);
  bars.quote_volume = nullable_of<double>(json.at("quote_volume"));
  bars.trade_count = nullable_of<std::int64_t>(json.at("trade_count"));
  bars.taker_buy_volume = nullable_of<double>(json.at("taker_buy_volume"));
  bars.taker_buy_quote_volume = nullable_of<double>(json.at("taker_buy_quote_volume"));
  bars.finality = array_of<Finality>(json.at("finality"),
                                     [](const Json& value) { return must(parse_finality(value.get<std::string>())); });
  bars.quality_flags = array_of<std::uint32_t>(json.at("quality_flags"),
                                               [](const Json& value) { return whole_of<std::uint32_t>(value); });
  bars.source = array_of<Channel>(json.at("source"),
                                  [](const Json& value) { return must(parse_channel(value.get<std::string>())); });
  bars.revision = array_of<std::int32_t>(json.at("revision"), number);
  bars.available_at = array_of<TimePoint>(json.at("available_at"), time);
  bars.recorded_at = array_of<TimePoint>(json.at("recorded_at"), time);
  bars.rule_version = array_of<std::int32_t>(json.at("rule_version"), number);
  return bars;
}

Json instrument_json(const Instrument& instrument) {
  return Json{{"id", instrument.id.text()},
              {"base", instrument.base},
              {"quote", instrument.quote},
              {"settle", instrument.settle},
              {"contract_type", instrument.contract_type},
              {"status", instrument.status},
              {"active", instrument.active},
              {"tick_size", instrument.tick_size},
              {"lot_size", instrument.lot_size},
              {"contract_size", instrument.contract_size},
              {"launch_time_us", time_json(instrument.launch_time)},
              {"delivery_time_us", time_json(instrument.delivery_time)},
              {"valid_from_us", time_json(instrument.valid_from)},
              {"valid_to_us", time_json(instrument.valid_to)},
              {"details", instrument.details}};
}

Instrument instrument_of(const Json& json) {
  const auto text = [&](const char* key) { return json.at(key).get<std::string>(); };
  return Instrument{.id = must(InstrumentId::parse(text("id"))),
                    .base = text("base"),
                    .quote = text("quote"),
                    .settle = text("settle"),
                    .contract_type = text("contract_type"),
                    .status = text("status"),
                    .active = json.at("active").get<bool>(),
                    .tick_size = text("tick_size"),
                    .lot_size = text("lot_size"),
                    .contract_size = text("contract_size"),
                    .launch_time = time_of(json.at("launch_time_us")),
                    .delivery_time = time_of(json.at("delivery_time_us")),
                    .valid_from = time_of(json.at("valid_from_us")),
                    .valid_to = time_of(json.at("valid_to_us")),
                    .details = text("details")};
}

Json segment_json(const Segment& segment) {
  return Json{{"layer", segment.layer == Layer::validated ? "validated" : "raw"},
              {"path", segment.path},
              {"sha256", segment.sha256},
              {"rows", segment.rows},
              {"bytes", segment.bytes},
              {"first_us", to_us(segment.first)},
              {"last_us", to_us(segment.last)},
              {"sources", segment.sources},
              {"rule_version", segment.rule_version}};
}

Segment segment_of(const Json& json) {
  return Segment{.layer = json.at("layer") == "raw" ? Layer::raw : Layer::validated,
                 .path = json.at("path").get<std::string>(),
                 .sha256 = json.at("sha256").get<std::string>(),
                 .rows = whole_of<std::int64_t>(json.at("rows")),
                 .bytes = whole_of<std::int64_t>(json.at("bytes")),
                 .first = from_us(whole_of<std::int64_t>(json.at("first_us"))),
                 .last = from_us(whole_of<std::int64_t>(json.at("last_us"))),
                 .sources = counts_of(json.at("sources")),
                 .rule_version = whole_of<int>(json.at("rule_version"))};
}

Json gap_json(const Gap& gap) {
  return Json{{"id", gap.id},
              {"range_us", range_json(gap.range)},
              {"bars", gap.bars},
              {"cause", to_string(gap.cause)},
              {"evidence", gap.evidence},
              {"state", to_string(gap.state)},
              {"first_look_us", to_us(gap.first_look)},
              {"last_look_us", to_us(gap.last_look)},
              {"looks", gap.looks},
              {"accepted_reason", gap.accepted_reason}};
}

Gap gap_of(const Json& json, const Series& series) {
  return Gap{.id = whole_of<std::int64_t>(json.at("id")),
             .series = series,
             .range = range_of(json.at("range_us")),
             .bars = whole_of<std::int64_t>(json.at("bars")),
             .cause = must(parse_gap_cause(json.at("cause").get<std::string>())),
             .evidence = json.at("evidence").get<std::string>(),
             .state = must(parse_gap_state(json.at("state").get<std::string>())),
             .first_look = from_us(whole_of<std::int64_t>(json.at("first_look_us"))),
             .last_look = from_us(whole_of<std::int64_t>(json.at("last_look_us"))),
             .looks = whole_of<int>(json.at("looks")),
             .accepted_reason = json.at("accepted_reason").get<std::string>()};
}

Json state_json(const SeriesState& state) {
  const auto& manifest = state.manifest;
  return Json{{"format", kFormat},
              {"series", manifest.series.text()},
              {"origin", manifest.origin},
              {"version", manifest.version},
              {"instrument", instrument_json(manifest.instrument)},
              {"watermark_us", time_json(manifest.watermark)},
              {"first_recorded_us", time_json(manifest.first_recorded)},
              {"rows", manifest.rows},
              {"confirmed", manifest.confirmed},
              {"segments", array_json(manifest.segments, segment_json)},
              {"history", array_json(state.history,
                                     [](const Superseded& old) {
                                       auto json = segment_json(old.segment);
                                       json["superseded_version"] = old.version;
                                       return json;
                                     })},
              {"gaps", array_json(manifest.gaps, gap_json)},
              {"looked_us", array_json(manifest.looked, range_json)},
              {"removed_version", state.removed_version},
              {"tail", bars_json(manifest.tail)}};
}

SeriesState state_of(const Json& json) {
  if (const auto format = whole_of<int>(json.at("format")); format != kFormat)
    throw std::runtime_error{fmt::format("format {} is not one this version reads", format)};
  const auto series = must(Series::parse(json.at("series").get<std::string>()));
  SeriesState state{Manifest{.series = series, .instrument = instrument_of(json.at("instrument"))}};
  auto& manifest = state.manifest;
  manifest.origin = json.at("origin").get<std::string>();
  manifest.version = whole_of<std::int64_t>(json.at("version"));
  manifest.watermark = time_of(json.at("watermark_us"));
  manifest.first_recorded = time_of(json.at("first_recorded_us"));
  manifest.rows = whole_of<std::int64_t>(json.at("rows"));
  manifest.confirmed = whole_of<std::int64_t>(json.at("confirmed"));
  manifest.segments = array_of<Segment>(json.at("segments"), segment_of);
  for (const auto& old : json.at("history"))
    state.history.push_back({segment_of(old), whole_of<std::int64_t>(old.at("superseded_version"))});
  for (const auto& gap : json.at("gaps")) manifest.gaps.push_back(gap_of(gap, series));
  manifest.looked = array_of<TimeRange>(json.at("looked_us"), range_of);
  if (const auto removed = json.find("removed_version"); removed != json.end())  // older manifests know no removal
    state.removed_version = whole_of<std::int64_t>(*removed);
  manifest.tail = bars_of(json.at("tail"));
  if (const auto checked = check_bars(manifest.tail); !checked) throw std::runtime_error{checked.error().message};
  return state;
}

// Runs `read` on the parsed document; whatever does not fit is corrupt_data with the file's name.
template <class Read>
auto parse(std::string_view text, const std::string& path, Read read) -> Result<decltype(read(Json{}))> {
  try {
    return read(Json::parse(text));
  } catch (const std::exception& e) {
    return fail(ErrorCode::corrupt_data, fmt::format("{} is damaged: {}", path, e.what()));
  }
}

// Invalid UTF-8 cannot come in through names, but a foreign word may hold anything.
std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

Footprint footprint_of(const SeriesState& state) {
  Footprint footprint{.rows = state.manifest.rows};
  for (const auto& segment : state.manifest.segments) {
    if (segment.layer == Layer::raw) footprint.raw_rows += segment.rows;
    (segment.layer == Layer::raw ? footprint.raw_bytes : footprint.bytes) += segment.bytes;
  }
  for (const auto& old : state.history) footprint.bytes += old.segment.bytes;
  return footprint;
}

std::string to_json(const SeriesState& state) { return dump(state_json(state)); }
Result<SeriesState> parse_state(std::string_view json, const std::string& path) { return parse(json, path, state_of); }

std::string to_json(const Instrument& instrument) { return dump(instrument_json(instrument)); }
Result<Instrument> parse_instrument(std::string_view json) { return parse(json, "an instrument", instrument_of); }

std::string to_json(const std::map<std::string, std::int64_t>& counts) { return dump(Json(counts)); }
Result<std::map<std::string, std::int64_t>> parse_counts(std::string_view json) {
  return parse(json, "a count of sources", counts_of);
}

std::string to_json(const Store::Listing& listing) {
  return dump(Json{{"at_us", to_us(listing.at)}, {"instruments", array_json(listing.instruments, instrument_json)}});
}
Result<Store::Listing> parse_listing(std::string_view json, const std::string& path) {
  return parse(json, path, [](const Json& listing) {
    return Store::Listing{from_us(whole_of<std::int64_t>(listing.at("at_us"))),
                          array_of<Instrument>(listing.at("instruments"), instrument_of)};
  });
}

std::string to_json(const std::vector<Resolution>& resolutions) {
  return dump(array_json(resolutions, [](const Resolution& resolution) {
    return Json{{"exchange", resolution.exchange},
                {"symbol", resolution.symbol},
                {"instrument", resolution.instrument.text()},
                {"decided_at_us", to_us(resolution.decided_at)}};
  }));
}
Result<std::vector<Resolution>> parse_resolutions(std::string_view json, const std::string& path) {
  return parse(json, path, [](const Json& all) {
    return array_of<Resolution>(all, [](const Json& one) {
      return Resolution{one.at("exchange").get<std::string>(), one.at("symbol").get<std::string>(),
                        must(InstrumentId::parse(one.at("instrument").get<std::string>())),
                        from_us(whole_of<std::int64_t>(one.at("decided_at_us")))};
    });
  });
}

std::string origins_to_json(const std::map<std::string, std::string>& origins) { return dump(Json(origins)); }
Result<std::map<std::string, std::string>> parse_origins(std::string_view json, const std::string& path) {
  return parse(json, path, [](const Json& origins) { return origins.get<std::map<std::string, std::string>>(); });
}

Result<void> publish(const std::string& path, std::string_view json, TimePoint now, std::int64_t version) {
  constexpr std::int64_t kNanos = 1'000'000'000;
  auto file = NewFile::write(path, bytes_of(json));
  if (!file) return std::unexpected{std::move(file).error()};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch());
  if (auto stamped = file->stamp(seconds, version % kNanos); !stamped) return stamped;
  return file->publish();
}

}  // namespace tdm::store::duckdb::detail
