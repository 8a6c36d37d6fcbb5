#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/exchange_values.hpp"

namespace tdm::sources::binance::testing {

using support::at;
using support::range_of;
using support::read_file;
using support::series_of;

inline std::filesystem::path recordings() { return support::recordings_of("binance"); }

// The bodies of a session's recording: lines of "URL -> <receive time>: <body>" or "<receive time>: <body>".
inline std::vector<std::string> bodies_of(const std::filesystem::path& file) {
  std::ifstream lines{file};
  std::vector<std::string> bodies;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("configuration:") || line.contains(" <-> ")) continue;
    const auto start = line.find(": ");
    if (start != std::string::npos) bodies.push_back(line.substr(start + 2));
  }
  return bodies;
}

}  // namespace tdm::sources::binance::testing
