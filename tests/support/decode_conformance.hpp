#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tdm/core/decimal.hpp"       // Decimal
#include "tdm/sources/connector.hpp"  // DecodeRequest, LineSink

namespace tdm::support {

// One document of a recording, and what is known of it.
struct RecordedDocument {
  std::string origin;  // for failures
  sources::DecodeRequest request;
  std::string text;
};

// A decoder as its tests present it: they give its recordings and add one INSTANTIATE line.
struct DecodeBench {
  std::string exchange;
  void (*decode)(const sources::DecodeRequest& request, std::string_view document, std::int64_t line,
                 const sources::LineSink& sink);
  std::function<std::vector<RecordedDocument>()> recordings;  // good ones; none without ../shared
};
inline void PrintTo(const DecodeBench& bench, std::ostream* out) { *out << bench.exchange; }

// A file's text; gzip is undone.
inline std::string read_recorded(const std::filesystem::path& path) {
  std::string text;
  const auto file = gzopen(path.c_str(), "rb");
  std::array<char, 1 << 16> piece{};
  for (int got = 0; (got = gzread(file, piece.data(), piece.size())) > 0;)
    text.append(piece.data(), static_cast<std::size_t>(got));
  gzclose(file);
  return text;
}

// What every line of a decoder keeps to, whatever it was given.
class LineRules {
 public:
  using Json = nlohmann::json;
  static constexpr std::int64_t kLine = 7;

  // Nothing, or what is wrong with the line.
  static std::string broken(std::string_view text) {
    if (text.contains('\n')) return "has a line break";
    const auto line = Json::parse(text, nullptr, false);
    if (!line.is_object()) return "is no JSON object";
    if (line.value("line", Json{}) != kLine) return "has another line number";
    const auto kind = line.value("kind", std::string{});
    const auto needed = needed_columns().find(kind);
    if (needed == needed_columns().end()) return "has an unknown kind";
    for (const auto& column : needed->second)
      if (!line.contains(column) || line[column].is_null() || line[column] == "") return "has no " + column;
    if (line.value("price_kind", "") == "last" && line.value("volume", Json{}).is_null()) return "has no volume";
    for (const auto& [column, value] : line.items())
      if (!is_right(column, value)) return fmt::format("has {}: {}", column, value.dump());
    return {};
  }

  static bool is_error(std::string_view line) { return line.starts_with(R"({"kind":"error")"); }

 private:
  static const std::map<std::string, std::vector<std::string>, std::less<>>& needed_columns() {
    static const std::map<std::string, std::vector<std::string>, std::less<>> columns{
        {"bar",
         {"exchange", "market", "price_kind", "timeframe", "open_time", "close_time", "open", "high", "low", "close",
          "closed", "channel"}},
        {"trade", {"exchange", "market", "time_us", "trade_id", "price", "size", "side"}},
        {"book", {"exchange", "market", "type", "bids", "asks"}},
        {"ticker", {"exchange", "market", "type"}},
        {"funding", {"exchange", "market", "time_us", "funding_rate"}},
        {"open_interest", {"exchange", "market", "time_us", "open_interest"}},
        {"instrument", {"exchange", "market", "symbol", "base", "quote", "status", "tick_size", "lot_size"}},
        {"control", {"event"}},
        {"error", {"code", "message"}},
    };
    return columns;
  }

