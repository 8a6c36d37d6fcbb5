#include "tdm/app/engine.hpp"

namespace tdm::app {

std::string_view version() { return TDM_VERSION; }

}  // namespace tdm::app
