#pragma once

#include <cstdint>
#include <vector>

#include "tdm/sources/connector.hpp"  // Connector, ArchiveFile, PageRequest

namespace tdm::sources {

// Which bars come from archive files and which over REST, and what the files take.
struct Route {
  std::vector<PageRequest> files;  // oldest first, one each
  std::vector<TimeRange> rest;     // oldest first
  double file_seconds = 0;
  std::int64_t file_bytes = 0;
  std::int64_t file_requests = 0;
};

// The fastest way to the wanted bars, decided file by file: a file is taken where it is expected sooner than the pages
// that it spares, which the quota paces. Where both take as long, the file: it costs no quota. `wanted`: oldest first,
// apart from each other. Pure.
Route route_of(const Series& series, const std::vector<TimeRange>& wanted, const PageCost& page,
               std::vector<ArchiveFile> files);
Route route_of(const Series& series, const std::vector<TimeRange>& wanted, const Connector& connector, TimePoint now);

}  // namespace tdm::sources
