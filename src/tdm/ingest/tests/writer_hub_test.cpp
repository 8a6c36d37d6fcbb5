#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tdm/ingest/ingest.hpp"
#include "tests/support/memory_store.hpp"

namespace tdm::ingest {
namespace {

using namespace std::chrono_literals;

struct Hub {
  std::shared_ptr<support::MemoryStore> store = std::make_shared<support::MemoryStore>();
  std::atomic<int> held{0}, released{0};
  WriterHub hub{store, [this] { ++held; }, [this] { ++released; }};
};

TEST(WriterHub, HoldsTheLockWhileALeaseLives) {
  Hub t;
  {
    auto first = t.hub.acquire(0ms, {});
    ASSERT_TRUE(first);
    auto second = t.hub.acquire(0ms, {});
    ASSERT_TRUE(second);
    EXPECT_EQ(t.held, 1);
    EXPECT_FALSE(t.store->lock(0ms, {}));
    *first = *std::move(second);  // gives one back and takes the other over
    EXPECT_EQ(t.released, 0);
    EXPECT_FALSE(t.store->lock(0ms, {}));
  }
  EXPECT_EQ(t.released, 1);
  EXPECT_TRUE(t.store->lock(0ms, {}));
}

TEST(WriterHub, TakesTheLockAgain) {
  Hub t;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(t.hub.acquire(0ms, {}));
  EXPECT_EQ(t.held, 3);
  EXPECT_EQ(t.released, 3);
}

TEST(WriterHub, WaitsForAnotherHolderUntilItsDeadline) {
  Hub t;
  auto other = t.store->lock(0ms, {}).value();
  const auto refused = t.hub.acquire(30ms, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_EQ(t.held, 0);
  std::jthread later{[&] {
    std::this_thread::sleep_for(30ms);
    other.reset();
  }};
  EXPECT_TRUE(t.hub.acquire(5s, {}));
}

TEST(WriterHub, StopEndsTheWait) {
  Hub t;
  const auto other = t.store->lock(0ms, {}).value();
  std::stop_source stop;
  std::jthread later{[&] {
    std::this_thread::sleep_for(30ms);
    stop.request_stop();
  }};
  const auto refused = t.hub.acquire(30s, stop.get_token());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::cancelled);
}

TEST(WriterHub, OneCallerUsesTheWriterAtATime) {
  Hub t;
  std::atomic<int> inside{0}, most{0}, done{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 6; ++i)
      threads.emplace_back([&] {
        for (int turn = 0; turn < 50; ++turn) {
          auto lease = t.hub.acquire(10s, {});
          ASSERT_TRUE(lease);
          lease->access([&](store::Writer& writer) {
            most = std::max<int>(most, ++inside);
            EXPECT_TRUE(writer.claim_origin("fake", "mainnet"));
            --inside;
            ++done;
          });
        }
      });
  }
  EXPECT_EQ(most, 1);
  EXPECT_EQ(done, 300);
  EXPECT_EQ(t.held, t.released);
  EXPECT_TRUE(t.store->lock(0ms, {}));
}

}  // namespace
}  // namespace tdm::ingest
