#include "tdm/query/detail/pages.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace tdm::query::detail {
namespace {

constexpr std::size_t kDigits = 16;  // of one number
constexpr std::size_t kNumbers = 9;  // of a cursor, the check sum included
constexpr std::string_view kForm = "tdm cursor 1";

std::unexpected<Error> refuse(std::string_view why) {
  return fail(ErrorCode::invalid_argument, fmt::format("cursor {}", why), "cursor");
}

std::optional<std::array<std::uint64_t, kNumbers>> parse_numbers(std::string_view text) {
  if (text.size() != kDigits * kNumbers) return std::nullopt;
  std::array<std::uint64_t, kNumbers> numbers{};
  for (auto& number : numbers) {
    const auto digits = text.substr(0, kDigits);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + kDigits, number, 16);
    if (error != std::errc{} || end != digits.data() + kDigits) return std::nullopt;
    text.remove_prefix(kDigits);
  }
  return numbers;
}

// Nothing when the text is not one of ours.
std::optional<std::array<std::uint64_t, kNumbers>> checked_numbers(const std::string& text) {
  auto numbers = parse_numbers(text);
  if (numbers && hash(std::string_view{text}.substr(0, kDigits * (kNumbers - 1)), hash(kForm)) != numbers->back())
    return std::nullopt;
  return numbers;
}

std::uint64_t unsigned_us(TimePoint time) { return static_cast<std::uint64_t>(to_us(time)); }
TimePoint time_of(std::uint64_t us) { return from_us(static_cast<std::int64_t>(us)); }

}  // namespace

std::string encode(const Cursor& cursor) {
  std::string text =
      fmt::format("{:016x}{:016x}{:016x}{:016x}{:016x}{:016x}{:016x}{:016x}", cursor.request,
                  static_cast<std::uint64_t>(cursor.dataset_version), unsigned_us(cursor.stated.begin()),
                  unsigned_us(cursor.stated.end()), unsigned_us(cursor.bars.begin()), unsigned_us(cursor.bars.end()),
                  unsigned_us(cursor.next), static_cast<std::uint64_t>(cursor.skip));
  text += fmt::format("{:016x}", hash(text, hash(kForm)));
  return text;
}

bool belongs(const std::string& text, std::uint64_t request) {
  const auto numbers = checked_numbers(text);
  return numbers && numbers->front() == request;
}

Result<Cursor> decode(const std::string& text, std::uint64_t request, std::int64_t dataset_version) {
  const auto numbers = checked_numbers(text);
  if (!numbers) return refuse("is not one that an answer gave as next_cursor");
  Cursor cursor{(*numbers)[0],
                static_cast<std::int64_t>((*numbers)[1]),
                TimeRange::of(time_of((*numbers)[2]), time_of((*numbers)[3])),
                TimeRange::of(time_of((*numbers)[4]), time_of((*numbers)[5])),
                time_of((*numbers)[6]),
                static_cast<std::int64_t>((*numbers)[7])};
  if (cursor.request != request) return refuse("belongs to another request: all parameters but limit must be the same");
  if (cursor.dataset_version != dataset_version)
    return refuse(
        fmt::format("is of version {} of the data, which is at version {} now: read from the first page again",
                    cursor.dataset_version, dataset_version));
  if (!cursor.bars.contains(cursor.next) || cursor.skip < 0) return refuse("points outside of its range");
  return cursor;
}

std::uint64_t hash(std::string_view bytes, std::uint64_t seed) {
  for (const char byte : bytes) seed = (seed ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return seed;
}

std::uint64_t digest(const Series& series, const ReadRequest& request) {
  const auto text = [](const std::optional<std::string>& value) { return value ? "=" + *value : std::string{}; };
  std::string words =
      fmt::format("{}\n{}\n{}\n{}\n{} {} {} {} {} {} {}\n", series.text(), text(request.start), text(request.end),
                  text(request.as_of), std::to_underlying(request.layer), std::to_underlying(request.on_gap),
                  std::to_underlying(request.straddle), std::to_underlying(request.fill), request.include_open,
                  request.confirmed_only, request.min_quality.value_or(-1));
  for (const auto& column : request.columns) words += column + "\n";
  if (request.day_start) words += "day_start=" + *request.day_start;
  return hash(words);
}

TimeRange page_of(const Grid& grid, TimeRange range, const std::vector<TimeRange>& holes, std::int64_t limit) {
  const auto runs = subtract(range, holes);
  if (runs.empty()) return TimeRange::of(range.end(), range.end());
  std::int64_t wanted = limit;
  for (const auto run : runs) {
    const auto bars = grid.count(run);
    if (bars >= wanted) return TimeRange::of(runs.front().begin(), grid.advance(grid.ceil(run.begin()), wanted));
    wanted -= bars;
  }
  return TimeRange::of(runs.front().begin(), range.end());
}

}  // namespace tdm::query::detail
