#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tdm/core/error.hpp"         // Result
#include "tdm/net/http_server.hpp"    // ServerReply
#include "tdm/query/market_data.hpp"  // Answer

namespace tdm::serve {

enum class BarFormat : std::uint8_t { json, columns, csv, arrow };
std::string_view content_type(BarFormat format);

// `format` wins over Accept; neither is json. Nothing when Accept names only what we do not speak.
std::optional<BarFormat> choose_format(const std::optional<std::string>& format,
                                       std::optional<std::string_view> accept);

// The answer in one of the forms of design "Names that outside programs rely on". Numbers are the shortest text that
// rounds to the same double; NaN is null in JSON and empty in CSV.
Result<net::ServerReply> render(std::shared_ptr<const query::Answer> answer, BarFormat format);

}  // namespace tdm::serve
