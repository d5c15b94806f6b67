// Work that several threads share.
#pragma once

#include <cstddef>
#include <functional>
#include <future>
#include <vector>

namespace slipway::versions {

// Runs `work`, which takes what is left to do until nothing is, in this thread and in `threads` - 1
// others; in fewer, where none can be had. Comes back when all have.
inline void run_beside(std::size_t threads, const std::function<void()>& work) {
  std::vector<std::future<void>> helpers;
  for (std::size_t i = 1; i < threads; ++i)
    helpers.push_back(std::async(std::launch::async | std::launch::deferred, work));
  work();
  for (std::future<void>& helper : helpers) helper.get();
}

}  // namespace slipway::versions
