#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "tests/support/exchange_values.hpp"

namespace tdm::sources::deribit::testing {

using support::at;
using support::range_of;
using support::read_file;
using support::series_of;

inline std::filesystem::path recordings() { return support::recordings_of("deribit"); }

// An answer with this result, as HTTP GET gives it: no id.
inline std::string answer(std::string_view result, std::string_view time = "\"usIn\":1766487086141005,") {
  std::string body = R"({"jsonrpc":"2.0","result":)";
  body += result;
  body += ",";
  body += time;
  body += R"("usOut":1766487086146245,"usDiff":5240,"testnet":false})";
  return body;
}

}  // namespace tdm::sources::deribit::testing
