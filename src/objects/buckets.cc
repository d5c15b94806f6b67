#include "objects/buckets.h"

#include "objects/names.h"

namespace slipway::objects {
namespace {

Error no_bucket(const std::string& name) {
  return base::error(Code::kNotFound, "no such bucket: bucket={}", name);
}

std::string subject(const std::string& bucket) { return "buckets/" + bucket; }

Result<std::vector<Piece>> take_away(store::Tx& tx, std::int64_t bucket, const std::string& key) {
  const std::optional<std::string> pieces =
      TRY(tx.find("SELECT pieces FROM stored_objects WHERE bucket = ? AND object_key = ?",
                  {bucket, key}, [](const store::Row& row) { return row.string(0); }));
  if (!pieces) return std::vector<Piece>();
  TRY(tx.send("DELETE FROM stored_objects WHERE bucket = ? AND object_key = ?", {bucket, key}));
  return parse_pieces(*pieces);
}

Result<void> check(const Condition& condition, const std::optional<Object>& before,
                   const std::string& key) {
  if (condition.is_absent && before)
    return base::error(Code::kFailedPrecondition, "the object is there already: key={}", key);
  if (!condition.etag) return {};
  if (!before)
    return base::error(Code::kFailedPrecondition, "the object is not there: key={}", key);
  if (*condition.etag != "*" && *condition.etag != before->etag)
    return base::error(Code::kFailedPrecondition, "the object is another by now: key={} etag={}",
                       key, before->etag);
  return {};
}

}  // namespace

Result<std::optional<Bucket>> find_bucket(store::Reader& reader, const std::string& name) {
  return reader.find("SELECT id, name, created_at FROM buckets WHERE name = ?", {name},
                     [](const store::Row& row) {
                       return Bucket{row.int64(0), row.string(1), row.time(2)};
                     });
}

Result<std::optional<Object>> find_object(store::Reader& reader, std::int64_t bucket,
                                          const std::string& key) {
  std::string properties, pieces;
  std::optional<Object> object = TRY(reader.find(
      "SELECT bytes, etag, modified_at, properties, pieces FROM stored_objects "
      "WHERE bucket = ? AND object_key = ?",
      {bucket, key}, [&](const store::Row& row) {
        properties = row.string(3);
        pieces = row.string(4);
        return Object{
            .key = key, .bytes = row.int64(0), .etag = row.string(1), .modified_at = row.time(2)};
      }));
  if (!object) return object;
  object->properties = TRY(parse_properties(properties));
  object->pieces = TRY(parse_pieces(pieces));
  return object;
}

Result<void> put_object(store::Tx& tx, Contents& contents, const std::string& bucket,
                        const Object& object, const Condition& condition,
                        const std::string& made_by) {
  const std::optional<Bucket> found = TRY(find_bucket(tx, bucket));
  if (!found) return no_bucket(bucket);
  const std::optional<Object> before = TRY(find_object(tx, found->id, object.key));
  TRY(check(condition, before, object.key));
  if (before) TRY(contents.release(tx, before->pieces));
  return tx.send(
      "INSERT INTO stored_objects(bucket, object_key, bytes, etag, modified_at, properties, "
      "pieces, "
      "made_by) VALUES(?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(bucket, object_key) DO UPDATE SET "
      "bytes = excluded.bytes, etag = excluded.etag, modified_at = excluded.modified_at, "
      "properties = excluded.properties, pieces = excluded.pieces, made_by = excluded.made_by",
      {found->id, object.key, object.bytes, object.etag, object.modified_at,
       to_text(object.properties), to_text(object.pieces), made_by});
}

Result<Bucket> Buckets::create(const std::string& name) {
  TRY(check_bucket_name(name));
  const base::Timestamp now = clock_.now();
  Result<Bucket> made = db_.write([&](store::Tx& tx) -> Result<Bucket> {
    const std::optional<std::int64_t> id =
        TRY(tx.insert("INSERT INTO buckets(name, created_at, created_by) VALUES(?, ?, ?)", "id",
                      {name, now, base::acting_user_or("system")}));
    TRY(tx.append_event({.kind = "bucket.created", .subject = subject(name)}));
    return Bucket{id.value_or(0), name, now};
  });
  if (!made && made.error().code == Code::kAlreadyExists)
    return base::error(Code::kAlreadyExists, "the bucket is there already: bucket={}", name);
  return made;
}

Result<std::optional<Bucket>> Buckets::find(const std::string& name) {
  return db_.read([&](store::Reader& reader) { return objects::find_bucket(reader, name); });
}

Result<std::vector<Bucket>> Buckets::list() {
  std::vector<Bucket> buckets;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query("SELECT id, name, created_at FROM buckets ORDER BY name", {},
                        [&](const store::Row& row) {
                          buckets.push_back({row.int64(0), row.string(1), row.time(2)});
                        });
  }));
  return buckets;
}

