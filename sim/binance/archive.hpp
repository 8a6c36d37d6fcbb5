#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/exchange.hpp"  // Answer
#include "sim/script.hpp"    // ArchiveFault
#include "sim/world.hpp"     // World

namespace tdm::sim::binance {

// The bulk files of data.binance.vision (§8): the klines of the same truth as zip files of months and days, each with
// its CHECKSUM, and the listing of folders. Safe from several threads.
class Archive {
 public:
  // `world` outlives this.
  Archive(const World& world, std::vector<ArchiveFault> faults);

  // "/archive/data/…" -> "/data/…"; nothing when the path is not the archive's.
  static std::optional<std::string_view> path_within(std::string_view path);

  Answer answer(const net::ServerRequest& request, std::string_view path, TimePoint now);

 private:
  // What a path names, and what is there.
  struct Place;
  struct File {
    std::string zip;
    std::string checksum;  // of the right zip
    std::int64_t rows = 0;
  };

  std::optional<Place> find(std::string_view path) const;
  const ArchiveFault* fault_of(std::string_view name) const;
  std::shared_ptr<const File> file_of(const Place& place);
  std::shared_ptr<const File> make(const Place& place) const;
  Answer list(const net::ServerRequest& request, TimePoint now) const;
  bool first_look(const std::string& name);

  const World& world_;
  std::vector<ArchiveFault> faults_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const File>> files_;  // the latest, by path
  std::vector<std::string> kept_;                                       // oldest first
  std::vector<std::string> seen_;                                       // re-issued files whose old CHECKSUM was told
};

}  // namespace tdm::sim::binance
