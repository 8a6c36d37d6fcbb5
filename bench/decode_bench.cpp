// A recorded page of bars, read by a connector's parser and by a plain loop of simdjson that turns every field into a
// number, in turn. Usage: bench_decode bybit|binance SERIES FILE ROUNDS. Prints one JSON object.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <simdjson.h>

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tdm/sources/binance/detail/parse.hpp"  // parse_page
#include "tdm/sources/bybit/detail/parse.hpp"    // parse_page

namespace tdm::bench {
namespace {

using sources::Page;
using sources::PageRequest;

constexpr int kPagesPerRound = 50;

template <class T>
T must(Result<T> result) {
  if (result) return *std::move(result);
  fmt::print(stderr, "bench_decode: {}\n", result.error().message);
  std::exit(1);
}

[[noreturn]] void stop(std::string_view why) {
  fmt::print(stderr, "bench_decode: {}\n", why);
  std::exit(1);
}

std::string read_file(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  if (!file) stop("cannot read " + path);
  return {std::istreambuf_iterator<char>{file}, {}};
}

// What the plain loop keeps: the least that anybody who wants numbers needs.
struct Floor {
  std::vector<std::int64_t> open_time;
  std::vector<double> values;
};

double number_in(std::string_view text) {
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size()) stop("a price is no number");
  return value;
}

void read_rows(simdjson::ondemand::array rows, Floor& into) {
  for (auto row : rows) {
    bool first = true;
    for (auto field : row.get_array()) {
      simdjson::ondemand::value value = field.value();
      const bool text = value.type() == simdjson::ondemand::json_type::string;
      if (first) {
        into.open_time.push_back(text ? static_cast<std::int64_t>(number_in(value.get_string().value()))
                                      : value.get_int64().value());
      } else {
        into.values.push_back(text ? number_in(value.get_string().value()) : value.get_double().value());
      }
      first = false;
    }
  }
}

class Subject {
 public:
  Subject(std::string exchange, const std::string& series, std::string body)
      : exchange_{std::move(exchange)}, series_{must(Series::parse(series))} {
    if (exchange_ == "bybit") {  // recordings hold the result alone
      body_ =
          fmt::format(R"({{"retCode":0,"retMsg":"OK","result":{},"retExtInfo":{{}},"time":{}}})", body, to_ms(now_));
    } else {
      body_ = std::move(body);
    }
    padded_ = simdjson::padded_string{body_};
    const auto all = plain();
    const auto [first, last] = std::ranges::minmax_element(all.open_time);
    request_.range = TimeRange::of(from_ms(*first), series_.timeframe.advance(from_ms(*last), 1));
    rows_ = all.open_time.size();
  }

  Floor plain() {
    Floor floor;
    auto document = parser_.iterate(padded_);
    read_rows(exchange_ == "bybit" ? document["result"]["list"].get_array().value() : document.get_array().value(),
              floor);
    return floor;
  }

  Page ours() const {
    if (exchange_ == "bybit") return must(sources::bybit::parse_page(body_, series_, request_, now_)).page;
    return must(sources::binance::parse_page(body_, series_, request_, {now_, now_, ""}));
  }

  std::size_t rows() const { return rows_; }

 private:
  std::string exchange_;
  Series series_;
  TimePoint now_ = from_ms(1'790'000'000'000);
  std::string body_;
  simdjson::padded_string padded_;
  simdjson::ondemand::parser parser_;
  PageRequest request_;
  std::size_t rows_ = 0;
};

double seconds_of(const std::function<std::size_t()>& once, std::size_t rows) {
  const auto begun = std::chrono::steady_clock::now();
  for (int page = 0; page < kPagesPerRound; ++page)
    if (once() != rows) stop("a page lost rows");
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

int run(const std::string& exchange, const std::string& series, const std::string& file, int rounds) {
  Subject subject{exchange, series, read_file(file)};
  std::vector<double> ours, floor;
  for (int round = 0; round <= rounds; ++round) {  // the first does not count
    const auto mine = seconds_of([&] { return subject.ours().rows.size(); }, subject.rows());
    const auto plain = seconds_of([&] { return subject.plain().open_time.size(); }, subject.rows());
    if (round == 0) continue;
    ours.push_back(mine);
    floor.push_back(plain);
  }
  fmt::print("{{\"rows\":{},\"pages\":{},\"ours\":[{}],\"floor\":[{}]}}\n", subject.rows(), kPagesPerRound,
             fmt::join(ours, ","), fmt::join(floor, ","));
  return 0;
}

}  // namespace
}  // namespace tdm::bench

int main(int argc, char** argv) {
  int rounds = 0;
  const std::string_view number = argc == 5 ? argv[4] : "";
  std::from_chars(number.data(), number.data() + number.size(), rounds);
  const std::string exchange = argc == 5 ? argv[1] : "";
  if (rounds < 1 || (exchange != "bybit" && exchange != "binance")) {
    fmt::print(stderr, "usage: bench_decode bybit|binance SERIES FILE ROUNDS\n");
    return 2;
  }
  return tdm::bench::run(exchange, argv[2], argv[3], rounds);
}
