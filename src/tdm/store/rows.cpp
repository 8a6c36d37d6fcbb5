#include "tdm/store/rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstdlib>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>

namespace tdm::store {
namespace {

// Bit for bit: a NaN equals itself, and 0.0 is not -0.0. What was stored once must be recognised again.
bool same(double a, double b) { return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b); }

bool same(const NullableColumn<double>& a, std::size_t i, const NullableColumn<double>& b, std::size_t j) {
  const auto x = a.at(i);
  const auto y = b.at(j);
  return x.has_value() == y.has_value() && (!x || same(*x, *y));
}

template <class Columns>
Result<void> check_lengths(std::string_view what, std::size_t rows, const Columns& lengths) {
  for (const auto& [name, length] : lengths)
    if (length != rows)
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{}.{} has {} rows, open_time has {}", what, name, length, rows), std::string{name});
  return {};
}

using Lengths = std::vector<std::pair<std::string_view, std::size_t>>;

Result<void> check_lengths(const BarColumns& bars) {
  return check_lengths("validated", bars.size(),
                       Lengths{{"open", bars.open.size()},
                               {"high", bars.high.size()},
                               {"low", bars.low.size()},
                               {"close", bars.close.size()},
                               {"volume", bars.volume.size()},
                               {"quote_volume", bars.quote_volume.size()},
                               {"trade_count", bars.trade_count.size()},
                               {"taker_buy_volume", bars.taker_buy_volume.size()},
                               {"taker_buy_quote_volume", bars.taker_buy_quote_volume.size()},
                               {"finality", bars.finality.size()},
                               {"quality_flags", bars.quality_flags.size()},
                               {"source", bars.source.size()},
                               {"revision", bars.revision.size()},
                               {"available_at", bars.available_at.size()},
                               {"recorded_at", bars.recorded_at.size()},
                               {"rule_version", bars.rule_version.size()}});
}

Result<void> check_lengths(const ObservationColumns& raw) {
  return check_lengths("raw", raw.size(),
                       Lengths{{"open", raw.open.size()},
                               {"high", raw.high.size()},
                               {"low", raw.low.size()},
                               {"close", raw.close.size()},
                               {"volume", raw.volume.size()},
                               {"quote_volume", raw.quote_volume.size()},
                               {"trade_count", raw.trade_count.size()},
                               {"taker_buy_volume", raw.taker_buy_volume.size()},
                               {"taker_buy_quote_volume", raw.taker_buy_quote_volume.size()},
                               {"extra", raw.extra.size()},
                               {"close_proof", raw.close_proof.size()},
                               {"event_time", raw.event_time.size()},
                               {"received_at", raw.received_at.size()},
                               {"channel", raw.channel.size()},
                               {"ingest_id", raw.ingest_id.size()}});
}

Result<void> check_order(std::string_view what, const std::vector<TimePoint>& times, bool unique) {
  const auto wrong = unique ? std::ranges::adjacent_find(times, std::greater_equal{})
                            : std::ranges::adjacent_find(times, std::greater{});
  if (wrong == times.end()) return {};
  return fail(ErrorCode::invalid_argument,
              fmt::format("{} rows must be sorted by open_time{}: {} is followed by {}", what,
                          unique ? ", one row a key" : "", to_iso(*wrong), to_iso(*std::next(wrong))),
              "open_time");
}

std::string_view close_proof_text(CloseProof proof) {
  switch (proof) {
    case CloseProof::none: return "none";
    case CloseProof::exchange_flag: return "exchange_flag";
    case CloseProof::archive: return "archive";
  }
  std::abort();  // not a proof at all: memory is corrupt
}

// Rows, owned or only seen, and what of them must be text in an answer.
template <class Rows>
struct Answer {
  Answer(const Rows& seen) : rows{seen} {}
  explicit Answer(std::unique_ptr<const Rows> kept) : owned{std::move(kept)}, rows{*owned} {}

