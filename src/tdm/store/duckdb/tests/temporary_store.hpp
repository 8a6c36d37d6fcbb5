#pragma once

#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>

#include "tdm/core/clock.hpp"   // system_clock
#include "tdm/store/store.hpp"  // BackendModule

namespace tdm::store::duckdb {

const BackendModule& module();

// Memory when there is some: the tests sync often, and a shared disk would make them wait for others.
inline std::string test_folder() {
  std::error_code error;
  return std::filesystem::is_directory("/dev/shm", error) ? "/dev/shm"
                                                          : std::filesystem::temp_directory_path().string();
}

// A folder of its own for one test, with a store in it.
class TemporaryStore {
 public:
  explicit TemporaryStore(const std::string& parent = test_folder()) {
    root_ = parent + "/tdm_store_XXXXXX";
    if (::mkdtemp(root_.data()) == nullptr) throw std::runtime_error{"cannot make " + root_};
  }
  TemporaryStore(const TemporaryStore&) = delete;
  TemporaryStore& operator=(const TemporaryStore&) = delete;
  ~TemporaryStore() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  std::string db_path() const { return root_ + "/data/market.duckdb"; }
  std::string parquet_path() const { return root_ + "/data/lake"; }
  const std::string& root() const { return root_; }
  StoreOptions options() const { return {db_path(), parquet_path(), {}}; }
  std::shared_ptr<Store> open(const Clock& clock = system_clock()) const {
    return module().open(options(), clock).value();
  }

 private:
  std::string root_;
};

}  // namespace tdm::store::duckdb
