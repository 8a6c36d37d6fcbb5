#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tdm::sim::binance {

// A zip file of these members (name, content), deflated: the same members give the same bytes.
std::string zip_file(const std::vector<std::pair<std::string, std::string>>& members);

}  // namespace tdm::sim::binance