  std::unique_ptr<const Rows> owned;
  const Rows& rows;
};

struct BarAnswer : Answer<BarColumns> {
  template <class From>
    requires(!std::derived_from<std::remove_cvref_t<From>, BarAnswer>)
  explicit BarAnswer(From&& from) : Answer{std::forward<From>(from)} {
    for (const auto value : rows.finality) finality.append(to_string(value));
    for (const auto value : rows.source) source.append(to_string(value));
  }
  TextColumn finality, source;
};

struct RawAnswer : Answer<ObservationColumns> {
  template <class From>
    requires(!std::derived_from<std::remove_cvref_t<From>, RawAnswer>)
  explicit RawAnswer(From&& from) : Answer{std::forward<From>(from)} {
    for (const auto value : rows.channel) channel.append(to_string(value));
    for (const auto value : rows.close_proof) close_proof.append(close_proof_text(value));
    for (const auto value : rows.ingest_id) ingest_id.append(std::string_view{std::to_string(value)});
  }
  TextColumn channel, close_proof, ingest_id;
};

template <class T>
Column column_of(const std::string& name, const std::vector<T>& values) {
  return Column{name, std::span<const T>{values}};
}

template <class T>
Column column_of(const std::string& name, const NullableColumn<T>& values) {
  return Column{name, std::span<const T>{values.values}, values.valid};
}

Column column_of(const std::string& name, const TextColumn& text) { return Column{name, &text}; }

Column bar_column(const BarAnswer& answer, const std::string& name) {
  const auto& rows = answer.rows;
  if (name == "open_time") return column_of(name, rows.open_time);
  if (name == "open") return column_of(name, rows.open);
  if (name == "high") return column_of(name, rows.high);
  if (name == "low") return column_of(name, rows.low);
  if (name == "close") return column_of(name, rows.close);
  if (name == "volume") return column_of(name, rows.volume);
  if (name == "quote_volume") return column_of(name, rows.quote_volume);
  if (name == "trade_count") return column_of(name, rows.trade_count);
  if (name == "taker_buy_volume") return column_of(name, rows.taker_buy_volume);
  if (name == "taker_buy_quote_volume") return column_of(name, rows.taker_buy_quote_volume);
  if (name == "finality") return column_of(name, answer.finality);
  if (name == "quality_flags") return column_of(name, rows.quality_flags);
  if (name == "source") return column_of(name, answer.source);
  if (name == "revision") return column_of(name, rows.revision);
  if (name == "available_at") return column_of(name, rows.available_at);
  if (name == "recorded_at") return column_of(name, rows.recorded_at);
  if (name == "rule_version") return column_of(name, rows.rule_version);
  std::abort();  // the names were checked
}

Column raw_column(const RawAnswer& answer, const std::string& name) {
  const auto& rows = answer.rows;
  if (name == "open_time") return column_of(name, rows.open_time);
  if (name == "open") return column_of(name, rows.open);
  if (name == "high") return column_of(name, rows.high);
  if (name == "low") return column_of(name, rows.low);
  if (name == "close") return column_of(name, rows.close);
  if (name == "volume") return column_of(name, rows.volume);
  if (name == "quote_volume") return column_of(name, rows.quote_volume);
  if (name == "trade_count") return column_of(name, rows.trade_count);
  if (name == "taker_buy_volume") return column_of(name, rows.taker_buy_volume);
  if (name == "taker_buy_quote_volume") return column_of(name, rows.taker_buy_quote_volume);
  if (name == "extra") return column_of(name, rows.extra);
  if (name == "close_proof") return column_of(name, answer.close_proof);
  if (name == "channel") return column_of(name, answer.channel);
  if (name == "event_time") return column_of(name, rows.event_time);
  if (name == "received_at") return column_of(name, rows.received_at);
  if (name == "ingest_id") return column_of(name, answer.ingest_id);
  std::abort();  // the names were checked
}

Column answer_column(const BarAnswer& answer, const std::string& name) { return bar_column(answer, name); }
Column answer_column(const RawAnswer& answer, const std::string& name) { return raw_column(answer, name); }

template <class AnswerRows>
Frame frame_of(std::shared_ptr<const AnswerRows> answer, const std::vector<std::string>& columns) {
  Frame frame;
  frame.rows = answer->rows.size();
  for (const auto& name : columns) frame.columns.push_back(answer_column(*answer, name));
  frame.owner = std::move(answer);
  return frame;
}

std::vector<std::string> all_columns(std::span<const std::string_view> names) {
  return std::vector<std::string>(names.begin(), names.end());
}

const Column& column_named(const Frame& frame, std::string_view name) {
  const auto* column = frame.find(name);
  if (column == nullptr) std::abort();  // the caller asked for all columns
  return *column;
}

template <class T>
void take(const Frame& frame, std::string_view name, std::vector<T>& to) {
  const auto values = std::get<std::span<const T>>(column_named(frame, name).data);
  to.assign(values.begin(), values.end());
}

template <class T>
void take(const Frame& frame, std::string_view name, NullableColumn<T>& to) {
  take(frame, name, to.values);
  const auto valid = column_named(frame, name).valid;
  to.valid.assign(valid.begin(), valid.end());
  for (std::size_t row = 0; row < to.valid.size(); ++row)
    if (to.valid[row] == 0) to.values[row] = T{};
}

template <class Word>
Result<void> take_words(const Frame& frame, std::string_view name, Result<Word> (*parse)(std::string_view),
                        std::vector<Word>& to) {
  const auto& text = *std::get<const TextColumn*>(column_named(frame, name).data);
  to.reserve(text.size());
  std::string_view last;  // columns of words are long runs of one word
  for (std::size_t row = 0; row < text.size(); ++row) {
    const auto word = text[row].value_or("");
    if (!to.empty() && word == last) {
      to.push_back(to.back());
      continue;
    }
    const auto parsed = parse(word);
    if (!parsed)
      return fail(ErrorCode::corrupt_data,
                  fmt::format("column {} holds an unknown word: {}", name, parsed.error().message));
    to.push_back(*parsed);
    last = word;
  }
  return {};
}

void sort_by_begin(std::vector<Gap>& ledger) {
  std::ranges::stable_sort(ledger, {}, [](const Gap& gap) { return gap.range.begin(); });
}

}  // namespace

