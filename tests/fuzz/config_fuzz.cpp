// Any bytes as a configuration file: an error with a place, or a configuration that is shown and read back as itself.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tdm/config/config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto config = tdm::config::load_text(text, "fuzz.yaml");
  if (!config) {
    if (!config.error().message.starts_with("configuration error: fuzz.yaml:")) std::abort();
    return 0;
  }
  const auto shown = tdm::config::to_yaml(*config);
  const auto again = tdm::config::load_text(shown, "shown.yaml");
  if (!again || tdm::config::to_yaml(*again) != shown) std::abort();
  return 0;
}
