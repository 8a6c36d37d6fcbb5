#pragma once

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/writer.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tdm/core/bar.hpp"           // Frame
#include "tdm/query/arrow.hpp"        // to_record_batch
#include "tdm/query/market_data.hpp"  // Answer

namespace tdm::remote::testing {

inline Series series_of(std::string_view text) {
  auto series = Series::parse(text);
  if (!series) ADD_FAILURE() << series.error().message;
  return *series;
}

inline const Series kSeries = series_of("bybit.linear.BTCUSDT@1h");
inline constexpr std::int64_t kStart = 1'672'531'200'000;  // 2023-01-01
inline constexpr std::int64_t kHour = 3'600'000;

inline TimeRange hours(std::int64_t first, std::int64_t count) {
  return TimeRange::of(from_ms(kStart + first * kHour), from_ms(kStart + (first + count) * kHour));
}

inline Gap gap_of(std::int64_t id, std::int64_t first, std::int64_t count, GapCause cause) {
  return Gap{.id = id,
             .series = kSeries,
             .range = hours(first, count),
             .bars = count,
             .cause = cause,
             .evidence = "seen",
             .state = GapState::open,
             .first_look = from_ms(kStart),
             .last_look = from_ms(kStart + kHour),
             .looks = 2,
             .accepted_reason = {}};
}

inline query::Provenance provenance_of(std::int64_t rows, std::int64_t expected) {
  query::Provenance provenance;
  provenance.instrument = kSeries.instrument.text();
  provenance.price_kind = "last";
  provenance.timeframe = "1h";
  provenance.origin = "127.0.0.1";
  provenance.simulated = true;
  provenance.range = hours(0, expected);
  provenance.dataset_version = 7;
  provenance.rule_version = 1;
  provenance.rows = rows;
  provenance.expected = expected;
  provenance.sources = {{"rest", rows}};
  provenance.finality = "confirmed";
  provenance.open_rule = "previous_close";
  return provenance;
}

// Rows of hours [first, first + count) with a column of each kind that an answer may have.
struct Rows {
  std::vector<TimePoint> open_time;
  std::vector<double> close;
  std::vector<std::int64_t> trade_count;
  std::vector<std::uint8_t> trade_count_valid;
  std::vector<std::int32_t> revision;
  std::vector<std::uint32_t> quality_flags;
  TextColumn source;
};

inline double close_of(std::int64_t hour) { return 0.1 + static_cast<double>(hour) / 3; }

inline std::shared_ptr<const query::Answer> answer_of(std::int64_t first, std::int64_t count,
                                                      query::Provenance provenance) {
  auto rows = std::make_shared<Rows>();
  for (auto hour = first; hour < first + count; ++hour) {
    rows->open_time.push_back(from_ms(kStart + hour * kHour));
    rows->close.push_back(close_of(hour));
    rows->trade_count.push_back(hour * 10);
    rows->trade_count_valid.push_back(hour % 3 == 0 ? 0 : 1);
    rows->revision.push_back(static_cast<std::int32_t>(hour % 2));
    rows->quality_flags.push_back(static_cast<std::uint32_t>(hour));
    rows->source.append(hour % 5 == 0 ? std::nullopt : std::optional<std::string_view>{"rest"});
  }
  Frame frame;
  frame.rows = static_cast<std::size_t>(count);
  frame.columns.push_back({.name = "open_time", .data = std::span<const TimePoint>{rows->open_time}});
  frame.columns.push_back({.name = "close", .data = std::span<const double>{rows->close}});
  frame.columns.push_back({.name = "trade_count",
                           .data = std::span<const std::int64_t>{rows->trade_count},
                           .valid = rows->trade_count_valid});
  frame.columns.push_back({.name = "revision", .data = std::span<const std::int32_t>{rows->revision}});
  frame.columns.push_back({.name = "quality_flags", .data = std::span<const std::uint32_t>{rows->quality_flags}});
  frame.columns.push_back({.name = "source", .data = &rows->source});
  frame.owner = rows;
  const auto range = provenance.range;
  return std::make_shared<const query::Answer>(query::Answer{.series = kSeries,
                                                             .range = range,
                                                             .frame = std::move(frame),
                                                             .provenance = std::move(provenance),
                                                             .warn_gaps = {},
                                                             .next_cursor = {},
                                                             .etag = {}});
}

inline std::string stream_of(const arrow::RecordBatch& batch) {
  auto sink = arrow::io::BufferOutputStream::Create().ValueOrDie();
  auto writer = arrow::ipc::MakeStreamWriter(sink, batch.schema()).ValueOrDie();
  if (!writer->WriteRecordBatch(batch).ok() || !writer->Close().ok()) ADD_FAILURE() << "Arrow";
  return sink->Finish().ValueOrDie()->ToString();
}

inline std::string stream_of(std::int64_t first, std::int64_t count, query::Provenance provenance) {
  return stream_of(*query::to_record_batch(answer_of(first, count, std::move(provenance))));
}

}  // namespace tdm::remote::testing
