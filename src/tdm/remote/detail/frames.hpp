#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tdm/core/bar.hpp"  // Frame

namespace tdm::remote {

// Joins the pages of an answer, each an Arrow stream, into one Frame that owns its memory.
class FrameJoiner {
 public:
  FrameJoiner();
  ~FrameJoiner();
  FrameJoiner(const FrameJoiner&) = delete;
  FrameJoiner& operator=(const FrameJoiner&) = delete;

  // Appends the rows of one stream; returns its metadata `tdm.provenance`. corrupt_data when it is no Arrow stream, was
  // cut short, has other columns than the page before, or does not go on after its last open_time.
  Result<std::string> add(std::string_view stream);
  Frame finish() &&;

 private:
  struct Columns;
  std::shared_ptr<Columns> columns_;
};

}  // namespace tdm::remote
