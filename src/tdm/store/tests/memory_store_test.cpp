#include "tests/support/memory_store.hpp"

#include "tests/support/store_conformance.hpp"

namespace tdm::support {
namespace {

class MemoryHarness final : public StoreHarness {
 public:
  std::shared_ptr<store::Store> open() override { return store_; }

 private:
  std::shared_ptr<MemoryStore> store_ = std::make_shared<MemoryStore>();
};

INSTANTIATE_TEST_SUITE_P(Memory, StoreConformance,
                         ::testing::Values(StoreUnderTest{"memory", [] { return std::make_unique<MemoryHarness>(); }}),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace tdm::support