Result<void> Buckets::remove(const std::string& name) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    const std::optional<Bucket> bucket = TRY(find_bucket(tx, name));
    if (!bucket) return no_bucket(name);
    for (const char* question : {"SELECT 1 FROM stored_objects WHERE bucket = ? LIMIT 1",
                                 "SELECT 1 FROM object_uploads WHERE bucket = ? LIMIT 1"}) {
      const auto any = TRY(tx.find(question, {bucket->id}, [](const store::Row&) { return true; }));
      if (any) {
        return base::error(Code::kFailedPrecondition,
                           "the bucket is not empty: remove its objects, and end the uploads in "
                           "parts that are under way: bucket={}",
                           name);
      }
    }
    TRY(tx.send("DELETE FROM buckets WHERE id = ?", {bucket->id}));
    return tx.append_event({.kind = "bucket.removed", .subject = subject(name)});
  });
}

Result<Object> Buckets::put(const std::string& bucket, const std::string& key,
                            const Arrival& arrival, Properties properties,
                            const Condition& condition) {
  TRY(check_key(key));
  Object object{.key = key,
                .bytes = arrival.bytes(),
                .etag = arrival.md5(),
                .modified_at = clock_.now(),
                .properties = std::move(properties)};
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    object.pieces = TRY(contents_.keep(tx, arrival));
    return put_object(tx, contents_, bucket, object, condition, "");
  }));
  return object;
}

Result<Object> Buckets::copy(const Bucket& from, const Object& source, const std::string& bucket,
                             const std::string& key, const std::optional<Properties>& properties,
                             const Condition& condition) {
  TRY(check_key(key));
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<Object> {
    std::optional<Object> object = TRY(objects::find_object(tx, from.id, source.key));
    if (!object)
      return base::error(Code::kNotFound, "the object to copy is not there: bucket={} key={}",
                         from.name, source.key);
    if (object->pieces != source.pieces || object->etag != source.etag)
      return base::error(Code::kUnavailable,
                         "the object to copy was replaced a moment ago: try again: key={}",
                         source.key);
    object->key = key;
    object->modified_at = now;
    if (properties) object->properties = *properties;
    TRY(contents_.use(tx, object->pieces));
    TRY(put_object(tx, contents_, bucket, *object, condition, ""));
    return std::move(*object);
  });
}

Result<std::optional<Object>> Buckets::find_object(const Bucket& bucket, const std::string& key) {
  return db_.read(
      [&](store::Reader& reader) { return objects::find_object(reader, bucket.id, key); });
}

Result<std::int64_t> Buckets::remove_objects(const std::string& bucket,
                                             const std::vector<std::string>& keys,
                                             const Condition& condition) {
  return db_.write([&](store::Tx& tx) -> Result<std::int64_t> {
    const std::optional<Bucket> found = TRY(find_bucket(tx, bucket));
    if (!found) return no_bucket(bucket);
    JsonArray removed;
    for (const std::string& key : keys) {
      const std::optional<Object> there = TRY(objects::find_object(tx, found->id, key));
      TRY(check(condition, there, key));
      if (!there) continue;
      TRY(contents_.release(tx, TRY(take_away(tx, found->id, key))));
      removed.emplace_back(key);
    }
    const auto count = static_cast<std::int64_t>(removed.size());
    if (count == 0) return count;
    TRY(tx.append_event({.kind = "objects.removed",
                         .subject = subject(bucket),
                         .payload = {{"keys", std::move(removed)}}}));
    return count;
  });
}

Result<Listing> Buckets::list_objects(const Bucket& bucket, const ListQuery& query) {
  return db_.read(
      [&](store::Reader& reader) { return objects::list_objects(reader, bucket.id, query); });
}

}  // namespace slipway::objects
