#include "tdm/config/detail/document.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <optional>
#include <sstream>

namespace tdm::config::detail {
namespace {

Place place_of(const YAML::Mark& mark) {
  return mark.is_null() ? Place{} : Place{.line = mark.line + 1, .column = mark.column + 1};
}

// Thrown through yaml-cpp, which knows no other way to stop.
struct Refused : std::exception {
  explicit Refused(Complaint what) : complaint{std::move(what)} {}
  Complaint complaint;
};

[[noreturn]] void refuse(const YAML::Mark& mark, std::string message) {
  throw Refused{Complaint{place_of(mark), std::move(message)}};
}

// Builds the tree from the parser's events. A mapping takes keys and values in turn.
class Builder final : public YAML::EventHandler {
 public:
  Node take_root() && { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse(mark, "aliases (*name) are not supported"); }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    check(mark, "", anchor);
    if (expects_key()) refuse(mark, "a key has no name");
    place_value({.kind = Node::Kind::nothing, .place = place_of(mark)});
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check(mark, tag, anchor);
    if (expects_key()) return add_key(mark, value);
    place_value({.kind = Node::Kind::scalar, .place = place_of(mark), .text = value, .quoted = tag == "!"});
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::list);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::mapping);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Node node;
    bool key_waits = false;  // a key was read and its value was not
  };

  static void check(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) refuse(mark, "anchors (&name) are not supported");
    if (!tag.empty() && tag != "?" && tag != "!") refuse(mark, fmt::format("tags ({}) are not supported", tag));
  }

  bool expects_key() const {
    return !stack_.empty() && stack_.back().node.kind == Node::Kind::mapping && !stack_.back().key_waits;
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Node::Kind kind) {
    check(mark, tag, anchor);
    if (expects_key()) refuse(mark, "a key must be plain text");
    if (stack_.size() == kMaxDepth) refuse(mark, fmt::format("nested deeper than {} levels", kMaxDepth));
    stack_.push_back({.node = {.kind = kind, .place = place_of(mark)}});
  }

  void close() {
    Node done = std::move(stack_.back().node);
    stack_.pop_back();
    place_value(std::move(done));
  }

  void add_key(const YAML::Mark& mark, const std::string& name) {
    auto& top = stack_.back();
    if (top.node.entries.size() == kMaxEntries)
      refuse(mark, fmt::format("more than {} keys in one mapping", kMaxEntries));
    for (const auto& [key, value] : top.node.entries)
      if (key.text == name)
        refuse(mark,
               fmt::format("the key '{}' stands here twice; it was given on line {} already", name, key.place.line));
    top.node.entries.emplace_back(Key{name, place_of(mark)}, Node{});
    top.key_waits = true;
  }

  void place_value(Node value) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return;
    }
    auto& top = stack_.back();
    if (top.node.kind == Node::Kind::list) {
      top.node.items.push_back(std::move(value));
    } else {
      // Where nothing stands the parser names the next thing, which may be lines away.
      if (value.kind == Node::Kind::nothing) value.place = top.node.entries.back().first.place;
      top.node.entries.back().second = std::move(value);
      top.key_waits = false;
    }
  }

  std::vector<Open> stack_;
  Node root_;
};

// yaml-cpp's own words for a tab that indents do not name the tab.
std::optional<Complaint> find_tab(std::string_view text) {
  int line = 1;
  int column = 1;
  bool indenting = true;
  for (const char c : text) {
    if (c == '\n') {
      ++line;
      column = 1;
      indenting = true;
      continue;
    }
    if (indenting && c == '\t')
      return Complaint{{line, column}, "a tab indents this line; YAML is indented with spaces only"};
    indenting = indenting && c == ' ';
    ++column;
  }
  return std::nullopt;
}

bool has_forbidden_byte(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 && c != '\n' && c != '\r' && c != '\t';
  });
}

// Length of the UTF-8 character at the front of `text`, 0 when there is none: neither overlong forms nor surrogates.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  if ((lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) >= 0xa0)) return 0;
  if ((lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) >= 0x90)) return 0;
  return length;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

Node run_parser(std::string_view text) {
  std::istringstream stream{std::string{text}};
  YAML::Parser parser{stream};
  Builder builder;
  if (!parser.HandleNextDocument(builder)) throw Refused{Complaint{{}, "the file is empty"}};
  Builder second;
  if (parser.HandleNextDocument(second)) throw Refused{Complaint{{}, "the file holds more than one document"}};
  return std::move(builder).take_root();
}

}  // namespace

std::expected<Node, Complaint> parse_document(std::string_view text) {
  if (text.size() > kMaxFileBytes)
    return std::unexpected{Complaint{{}, fmt::format("the file is larger than {} bytes", kMaxFileBytes)}};
  if (has_forbidden_byte(text))
    return std::unexpected{Complaint{{}, "the file is not text: it has control characters"}};
  if (!is_utf8(text)) return std::unexpected{Complaint{{}, "the file is not UTF-8"}};
  if (auto tab = find_tab(text)) return std::unexpected{*std::move(tab)};
  try {
    Node root = run_parser(text);
    if (root.kind == Node::Kind::nothing) return std::unexpected{Complaint{{}, "the file is empty"}};
    return root;
  } catch (const Refused& refused) {
    return std::unexpected{refused.complaint};
  } catch (const YAML::Exception& error) {
    return std::unexpected{Complaint{place_of(error.mark), error.msg}};
  }
}

}  // namespace tdm::config::detail