bool same_bar(const BarColumns& a, std::size_t i, const BarColumns& b, std::size_t j) {
  return same(a.open[i], b.open[j]) && same(a.high[i], b.high[j]) && same(a.low[i], b.low[j]) &&
         same(a.close[i], b.close[j]) && same(a.volume[i], b.volume[j]) && same(a.quote_volume, i, b.quote_volume, j) &&
         a.trade_count.at(i) == b.trade_count.at(j) && same(a.taker_buy_volume, i, b.taker_buy_volume, j) &&
         same(a.taker_buy_quote_volume, i, b.taker_buy_quote_volume, j) && a.quality_flags[i] == b.quality_flags[j] &&
         a.rule_version[i] == b.rule_version[j] && (is_final(a.finality[i]) || a.finality[i] == b.finality[j]);
}

Result<void> check_bars(const BarColumns& bars) {
  if (auto checked = check_lengths(bars); !checked) return checked;
  return check_order("validated", bars.open_time, true);
}

Result<void> check_batch(const Batch& batch) {
  if (auto checked = check_bars(batch.validated); !checked) return checked;
  if (auto checked = check_lengths(batch.raw); !checked) return checked;
  if (auto checked = check_order("raw", batch.raw.open_time, false); !checked) return checked;
  for (const auto& gap : batch.gaps)
    if (gap.series != batch.series)
      return fail(ErrorCode::invalid_argument,
                  fmt::format("a gap of {} cannot be part of a batch of {}", gap.series.text(), batch.series.text()),
                  "gaps");
  return {};
}

Result<std::vector<std::string>> checked_columns(Layer layer, const std::vector<std::string>& asked) {
  const auto known = layer == Layer::validated ? validated_column_names() : raw_column_names();
  if (asked.empty()) return std::vector<std::string>(known.begin(), known.end());
  std::vector<std::string> columns{"open_time"};
  for (const auto& name : asked) {
    if (std::ranges::find(known, name) == known.end())
      return fail(ErrorCode::invalid_argument,
                  fmt::format("columns: there is no column '{}' in the {} layer", name,
                              layer == Layer::validated ? "validated" : "raw"),
                  "columns", nearest(name, std::vector<std::string>(known.begin(), known.end())));
    if (std::ranges::find(columns, name) == columns.end()) columns.push_back(name);
  }
  return columns;
}

Frame make_frame(BarColumns rows, const std::vector<std::string>& columns) {
  return frame_of(std::make_shared<const BarAnswer>(std::make_unique<const BarColumns>(std::move(rows))), columns);
}

