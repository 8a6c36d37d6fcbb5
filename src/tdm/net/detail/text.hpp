#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tdm::net::detail {

// Undoes %XX, and + as a space when asked; nothing when an escape is broken.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

// What may stand in a header's name or a method (RFC 9110 token), and in a header's value.
bool is_token(std::string_view text);
bool is_header_value(std::string_view text);

}  // namespace tdm::net::detail
