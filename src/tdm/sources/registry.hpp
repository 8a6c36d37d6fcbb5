#pragma once

#include <span>
#include <string_view>

#include "tdm/sources/connector.hpp"  // ExchangeModule

namespace tdm::sources {

// The exchanges that were built in, in the order of tdm_exchanges(...). Written by CMake.
std::span<const ExchangeModule* const> exchange_modules();

inline const ExchangeModule* find_exchange(std::string_view name) {
  for (const auto* module : exchange_modules())
    if (module->name == name) return module;
  return nullptr;
}

}  // namespace tdm::sources
