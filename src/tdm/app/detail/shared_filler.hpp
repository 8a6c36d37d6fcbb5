#pragma once

#include <chrono>
#include <memory>

#include "tdm/ingest/ingest.hpp"  // Filler, WriterHub

namespace tdm::app::detail {

// The Filler of a process that may share its store with others: it does the work itself while the store's lock is free,
// and asks the lock's holder else. A holder that goes away is noticed, and the lock is looked at again. `patience`: how
// long nobody may answer while the lock is held.
std::shared_ptr<ingest::Filler> make_shared_filler(std::shared_ptr<ingest::WriterHub> hub,
                                                   std::shared_ptr<ingest::Filler> local,
                                                   std::shared_ptr<ingest::Filler> holder,
                                                   std::chrono::milliseconds patience);

}  // namespace tdm::app::detail
