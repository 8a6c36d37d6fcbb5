// Configuration files: an error that names its place, or a configuration that is shown and read back as it was.
#include <string>

#include "tdm/config/config.hpp"
#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tdm::fuzz::must;
  const auto loaded = tdm::config::load_text(tdm::fuzz::text_of(data, size), "f.yaml");
  if (!loaded) {
    must(loaded.error().code == tdm::ErrorCode::configuration, "the code is configuration");
    must(loaded.error().message.starts_with("configuration error: f.yaml:"), "the message names the file");
    return 0;
  }
  const auto shown = tdm::config::to_yaml(*loaded);
  const auto again = tdm::config::load_text(shown, "f.yaml");
  must(again.has_value(), "what is shown loads");
  must(tdm::config::to_yaml(*again) == shown, "what is shown is stable");
  return 0;
}
