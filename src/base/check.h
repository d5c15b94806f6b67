// CHECK: what must be true of our own code, always compiled in. Never on input, files or replies.
#pragma once

#include <string_view>

namespace slipway::base {

// Prints where and what to stderr and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* condition,
                               std::string_view detail = {});

}  // namespace slipway::base

#define CHECK(condition)                                             \
  do {                                                               \
    if (!(condition)) [[unlikely]]                                   \
      ::slipway::base::check_failed(__FILE__, __LINE__, #condition); \
  } while (false)

#ifdef NDEBUG
#define DCHECK(condition) \
  do {                    \
  } while (false && (condition))
#else
#define DCHECK(condition) CHECK(condition)
#endif
