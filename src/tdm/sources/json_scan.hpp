#pragma once

#include <simdjson.h>

#include <optional>
#include <string_view>

// Reading JSON without making a tree of it: what the parsers of bars share. All of them throw simdjson_error for text
// that is not JSON.
namespace tdm::sources {

// The text of a field exactly as it was sent: of a string what it says, of a number its digits, of anything else its
// JSON; null is nothing. A view into the document.
std::optional<std::string_view> text_of(simdjson::ondemand::value value);

// The field as JSON, as it stands in the document.
std::string_view json_of(simdjson::ondemand::value value);

// What was read since the token at `begin`, as it stands in the document; inside of it, so that something follows.
std::string_view span_of(const char* begin, simdjson::ondemand::document& json);

// Nothing may follow the document.
void require_end(simdjson::ondemand::document& json);

// Without the white space at its end.
std::string_view trimmed(std::string_view text);

}  // namespace tdm::sources
