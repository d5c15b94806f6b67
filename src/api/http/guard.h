// Who may send a request at all. The server asks before it reads a body; without a guard everybody
// may.
#pragma once

#include <optional>

#include "api/http/router.h"

namespace slipway::http {

// Safe to use from several threads.
class Guard {
 public:
  virtual ~Guard() = default;

  // On the I/O thread: must not block. True: request.user is filled, go on. False: only check()
  // can tell.
  virtual bool recognize(Request& request) = 0;
  // May be slow: runs on a pool. Fills request.user, or gives the reply that refuses.
  // `route` is null where there is none: strangers don't learn what is there.
  virtual std::optional<Response> check(const Route* route, Request& request) = 0;
};

}  // namespace slipway::http
