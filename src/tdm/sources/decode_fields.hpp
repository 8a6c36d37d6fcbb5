#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tdm/core/time.hpp"             // TimePoint
#include "tdm/sources/decode_lines.hpp"  // Events, Line
#include "tdm/sources/json_text.hpp"     // Json

namespace tdm::sources {

// Whether an event is one without the field. A field that may be missing is null in the line when it is absent, null or
// "" (how exchanges say "no value"); when it is there it must be right.
enum class Need : std::uint8_t { must, may };

// A field of a ticker: the exchange's name, ours, and what it is.
struct TickerField {
  enum class Is : std::uint8_t { number, time };
  std::string_view theirs, ours;
  Is is = Is::number;
};

// Reads the fields of one event. A field that is not what it must be makes the whole event an error line, which names
// the first such field.
class Fields {
 public:
  // `event` as it stands in the error: "a trade".
  Fields(std::string_view event, const Json& row) : event_{event}, row_{row} {}
  // More fields of the same event that stand elsewhere in its message.
  Fields(Fields& event, const Json& elsewhere) : event_{event.event_}, row_{elsewhere}, problem_{event.problem_} {}
  Fields(const Fields&) = delete;
  Fields& operator=(const Fields&) = delete;

  Line number(std::string_view key, Need need = Need::must);  // the text that was sent; it is an exact decimal
  Line text(std::string_view key, Need need = Need::must);    // of a string or an integer
  Line flag(std::string_view key, Need need = Need::must);
  Line micros(std::string_view key, Need need = Need::must);  // an instant in microseconds
  Line millis(std::string_view key, Need need = Need::must);  // an instant in milliseconds; "0" is no value
  Line levels(std::string_view key);                          // [["price","size"],...] of a book
  std::optional<TimePoint> time(std::string_view key, Need need = Need::must);
  std::string word(std::string_view key, Need need = Need::must);  // "" when there is none

  // Every field of the row by its name of ours; those that have none go to "other". `skip`: written already.
  void put_ticker(Line& line, std::span<const TickerField> fields, std::initializer_list<std::string_view> skip);

  void require(bool holds, std::string_view what);  // "b needs ..."

  bool failed() const { return problem_->has_value(); }
  // The line, or the error that says why the event is none.
  void emit(const Events& events, const Line& line) const;

 private:
  std::optional<std::string> sent(std::string_view key, Need need, std::string_view what);
  void refuse(std::string_view key, std::string_view what, const Json& value);

  std::string_view event_;
  const Json& row_;
  std::optional<std::string> own_problem_;
  std::optional<std::string>* problem_ = &own_problem_;
};

// Integer milliseconds, or microseconds from 10^14 on: the unit shows in the value.
std::optional<TimePoint> parse_instant(std::string_view text);

}  // namespace tdm::sources
