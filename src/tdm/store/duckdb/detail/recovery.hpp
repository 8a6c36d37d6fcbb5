#pragma once

#include <map>
#include <string>
#include <vector>

#include "tdm/store/duckdb/detail/writer.hpp"  // Site, Catalog

// What a writer does before its first word: catalogue, manifests and files are brought into step. Readers never do
// this.
namespace tdm::store::duckdb::detail {

// Manifests that are older than the catalogue, damaged or missing are written again from it; a series that the
// catalogue does not know, or knows in an older version (it was lost, or is an old copy), is taken from its manifest.
Result<void> reconcile_series(Catalog& catalog, const Site& site);

struct Names {
  std::map<std::string, std::string> origins;
  std::vector<Resolution> resolutions;
};
// The same for origins, resolutions and lists of instruments.
Result<Names> reconcile_names(Catalog& catalog, const Site& site);

// After a crash: removes temporary files and segments that no catalogue and no manifest knows, moves away segments that
// were replaced.
Result<void> sweep(Catalog& catalog, const Site& site);

// Removes files whose rows were merged into others so long ago that no reader can still hold a manifest naming them.
Result<void> purge_merged(Catalog& catalog, const Site& site);

}  // namespace tdm::store::duckdb::detail
