#pragma once

#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "tdm/cli/detail/command.hpp"

namespace tdm::cli::detail {

// Where a result goes: standard output, or a file that appears complete or not at all.
class Output {
 public:
  static Result<Output> open(const Context& context, const std::optional<std::string>& path);
  Output(Output&&) noexcept = default;
  Output& operator=(Output&&) = delete;
  ~Output();

  std::ostream& stream() { return file_ ? *file_ : *standard_; }
  Result<void> commit();

 private:
  explicit Output(std::ostream& standard) : standard_{&standard} {}

  std::ostream* standard_;
  std::unique_ptr<std::ofstream> file_;
  std::string path_;
  std::string temporary_;
};

}  // namespace tdm::cli::detail
