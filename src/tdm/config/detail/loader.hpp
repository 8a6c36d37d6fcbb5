#pragma once

#include <expected>

#include "tdm/config/config.hpp"
#include "tdm/config/detail/document.hpp"

namespace tdm::config::detail {

// A complaint about one key, with its path and the nearest valid spellings.
struct KeyComplaint {
  Place place;
  std::string key;
  std::string message;
  std::vector<std::string> suggestions{};
};

// Reads the tree by the table of keys. Of several mistakes the first in the file is reported.
std::expected<Config, KeyComplaint> read_document(const Node& root);

}  // namespace tdm::config::detail