Frame make_frame(const ObservationColumns& rows, const std::vector<std::string>& columns) {
  return frame_of(std::make_shared<const RawAnswer>(std::make_unique<const ObservationColumns>(rows)), columns);
}

Frame view_of(const BarColumns& rows) {
  return frame_of(std::make_shared<const BarAnswer>(rows), all_columns(validated_column_names()));
}

Frame view_of(const ObservationColumns& rows) {
  return frame_of(std::make_shared<const RawAnswer>(rows), all_columns(raw_column_names()));
}

Result<BarColumns> bars_of(const Frame& frame) {
  BarColumns rows;
  take(frame, "open_time", rows.open_time);
  take(frame, "open", rows.open);
  take(frame, "high", rows.high);
  take(frame, "low", rows.low);
  take(frame, "close", rows.close);
  take(frame, "volume", rows.volume);
  take(frame, "quote_volume", rows.quote_volume);
  take(frame, "trade_count", rows.trade_count);
  take(frame, "taker_buy_volume", rows.taker_buy_volume);
  take(frame, "taker_buy_quote_volume", rows.taker_buy_quote_volume);
  take(frame, "quality_flags", rows.quality_flags);
  take(frame, "revision", rows.revision);
  take(frame, "available_at", rows.available_at);
  take(frame, "recorded_at", rows.recorded_at);
  take(frame, "rule_version", rows.rule_version);
  if (auto taken = take_words(frame, "finality", parse_finality, rows.finality); !taken)
    return std::unexpected{std::move(taken).error()};
  if (auto taken = take_words(frame, "source", parse_channel, rows.source); !taken)
    return std::unexpected{std::move(taken).error()};
  return rows;
}

std::unexpected<Error> refuse_absent(const Series& series) {
  return fail(ErrorCode::not_found, fmt::format("nothing of {} is stored", series.text()), "series");
}

std::unexpected<Error> refuse_removed(const Series& series) {
  return fail(ErrorCode::not_found, fmt::format("{} was removed from the store since it was looked up", series.text()),
              "series");
}

std::unexpected<Error> refuse_origin(std::string_view exchange, std::string_view held, std::string_view offered) {
  return fail(
      ErrorCode::invalid_argument,
      fmt::format("this store holds {} data of origin '{}' and refuses data of origin '{}': use another db_path and "
                  "parquet_path for it",
                  exchange, held, offered),
      "origin");
}

Result<void> check_as_of(const Manifest& manifest, std::optional<TimePoint> as_of) {
  if (!as_of || !manifest.first_recorded || *manifest.first_recorded <= *as_of) return {};
  return fail(ErrorCode::invalid_argument,
              fmt::format("as_of={} lies before the first knowledge of {}, recorded at {}", to_iso(*as_of),
                          manifest.series.text(), to_iso(*manifest.first_recorded)),
              "as_of");
}

Result<std::vector<Gap>> apply_gaps(std::vector<Gap>& ledger, const Series& series, const std::vector<Gap>& changes,
                                    std::int64_t& next_id) {
  std::vector<Gap> changed;
  for (auto gap : changes) {
    const auto known = std::ranges::find_if(
        ledger, [&](const Gap& other) { return gap.id != 0 ? other.id == gap.id : other.range == gap.range; });
    if (known == ledger.end() && gap.id != 0)
      return fail(ErrorCode::invalid_argument, fmt::format("the ledger of {} has no gap {}", series.text(), gap.id),
                  "gaps");
    gap.id = known != ledger.end() ? known->id : next_id++;
    if (known != ledger.end() && *known == gap) continue;
    if (known != ledger.end()) ledger.erase(known);
    if (gap.state != GapState::closed) ledger.push_back(gap);
    changed.push_back(std::move(gap));
  }
  sort_by_begin(ledger);
  return changed;
}

std::vector<Gap> accept_gaps(std::vector<Gap>& ledger, TimeRange range, std::string_view reason) {
  std::vector<Gap> accepted;
  for (auto& gap : ledger) {
    if (!range.contains(gap.range)) continue;
    gap.accepted_reason = reason;
    gap.state = GapState::accounted;
    accepted.push_back(gap);
  }
  return accepted;
}

}  // namespace tdm::store
