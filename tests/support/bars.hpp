#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tdm/core/bar.hpp"         // BarColumns, ObservationColumns, Frame
#include "tdm/core/instrument.hpp"  // Series, Instrument
#include "tdm/store/store.hpp"      // Batch

// Rows to store in a test, and what came back as rows again.
namespace tdm::support {

inline Series series_of(std::string_view text) { return Series::parse(text).value(); }

inline Instrument instrument_of(const Series& series) {
  return Instrument{.id = series.instrument,
                    .base = "BTC",
                    .quote = "USDT",
                    .settle = "USDT",
                    .contract_type = "LinearPerpetual",
                    .status = "Trading",
                    .active = true,
                    .tick_size = "0.10",
                    .lot_size = "0.001",
                    .contract_size = "1",
                    .launch_time = from_ms(1'584'230'400'000),
                    .delivery_time = std::nullopt,
                    .valid_from = from_ms(1'585'094'400'000),
                    .valid_to = std::nullopt,
                    .details = R"({"leverage":"100"})"};
}

inline constexpr TimePoint kFirstOpen = from_ms(1'672'531'200'000);  // 2023-01-01T00:00:00Z
inline constexpr TimePoint kLearned = from_ms(1'700'000'000'000);

// How bars of a test differ.
struct BarsSpec {
  std::int64_t first = 0;  // in bars after kFirstOpen
  std::size_t rows = 0;
  double price = 100;  // every value of a row follows from it
  Finality finality = Finality::confirmed;
  std::int32_t revision = 0;
  TimePoint recorded_at = kLearned;
};

inline BarColumns bars_of(const Series& series, const BarsSpec& spec) {
  BarColumns bars;
  for (std::size_t row = 0; row < spec.rows; ++row) {
    const auto open_time = series.timeframe.advance(kFirstOpen, spec.first + static_cast<std::int64_t>(row));
    const double open = spec.price + static_cast<double>(row) * 0.1;
    bars.open_time.push_back(open_time);
    bars.open.push_back(open);
    bars.high.push_back(open + 3.3);
    bars.low.push_back(open - 1.7);
    bars.close.push_back(open + 0.1);
    bars.volume.push_back(open * 7);
    // Nulls where an exchange has none, in one column all, in another some.
    bars.quote_volume.append(row % 3 == 0 ? std::nullopt : std::optional{open * 70});
    bars.trade_count.append(static_cast<std::int64_t>(row) + 11);
    bars.taker_buy_volume.append_null();
    bars.taker_buy_quote_volume.append(std::optional{open});
    bars.finality.push_back(spec.finality);
    bars.quality_flags.push_back(row % 5 == 0 ? 0x8000'0001U : 0U);
    bars.source.push_back(row % 2 == 0 ? Channel::rest : Channel::archive);
    bars.revision.push_back(spec.revision);
    bars.available_at.push_back(series.timeframe.close_of(open_time) + std::chrono::milliseconds{250});
    bars.recorded_at.push_back(spec.recorded_at);
    bars.rule_version.push_back(3);
  }
  return bars;
}

inline ObservationColumns observations_of(const Series& series, std::int64_t first, std::size_t rows,
                                          std::int64_t ingest_id) {
  ObservationColumns raw;
  for (std::size_t row = 0; row < rows; ++row) {
    const auto open_time = series.timeframe.advance(kFirstOpen, first + static_cast<std::int64_t>(row));
    const auto text = std::to_string(20'000 + row) + ".50";
    raw.open_time.push_back(open_time);
    raw.open.append(std::string_view{text});
    raw.high.append(std::string_view{"1.10000000"});
    raw.low.append(std::string_view{"1e-7"});
    raw.close.append(std::string_view{""});  // an empty text is not a null
    raw.volume.append(std::string_view{"0.000"});
    if (row % 2 == 0)
      raw.quote_volume.append_null();
    else
      raw.quote_volume.append(std::string_view{"12345678901234567890.123456789"});
    raw.trade_count.append_null();
    raw.taker_buy_volume.append_null();
    raw.taker_buy_quote_volume.append_null();
    if (row % 4 == 0)
      raw.extra.append(std::string_view{R"({"ignore":"\u0000é"})"});
    else
      raw.extra.append_null();
    raw.close_proof.push_back(row % 2 == 0 ? CloseProof::none : CloseProof::exchange_flag);
    raw.event_time.push_back(kLearned - std::chrono::seconds{1});
    raw.received_at.push_back(kLearned);
    raw.channel.push_back(Channel::rest);
    raw.ingest_id.push_back(ingest_id);
  }
  return raw;
}

inline store::Batch batch_of(const Series& series, BarColumns bars) {
  store::Batch batch{.series = series, .instrument = instrument_of(series)};
  if (bars.size() > 0) {
    batch.looked = {TimeRange::of(bars.open_time.front(), series.timeframe.close_of(bars.open_time.back()))};
  }
  batch.validated = std::move(bars);
  return batch;
}

inline constexpr TimeRange kAllTime = TimeRange::of(from_us(0), from_ms(4'000'000'000'000));

template <class T>
std::vector<T> values_of(const Frame& frame, std::string_view name) {
  const auto* column = frame.find(name);
  if (column == nullptr) {
    ADD_FAILURE() << "the answer has no column " << name;
    return {};
  }
  const auto values = std::get<std::span<const T>>(column->data);
  return std::vector<T>(values.begin(), values.end());
}

template <class T>
NullableColumn<T> nullable_of(const Frame& frame, std::string_view name) {
  NullableColumn<T> answer;
  const auto values = values_of<T>(frame, name);
  const auto valid = frame.find(name)->valid;
  for (std::size_t row = 0; row < values.size(); ++row)
    answer.append(!valid.empty() && valid[row] == 0 ? std::nullopt : std::optional<T>{values[row]});
  return answer;
}

inline const TextColumn& text_of(const Frame& frame, std::string_view name) {
  return *std::get<const TextColumn*>(frame.find(name)->data);
}

// An answer with all columns, as the rows that were written.
inline BarColumns rows_of(const Frame& frame) {
  BarColumns rows;
  rows.open_time = values_of<TimePoint>(frame, "open_time");
  rows.open = values_of<double>(frame, "open");
  rows.high = values_of<double>(frame, "high");
  rows.low = values_of<double>(frame, "low");
  rows.close = values_of<double>(frame, "close");
  rows.volume = values_of<double>(frame, "volume");
  rows.quote_volume = nullable_of<double>(frame, "quote_volume");
  rows.trade_count = nullable_of<std::int64_t>(frame, "trade_count");
  rows.taker_buy_volume = nullable_of<double>(frame, "taker_buy_volume");
  rows.taker_buy_quote_volume = nullable_of<double>(frame, "taker_buy_quote_volume");
  rows.quality_flags = values_of<std::uint32_t>(frame, "quality_flags");
  rows.revision = values_of<std::int32_t>(frame, "revision");
  rows.available_at = values_of<TimePoint>(frame, "available_at");
  rows.recorded_at = values_of<TimePoint>(frame, "recorded_at");
  rows.rule_version = values_of<std::int32_t>(frame, "rule_version");
  for (std::size_t row = 0; row < frame.rows; ++row) {
    rows.finality.push_back(parse_finality(*text_of(frame, "finality")[row]).value());
    rows.source.push_back(parse_channel(*text_of(frame, "source")[row]).value());
  }
  return rows;
}

// Equal bar for bar; whether a column without nulls carries a validity is no difference.
inline bool equal_rows(const BarColumns& a, const BarColumns& b) {
  const auto equal_nullable = [](const auto& x, const auto& y) {
    for (std::size_t row = 0; row < x.size(); ++row)
      if (x.at(row) != y.at(row)) return false;
    return x.size() == y.size();
  };
  return a.open_time == b.open_time && a.open == b.open && a.high == b.high && a.low == b.low && a.close == b.close &&
         a.volume == b.volume && equal_nullable(a.quote_volume, b.quote_volume) &&
         equal_nullable(a.trade_count, b.trade_count) && equal_nullable(a.taker_buy_volume, b.taker_buy_volume) &&
         equal_nullable(a.taker_buy_quote_volume, b.taker_buy_quote_volume) && a.finality == b.finality &&
         a.quality_flags == b.quality_flags && a.source == b.source && a.revision == b.revision &&
         a.available_at == b.available_at && a.recorded_at == b.recorded_at && a.rule_version == b.rule_version;
}

}  // namespace tdm::support