  // The columns that hold a number, a time or one of few words; null is no value.
  static bool is_right(const std::string& column, const Json& value) {
    static const std::set<std::string, std::less<>> numbers{"open",
                                                            "high",
                                                            "low",
                                                            "close",
                                                            "volume",
                                                            "quote_volume",
                                                            "trade_count",
                                                            "taker_buy_volume",
                                                            "price",
                                                            "size",
                                                            "last_price",
                                                            "taker_buy_quote_volume",
                                                            "bid_price",
                                                            "bid_size",
                                                            "ask_price",
                                                            "ask_size",
                                                            "mark_price",
                                                            "index_price",
                                                            "settle_price",
                                                            "underlying_price",
                                                            "funding_rate",
                                                            "open_interest",
                                                            "tick_size",
                                                            "lot_size",
                                                            "contract_size",
                                                            "volume_24h",
                                                            "high_24h",
                                                            "low_24h",
                                                            "average_price",
                                                            "mark_iv",
                                                            "bid_iv",
                                                            "ask_iv",
                                                            "contracts_24h",
                                                            "change_24h",
                                                            "interest_rate",
                                                            "funding_interval_hours",
                                                            "bankruptcy_price"};
    static const std::set<std::string, std::less<>> times{
        "time_us", "open_time", "close_time", "launch_time", "published_us", "delivery_time", "next_funding_time"};
    static const std::set<std::string, std::less<>> flags{"closed", "success", "active", "block_trade", "rpi_trade"};
    if (value.is_null()) return true;
    if (numbers.contains(column)) return value.is_string() && Decimal::parse(value.get<std::string>()).has_value();
    if (times.contains(column)) return value.is_number_integer() && value.get<std::int64_t>() >= 0;
    if (flags.contains(column)) return value.is_boolean();
    if (column == "side" || column == "position_side") return value == "buy" || value == "sell";
    if (column == "bids" || column == "asks")
      return value.is_array() && std::ranges::all_of(value, [](const Json& level) { return level.is_array(); });
    return true;
  }
};

// What every decoder promises: good recordings have no error line, and no document whatever is a crash, silence, or a
// line that breaks a rule. The bad documents are made of the good ones. A seeded share of them is taken, five in a
// hundred unless TDM_SWEEP_PERCENT says otherwise; 100 takes all, of every document.
class DecodeConformance : public ::testing::TestWithParam<DecodeBench> {
 protected:
  using Json = nlohmann::ordered_json;
  using Lines = std::vector<std::string>;

  struct Sample {
    const RecordedDocument* document;
    Json json;
  };

  void SetUp() override {
    if (const char* percent = std::getenv("TDM_SWEEP_PERCENT")) percent_ = std::strtoul(percent, nullptr, 10);
    if (documents().empty()) GTEST_SKIP() << "needs ../shared";
  }

  // Read once for all tests.
  static const std::vector<RecordedDocument>& documents() {
    static std::map<std::string, std::vector<RecordedDocument>> read;
    const auto [at, is_new] = read.try_emplace(GetParam().exchange);
    if (is_new) at->second = GetParam().recordings();
    return at->second;
  }
  const std::vector<Sample>& samples() const {
    static std::map<std::string, std::vector<Sample>> made;
    const auto [at, is_new] = made.try_emplace(GetParam().exchange);
    if (is_new) at->second = make_samples();
    return at->second;
  }

  // The lines of a document, each of which keeps the rules.
  Lines decode(const sources::DecodeRequest& request, std::string_view document) const {
    Lines lines;
    GetParam().decode(request, document, LineRules::kLine, [&](std::string_view line) { lines.emplace_back(line); });
    EXPECT_FALSE(lines.empty()) << "silence about " << document.substr(0, 300);
    for (const auto& line : lines) {
      const auto broken = LineRules::broken(line);
      EXPECT_EQ(broken, "") << line.substr(0, 500) << "\nof " << document.substr(0, 500);
    }
    return lines;
  }

  static bool has_error(const Lines& lines) { return std::ranges::any_of(lines, LineRules::is_error); }

  // Where and what a document holds, without its values and without how long its lists are: alike documents are worth
  // only so many looks.
  static std::string shape_of(const Json& value) {
    std::string shape{value.type_name()};
    if (value.is_object())
      for (const auto& [key, member] : value.items()) shape += fmt::format("{{{}:{}}}", key, shape_of(member));
    if (value.is_array() && !value.empty()) shape += "[" + shape_of(value.front()) + "]";
    return shape;
  }

  // Long lists lose their inner elements: each of them would be cut and changed in the same ways.
  static void thin(Json& value) {
    constexpr std::size_t kKept = 4;
    if (value.is_array() && value.size() > kKept) {
      const auto size = value.size();
      value = Json::array({value[0], value[1], value[size / 2], value[size - 1]});
    }
    if (value.is_structured())
      for (auto& member : value) thin(member);
  }

