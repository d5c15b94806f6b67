// What a bucket has, in the order of keys, a page at a time; keys that go on behind a delimiter are
// told as one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/timestamp.h"
#include "store/db.h"

namespace slipway::objects {

struct ListQuery {
  std::string prefix;
  std::string delimiter;  // empty: every key by itself
  std::string after;      // keys behind this one; of a common prefix: behind all that it stands for
  std::size_t limit = 1000;
};

struct ListedObject {
  std::string key;
  std::int64_t bytes = 0;
  std::string etag;  // without quotes
  base::Timestamp modified_at;
};

struct Listing {
  std::vector<ListedObject> objects;
  std::vector<std::string> prefixes;  // common ones
  bool is_truncated = false;
  std::string last;  // what the next page is after
};

// The first text behind every text that begins with `prefix`; empty: there is none.
std::string behind_all(std::string_view prefix);

Result<Listing> list_objects(store::Reader& reader, std::int64_t bucket, const ListQuery& query);

}  // namespace slipway::objects
