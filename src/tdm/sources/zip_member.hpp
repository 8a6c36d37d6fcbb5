#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "tdm/core/error.hpp"  // Result

namespace tdm::sources {

struct ZipLimits {
  std::size_t content = std::size_t{64} << 20;  // bytes after decompression
  std::size_t ratio = 250;                      // of those to the bytes they came in
};

struct ZipMember {
  std::string name;
  std::string content;
};

// The one member of a zip file, as exchanges publish their archives. corrupt_data for everything else: no zip, more
// than one member or none, something between or around the parts, encryption, another method than deflate, sizes beyond
// the limits (known before anything is unpacked), content that is not of the stated size and checksum. Pure.
Result<ZipMember> read_zip_member(std::string_view bytes, const ZipLimits& limits = {});

}  // namespace tdm::sources
