#pragma once

#include <string>
#include <string_view>

namespace tdm::net {

// SHA-256 of the bytes in lower-case hexadecimal digits, as `.CHECKSUM` files beside downloads state it.
std::string sha256(std::string_view bytes);

}  // namespace tdm::net
