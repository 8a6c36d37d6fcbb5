#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>

#include "tdm/core/clock.hpp"
#include "tdm/store/duckdb/tests/temporary_store.hpp"
#include "tests/support/store_conformance.hpp"

namespace tdm::support {
namespace {

class DuckDbHarness final : public StoreHarness {
 public:
  std::shared_ptr<store::Store> open() override { return site_.open(); }

 private:
  store::duckdb::TemporaryStore site_;
};

INSTANTIATE_TEST_SUITE_P(DuckDb, StoreConformance,
                         ::testing::Values(StoreUnderTest{"duckdb", [] { return std::make_unique<DuckDbHarness>(); }}),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace tdm::support
