#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/time.hpp"  // TimePoint

namespace tdm::cli::detail {

// Rows of words as columns: text to the left, numbers to the right. The first row is the heading.
class Table {
 public:
  enum class Align { left, right };
  struct Heading {
    std::string name;
    Align align = Align::left;
  };

  explicit Table(std::vector<Heading> headings);
  void add(std::vector<std::string> row);  // as many words as headings
  std::string text() const;                // lines without trailing spaces

 private:
  std::vector<Heading> headings_;
  std::vector<std::vector<std::string>> rows_;
};

std::string iso_or_dash(const std::optional<TimePoint>& time);
std::string bytes_text(std::int64_t bytes);                     // "640 kB"
std::string seconds_text(double seconds);                       // "45 s", "12 min", "3 h 20 min"
std::string count_text(std::int64_t count);                     // "1,051,200"
std::string plural(std::int64_t count, std::string_view noun);  // "1 request", "9 requests"

}  // namespace tdm::cli::detail