  std::vector<Sample> make_samples() const {
    constexpr std::size_t kPerShape = 8;
    std::vector<Sample> chosen;
    std::map<std::string, std::size_t> seen;
    for (const auto& document : documents()) {
      auto json = Json::parse(document.text, nullptr, false);
      if (json.is_discarded()) {
        ADD_FAILURE() << document.origin << " is no JSON";
        continue;
      }
      if (percent_ < 100) {
        thin(json);
        if (++seen[document.request.channel + document.request.target + shape_of(json)] > kPerShape) continue;
      }
      chosen.push_back({&document, std::move(json)});
    }
    return chosen;
  }

  // Whether the next bad document is one of the share.
  bool taken() {
    state_ += 0x9e3779b97f4a7c15U;
    auto mixed = (state_ ^ (state_ >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed ^= mixed >> 27U;
    return (mixed * 0x94d049bb133111ebU >> 32U) % 100 < percent_;
  }

  // Every place of a document: pointers to members and elements.
  static void collect(const Json& value, const Json::json_pointer& at, std::vector<Json::json_pointer>& places) {
    if (value.is_object())
      for (const auto& [key, member] : value.items()) {
        places.push_back(at / key);
        collect(member, at / key, places);
      }
    if (value.is_array())
      for (std::size_t i = 0; i < value.size(); ++i) {
        places.push_back(at / i);
        collect(value[i], at / i, places);
      }
  }

  // Runs `look` at every place of every sample that the share takes, with a copy of the document to spoil.
  using Look = std::function<void(const Sample& sample, Json& spoilt, const Json::json_pointer& place)>;
  void at_every_place(const Look& look) {
    std::size_t looked = 0;
    for (const auto& sample : samples()) {
      std::vector<Json::json_pointer> places;
      collect(sample.json, Json::json_pointer{}, places);
      for (const auto& place : places) {
        if (!taken()) continue;
        auto spoilt = sample.json;
        look(sample, spoilt, place);
        ++looked;
        if (HasFailure()) FAIL() << sample.document->origin << " at " << place;
      }
    }
    EXPECT_GT(looked, 20U);
  }

  // The document with one text in place of another that stands in it once.
  static std::string replaced(std::string text, std::string_view mark, std::string_view by) {
    const auto at = text.find(mark);
    if (at != std::string::npos) text.replace(at, mark.size(), by);
    return text;
  }

  static void rename(Json& parent, const std::string& key, const std::string& other) {
    Json renamed = Json::object();
    for (const auto& [name, member] : parent.items()) renamed[name == key ? other : name] = member;
    parent = std::move(renamed);
  }

  std::size_t percent_ = 5;
  std::uint64_t state_ = 20'260'101;
};

TEST_P(DecodeConformance, EveryRecordedDocumentIsDecoded) {
  for (const auto& document : documents()) {
    const auto lines = decode(document.request, document.text);
    for (const auto& line : lines)
      ASSERT_FALSE(LineRules::is_error(line)) << document.origin << ": " << line << "\n"
                                              << document.text.substr(0, 300);
  }
}

TEST_P(DecodeConformance, ADocumentThatWasCutIsRefused) {
  constexpr std::size_t kStep = 97;
  for (const auto& sample : samples()) {
    const auto text = sample.json.dump();
    for (std::size_t cut = 0; cut < text.size(); cut += kStep) {
      if (!taken()) continue;
      const auto lines = decode(sample.document->request, std::string_view{text}.substr(0, cut));
      ASSERT_TRUE(std::ranges::all_of(lines, LineRules::is_error)) << sample.document->origin << " cut at " << cut;
    }
  }
}

TEST_P(DecodeConformance, AFieldThatIsMissingOrOfAnotherTypeBreaksNoLine) {
  const std::vector<Json> others{nullptr,       true,    -1,    "",      "x",  Json::object(),
                                 Json::array(), 1e300,   "NaN", "1e400", "-0", Json::array({1}),
                                 {{"a", "b"}},  "\u20ac"};
  at_every_place([&](const Sample& sample, Json& spoilt, const Json::json_pointer& place) {
    const auto& request = sample.document->request;
    for (const auto& other : others) {
      spoilt[place] = other;
      decode(request, spoilt.dump());
    }
    spoilt = sample.json;
    auto& parent = spoilt[place.parent_pointer()];
    if (parent.is_object()) rename(parent, place.back(), place.back() + "_");
    if (parent.is_array()) parent.erase(parent.begin());
    decode(request, spoilt.dump());
    spoilt = sample.json;
    if (spoilt[place.parent_pointer()].is_object()) spoilt[place.parent_pointer()].erase(place.back());
    decode(request, spoilt.dump());
  });
}

// An exchange may change how it spells a number: the value stays the text that was sent, or is refused.
TEST_P(DecodeConformance, NumbersAsTextAndTextsAsNumbersKeepTheirDigits) {
  // Columns that hold fields as they were sent, and texts that quote them.
  const auto bare = [](const Lines& lines) {
    std::vector<Json> all;
    for (const auto& line : lines) {
      all.push_back(Json::parse(line));
      for (const auto* column : {"other", "details", "extra", "data", "message"}) all.back().erase(column);
    }
    return all;
  };
  at_every_place([&](const Sample& sample, Json& spoilt, const Json::json_pointer& place) {
    auto& value = spoilt[place];
    std::string text;
    if (value.is_number()) {
      value = value.dump();
      text = spoilt.dump();
    } else if (value.is_string() && !value.get<std::string>().starts_with("-0") &&
               Json::parse(value.get<std::string>(), nullptr, false).is_number()) {
      const auto digits = value.get<std::string>();
      value = "@number@";
      text = replaced(spoilt.dump(), "\"@number@\"", digits);
    } else {
      return;
    }
    const auto& request = sample.document->request;
    const auto lines = decode(request, text);
    if (has_error(lines)) return;
    EXPECT_EQ(bare(lines), bare(decode(request, sample.json.dump()))) << text.substr(0, 500);
  });
}

TEST_P(DecodeConformance, TwoValuesOfOneKeyAreRefused) {
  at_every_place([&](const Sample& sample, Json& spoilt, const Json::json_pointer& place) {
    auto& parent = spoilt[place.parent_pointer()];
    if (!parent.is_object()) return;
    parent["@twin@"] = "another value";
    const auto text = replaced(spoilt.dump(), "@twin@", place.back());
    EXPECT_TRUE(has_error(decode(sample.document->request, text))) << text.substr(0, 500);
  });
}

TEST_P(DecodeConformance, BytesThatAreNoUtf8AreRefused) {
  at_every_place([&](const Sample& sample, Json& spoilt, const Json::json_pointer& place) {
    spoilt[place] = "@bytes@";
    for (const std::string_view bytes : {"\xff\xfe", "\xc3", "\xed\xa0\x80", "\xf8\x88\x80\x80\x80"}) {
      const auto text = replaced(spoilt.dump(), "@bytes@", bytes);
      EXPECT_TRUE(has_error(decode(sample.document->request, text)));
    }
  });
}

TEST_P(DecodeConformance, DeepNestingIsRefused) {
  const auto deep = std::string(100'000, '[') + std::string(100'000, ']');
  at_every_place([&](const Sample& sample, Json& spoilt, const Json::json_pointer& place) {
    spoilt[place] = "@deep@";
    EXPECT_TRUE(has_error(decode(sample.document->request, replaced(spoilt.dump(), "\"@deep@\"", deep))));
  });
}

TEST_P(DecodeConformance, AHugeDocumentIsRefused) {
  for (const auto* channel : {"rest", "ws"}) {
    auto request = documents().front().request;
    request.channel = channel;
    const auto lines = decode(request, "{\"a\":\"" + std::string(100'000'000, 'x') + "\"}");
    EXPECT_TRUE(has_error(lines));
    EXPECT_LT(lines.front().size(), 1'000U);
  }
}

TEST_P(DecodeConformance, WhatIsNoMessageIsAnError) {
  const std::string nul{"{\"a\":\0}", 7};
  for (const auto* channel : {"rest", "ws", "archive", "smoke", ""}) {
    auto request = documents().front().request;
    request.channel = channel;
    for (const std::string_view document : std::initializer_list<std::string_view>{
             "", " ", "{", "}", "null", "true", "7", "-", "\"text\"", "{}", "[{}]", "[7]", "[null]", "<html>502</html>",
             "{\"a\":1}{\"b\":2}", "\xff", nul})
      EXPECT_TRUE(has_error(decode(request, document))) << channel << ": " << document;
  }
}

}  // namespace tdm::support
