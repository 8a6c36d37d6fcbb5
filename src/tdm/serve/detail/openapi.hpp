#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tdm/serve/detail/route.hpp"  // Route

namespace tdm::serve {

// OpenAPI 3.1 made from the table that serves, so that it cannot say something else.
std::string make_openapi(const std::vector<Route>& routes, std::string_view version);

// A page that reads /openapi.json and shows it; needs nothing from elsewhere.
std::string_view docs_page();

}  // namespace tdm::serve
