#pragma once

#include <span>
#include <string_view>

#include "tdm/store/store.hpp"  // BackendModule

namespace tdm::store {

// The backends that were built in, in the order of tdm_backends(...). Written by CMake.
std::span<const BackendModule* const> backend_modules();

inline const BackendModule* find_backend(std::string_view name) {
  for (const auto* module : backend_modules())
    if (module->name == name) return module;
  return nullptr;
}

}  // namespace tdm::store
