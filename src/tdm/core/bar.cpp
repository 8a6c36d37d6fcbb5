#include "tdm/core/bar.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>
#include <tuple>

#include "tdm/core/detail/words.hpp"

namespace tdm {
namespace {

constexpr detail::Words<5> kChannels{"rest", "ws", "archive", "import", "trades"};
constexpr detail::Words<4> kFinalities{"open", "provisional", "confirmed", "revised"};

}  // namespace

std::string_view to_string(Channel channel) { return detail::word_of(kChannels, channel); }
Result<Channel> parse_channel(std::string_view text) {
  return detail::parse_word<Channel>(kChannels, text, "channel", "channel");
}

std::string_view to_string(Finality finality) { return detail::word_of(kFinalities, finality); }
Result<Finality> parse_finality(std::string_view text) {
  return detail::parse_word<Finality>(kFinalities, text, "finality", "finality");
}

void TextColumn::append(std::string_view text) {
  if (text.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()) - bytes_.size())
    throw std::length_error{"a text column holds at most 2 GiB"};
  bytes_ += text;
  ends_.push_back(static_cast<std::int32_t>(bytes_.size()));
  valid_.push_back(1);
}

void TextColumn::append_null() {
  ends_.push_back(ends_.back());
  valid_.push_back(0);
  ++nulls_;
}

std::optional<std::string_view> TextColumn::operator[](std::size_t row) const {
  if (is_null(row)) return std::nullopt;
  const auto begin = static_cast<std::size_t>(ends_[row]);
  return std::string_view{bytes_}.substr(begin, static_cast<std::size_t>(ends_[row + 1]) - begin);
}

void TextColumn::reserve(std::size_t rows, std::size_t bytes) {
  bytes_.reserve(bytes);
  ends_.reserve(rows + 1);
  valid_.reserve(rows);
}

namespace {

template <class T>
void append_rows(std::vector<T>& to, const std::vector<T>& from, std::size_t first, std::size_t last) {
  to.insert(to.end(), from.begin() + static_cast<std::ptrdiff_t>(first),
            from.begin() + static_cast<std::ptrdiff_t>(last));
}

template <class T>
void append_rows(NullableColumn<T>& to, const NullableColumn<T>& from, std::size_t first, std::size_t last) {
  if (from.valid.empty()) {
    append_rows(to.values, from.values, first, last);
    if (!to.valid.empty()) to.valid.resize(to.values.size(), 1);
    return;
  }
  for (auto row = first; row < last; ++row) to.append(from.at(row));
}

void append_rows(TextColumn& to, const TextColumn& from, std::size_t first, std::size_t last) {
  for (auto row = first; row < last; ++row) to.append(from[row]);
}

// Every column of a kind of rows, once: what is done with rows is done with each of these.
constexpr auto kObservationMembers = std::tuple{&ObservationColumns::open_time,
                                                &ObservationColumns::open,
                                                &ObservationColumns::high,
                                                &ObservationColumns::low,
                                                &ObservationColumns::close,
                                                &ObservationColumns::volume,
                                                &ObservationColumns::quote_volume,
                                                &ObservationColumns::trade_count,
                                                &ObservationColumns::taker_buy_volume,
                                                &ObservationColumns::taker_buy_quote_volume,
                                                &ObservationColumns::extra,
                                                &ObservationColumns::close_proof,
                                                &ObservationColumns::event_time,
                                                &ObservationColumns::received_at,
                                                &ObservationColumns::channel,
                                                &ObservationColumns::ingest_id};

constexpr auto kBarMembers = std::tuple{&BarColumns::open_time,
                                        &BarColumns::open,
                                        &BarColumns::high,
                                        &BarColumns::low,
                                        &BarColumns::close,
                                        &BarColumns::volume,
                                        &BarColumns::quote_volume,
                                        &BarColumns::trade_count,
                                        &BarColumns::taker_buy_volume,
                                        &BarColumns::taker_buy_quote_volume,
                                        &BarColumns::finality,
                                        &BarColumns::quality_flags,
                                        &BarColumns::source,
                                        &BarColumns::revision,
                                        &BarColumns::available_at,
                                        &BarColumns::recorded_at,
                                        &BarColumns::rule_version};

template <class Columns, class Members>
void append_columns(Columns& to, const Columns& from, std::size_t first, std::size_t last, const Members& members) {
  std::apply([&](auto... member) { (append_rows(to.*member, from.*member, first, last), ...); }, members);
}

}  // namespace

void append(ObservationColumns& to, const ObservationColumns& from) {
  append_columns(to, from, 0, from.size(), kObservationMembers);
}
void append(BarColumns& to, const BarColumns& from) { append_columns(to, from, 0, from.size(), kBarMembers); }

void append_row(ObservationColumns& to, const ObservationColumns& from, std::size_t row) {
  append_columns(to, from, row, row + 1, kObservationMembers);
}
void append_row(BarColumns& to, const BarColumns& from, std::size_t row) {
  append_columns(to, from, row, row + 1, kBarMembers);
}

BarColumns slice(const BarColumns& columns, std::size_t first, std::size_t last) {
  BarColumns part;
  append_columns(part, columns, first, last, kBarMembers);
  return part;
}

std::span<const std::string_view> validated_column_names() {
  static constexpr std::array<std::string_view, std::tuple_size_v<decltype(kBarMembers)>> names{
      "open_time",
      "open",
      "high",
      "low",
      "close",
      "volume",
      "quote_volume",
      "trade_count",
      "taker_buy_volume",
      "taker_buy_quote_volume",
      "finality",
      "quality_flags",
      "source",
      "revision",
      "available_at",
      "recorded_at",
      "rule_version"};
  return names;
}

std::span<const std::string_view> raw_column_names() {
  static constexpr std::array<std::string_view, std::tuple_size_v<decltype(kObservationMembers)>> names{
      "open_time",
      "open",
      "high",
      "low",
      "close",
      "volume",
      "quote_volume",
      "trade_count",
      "taker_buy_volume",
      "taker_buy_quote_volume",
      "channel",
      "event_time",
      "received_at",
      "ingest_id",
      "extra",
      "close_proof"};
  return names;
}

const Column* Frame::find(std::string_view name) const {
  const auto found = std::ranges::find(columns, name, &Column::name);
  return found == columns.end() ? nullptr : &*found;
}

}  // namespace tdm
