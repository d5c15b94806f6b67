// Objects that arrive in parts: nothing is to be seen of one before it is whole.
#pragma once

#include <string>
#include <vector>

#include "objects/buckets.h"

namespace slipway::objects {

struct Upload {
  std::string id, key;
  std::int64_t bucket = 0;
  base::Timestamp begun_at;
  Properties properties;  // of the object to be
};

struct Part {
  int number = 0;  // from 1
  std::int64_t bytes = 0;
  std::string md5;  // hex
  base::Timestamp arrived_at;
  std::string checksum;  // as whoever sent it wants it told
};

struct NamedPart {
  int number = 0;
  std::string md5;
};

struct UploadPage {
  std::vector<Upload> uploads;
  bool is_truncated = false;
};

inline constexpr int kPartNumberMax = 10'000;  // as S3 has it

// "md5 of the parts' md5s"-N, as S3 names such an object.
std::string parts_etag(const std::vector<std::string>& md5s);

// Safe to use from several threads; what is given must outlive it. kNotFound: no such upload, or no
// such bucket.
class Uploads {
 public:
  Uploads(store::Db& db, const base::Clock& clock, base::Random& random, Contents& contents)
      : db_(db), clock_(clock), random_(random), contents_(contents) {}

  Result<Upload> begin(const std::string& bucket, const std::string& key, Properties properties);
  // Of this bucket and key; nothing: there is none.
  Result<std::optional<Upload>> find(const Bucket& bucket, const std::string& key,
                                     const std::string& id);
  // In place of a part of that number that came before.
  Result<Part> put_part(const std::string& upload, int number, const Arrival& arrival,
                        const std::string& checksum);
  // The part is a part of another object.
  Result<Part> copy_part(const std::string& upload, int number, const Object& from,
                         std::int64_t offset, std::int64_t bytes);
  // Those behind `after`, by number.
  Result<std::vector<Part>> parts(const std::string& upload, int after, std::size_t limit);
  // The uploads of a bucket behind one of them, by key and id.
  Result<UploadPage> list(const Bucket& bucket, const std::string& prefix,
                          const std::string& after_key, const std::string& after_id,
                          std::size_t limit);

  // The parts, in this order, become the object; what else came goes. `finish` is told the parts
  // and may change the properties. Asked again, it says the same. kInvalidArgument: the numbers
  // don't rise, or there is no such part.
  using Finish = std::function<void(const std::vector<Part>&, Properties&)>;
  Result<Object> complete(const Bucket& bucket, const std::string& key, const std::string& upload,
                          const std::vector<NamedPart>& named, const Condition& condition,
                          const Finish& finish);
  // False: there was none.
  Result<bool> abort(const std::string& upload);
  // Aborts what was begun before that. How many.
  Result<std::int64_t> abort_begun_before(base::Timestamp time);

 private:
  Result<Part> put(const std::string& upload, Part part,
                   const std::function<Result<std::vector<Piece>>(store::Tx&)>& keep);
  Result<bool> abort(store::Tx& tx, const std::string& upload);

  store::Db& db_;
  const base::Clock& clock_;
  base::Random& random_;
  Contents& contents_;
};

}  // namespace slipway::objects
