// Buckets, and the objects in them by key.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "objects/contents.h"
#include "objects/listing.h"
#include "objects/properties.h"

namespace slipway::objects {

struct Bucket {
  std::int64_t id = 0;
  std::string name;
  base::Timestamp created_at;
};

struct Object {
  std::string key;
  std::int64_t bytes = 0;
  std::string etag;  // MD5 in hex; of one that arrived in parts that of the parts' MD5s, and "-N"
  base::Timestamp modified_at;
  Properties properties;
  std::vector<Piece> pieces;
};

// What has to hold when an object is put or removed.
struct Condition {
  std::optional<std::string> etag;  // the object is there and has this one; "*": it is there
  bool is_absent = false;
};

// An object in place of what was there, inside a transaction; the pieces are used already.
// kNotFound: no such bucket. kFailedPrecondition: the condition does not hold.
Result<void> put_object(store::Tx& tx, Contents& contents, const std::string& bucket,
                        const Object& object, const Condition& condition,
                        const std::string& made_by);
Result<std::optional<Bucket>> find_bucket(store::Reader& reader, const std::string& name);
Result<std::optional<Object>> find_object(store::Reader& reader, std::int64_t bucket,
                                          const std::string& key);

// What acknowledges, acknowledges what is durable. Safe to use from several threads; what is given
// must outlive it. kNotFound, where not said otherwise: no such bucket.
class Buckets {
 public:
  Buckets(store::Db& db, const base::Clock& clock, Contents& contents)
      : db_(db), clock_(clock), contents_(contents) {}

  // kAlreadyExists.
  Result<Bucket> create(const std::string& name);
  Result<std::optional<Bucket>> find(const std::string& name);
  Result<std::vector<Bucket>> list();
  // kFailedPrecondition: it has objects, or uploads that have not ended.
  Result<void> remove(const std::string& name);

  // What has arrived becomes the object.
  Result<Object> put(const std::string& bucket, const std::string& key, const Arrival& arrival,
                     Properties properties, const Condition& condition = {});
  // Another object of the same content; `properties`: instead of those it has. kNotFound also when
  // the object is not there any more, kUnavailable when it was replaced since it was read.
  Result<Object> copy(const Bucket& from, const Object& source, const std::string& bucket,
                      const std::string& key, const std::optional<Properties>& properties,
                      const Condition& condition = {});
  Result<std::optional<Object>> find_object(const Bucket& bucket, const std::string& key);
  // Those that are not there are no error, unless the condition wants them. How many there were.
  Result<std::int64_t> remove_objects(const std::string& bucket,
                                      const std::vector<std::string>& keys,
                                      const Condition& condition = {});
  Result<Listing> list_objects(const Bucket& bucket, const ListQuery& query);

 private:
  store::Db& db_;
  const base::Clock& clock_;
  Contents& contents_;
};

}  // namespace slipway::objects
