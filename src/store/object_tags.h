// What tells an object's bytes from those it had before, where a storage knows.
#pragma once

#include <string>

#include "base/result.h"

namespace slipway::store {

// Of an ObjectStore that has ETags, beside it. Safe to use from several threads.
class ObjectTags {
 public:
  virtual ~ObjectTags() = default;

  // Path, bytes and ETag (else time of change) of all objects below `folder`, a line each, in the
  // order of their keys; empty when there are none. Errors as of ObjectStore.
  virtual Result<std::string> tags(const std::string& folder) = 0;
};

}  // namespace slipway::store
