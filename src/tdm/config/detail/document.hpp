#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tdm/config/config.hpp"  // Place

namespace tdm::config::detail {

// A YAML file as a tree whose every part knows where it stands. Of YAML it keeps what a configuration needs: mappings
// with plain keys, lists and scalars. Anchors, aliases, tags and second documents are refused, so a small file cannot
// grow.
struct Node;

struct Key {
  std::string text;
  Place place;
};

struct Node {
  enum class Kind { nothing, scalar, mapping, list };

  Kind kind = Kind::nothing;
  Place place;
  std::string text{};   // of a scalar
  bool quoted = false;  // a quoted scalar is text, whatever it looks like
  std::vector<std::pair<Key, Node>> entries{};
  std::vector<Node> items{};
};

inline constexpr std::size_t kMaxFileBytes = 1u << 20;
inline constexpr std::size_t kMaxDepth = 16;
inline constexpr std::size_t kMaxEntries = 4'096;  // of one mapping

// What is wrong and where.
struct Complaint {
  Place place;
  std::string message;
};

// An empty text is a complaint, as are tabs that indent and keys that occur twice.
std::expected<Node, Complaint> parse_document(std::string_view text);

}  // namespace tdm::config::detail
