#include "objects/uploads.h"

#include "base/hash.h"
#include "objects/names.h"
#include "objects/properties.h"

namespace slipway::objects {
namespace {

constexpr int kAbortedAtOnce = 100;

Error no_upload(const std::string& id) {
  return base::error(Code::kNotFound,
                     "no such upload: it was completed, aborted, or given up by the server after a "
                     "while: upload={}",
                     id);
}

struct StoredPart {
  Part part;
  std::string pieces;
};

StoredPart read_part(const store::Row& row) {
  return {.part = {.number = static_cast<int>(row.int64(0)),
                   .bytes = row.int64(1),
                   .md5 = row.string(2),
                   .arrived_at = row.time(3),
                   .checksum = row.string(4)},
          .pieces = row.string(5)};
}

constexpr std::string_view kPartsOf =
    "SELECT number, bytes, md5, arrived_at, checksum, pieces FROM object_parts "
    "WHERE upload = ? AND number > ? ORDER BY number LIMIT ?";

Result<std::map<int, StoredPart>> parts_of(store::Reader& reader, const std::string& upload) {
  std::map<int, StoredPart> parts;
  TRY(reader.query(kPartsOf, {upload, 0, kPartNumberMax}, [&](const store::Row& row) {
    StoredPart part = read_part(row);
    parts.emplace(part.part.number, std::move(part));
  }));
  return parts;
}

// Those that are named, in order; they leave `stored`.
Result<std::vector<StoredPart>> take_named(std::map<int, StoredPart>& stored,
                                           const std::vector<NamedPart>& named) {
  std::vector<StoredPart> taken;
  for (const NamedPart& one : named) {
    if (!taken.empty() && taken.back().part.number >= one.number) {
      return base::error(Code::kInvalidArgument,
                         "the parts are not in the order of their numbers: part={} after={}",
                         one.number, taken.back().part.number);
    }
    const auto found = stored.find(one.number);
    if (found == stored.end() || found->second.part.md5 != one.md5) {
      return base::error(Code::kInvalidArgument,
                         "a part is not there, or has another ETag: part={} etag={}", one.number,
                         one.md5);
    }
    taken.push_back(std::move(found->second));
    stored.erase(found);
  }
  if (taken.empty())
    return base::error(Code::kInvalidArgument, "an object needs at least one part");
  return taken;
}

}  // namespace

std::string parts_etag(const std::vector<std::string>& md5s) {
  std::string raw;
  for (const std::string& md5 : md5s) raw += base::from_hex(md5).value_or("");
  return fmt::format("{}-{}", base::md5_hex(raw), md5s.size());
}

Result<Upload> Uploads::begin(const std::string& bucket, const std::string& key,
                              Properties properties) {
  TRY(check_key(key));
  Upload upload{.id = random_.hex(16),
                .key = key,
                .begun_at = clock_.now(),
                .properties = std::move(properties)};
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    const std::optional<Bucket> found = TRY(find_bucket(tx, bucket));
    if (!found) return base::error(Code::kNotFound, "no such bucket: bucket={}", bucket);
    upload.bucket = found->id;
    return tx.send(
        "INSERT INTO object_uploads(id, bucket, object_key, begun_at, properties) "
        "VALUES(?, ?, ?, ?, ?)",
        {upload.id, upload.bucket, key, upload.begun_at, to_text(upload.properties)});
  }));
  return upload;
}

Result<std::optional<Upload>> Uploads::find(const Bucket& bucket, const std::string& key,
                                            const std::string& id) {
  return db_.read([&](store::Reader& reader) -> Result<std::optional<Upload>> {
    std::string properties;
    std::optional<Upload> upload = TRY(reader.find(
        "SELECT begun_at, properties FROM object_uploads WHERE id = ? AND bucket = ? AND "
        "object_key = ?",
        {id, bucket.id, key}, [&](const store::Row& row) {
          properties = row.string(1);
          return Upload{.id = id, .key = key, .bucket = bucket.id, .begun_at = row.time(0)};
        }));
    if (upload) upload->properties = TRY(parse_properties(properties));
    return upload;
  });
}

Result<Part> Uploads::put(const std::string& upload, Part part,
                          const std::function<Result<std::vector<Piece>>(store::Tx&)>& keep) {
  part.arrived_at = clock_.now();
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    const auto there = TRY(tx.find("SELECT 1 FROM object_uploads WHERE id = ?", {upload},
                                   [](const store::Row&) { return true; }));
    if (!there) return no_upload(upload);
    const std::vector<Piece> pieces = TRY(keep(tx));
    const std::optional<std::string> before =
        TRY(tx.find("SELECT pieces FROM object_parts WHERE upload = ? AND number = ?",
                    {upload, part.number}, [](const store::Row& row) { return row.string(0); }));
    if (before) TRY(contents_.release(tx, TRY(parse_pieces(*before))));
    return tx.send(
        "INSERT INTO object_parts(upload, number, bytes, md5, arrived_at, checksum, pieces) "
        "VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT(upload, number) DO UPDATE SET bytes = "
        "excluded.bytes, md5 = excluded.md5, arrived_at = excluded.arrived_at, checksum = "
        "excluded.checksum, pieces = excluded.pieces",
        {upload, part.number, part.bytes, part.md5, part.arrived_at, part.checksum,
         to_text(pieces)});
  }));
  return part;
}

Result<Part> Uploads::put_part(const std::string& upload, int number, const Arrival& arrival,
                               const std::string& checksum) {
  return put(
      upload,
      {.number = number, .bytes = arrival.bytes(), .md5 = arrival.md5(), .checksum = checksum},
      [&](store::Tx& tx) { return contents_.keep(tx, arrival); });
}

Result<Part> Uploads::copy_part(const std::string& upload, int number, const Object& from,
                                std::int64_t offset, std::int64_t bytes) {
  const std::vector<Piece> pieces = part_of(from.pieces, offset, bytes);
  // Its ETag need only tell this part from others.
  std::string md5 = base::md5_hex(fmt::format("{} {} {}", from.etag, offset, bytes));
  return put(upload, {.number = number, .bytes = bytes, .md5 = std::move(md5)},
             [&](store::Tx& tx) -> Result<std::vector<Piece>> {
               // It may have been replaced since it was read.
               for (const Piece& piece : pieces) {
                 const auto there =
                     TRY(tx.find("SELECT 1 FROM object_contents WHERE id = ?", {piece.content},
                                 [](const store::Row&) { return true; }));
                 if (!there)
                   return base::error(Code::kNotFound, "the object to copy is not there: key={}",
                                      from.key);
               }
               TRY(contents_.use(tx, pieces));
               return pieces;
             });
}

Result<std::vector<Part>> Uploads::parts(const std::string& upload, int after, std::size_t limit) {
  std::vector<Part> parts;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(kPartsOf, {upload, after, limit},
                        [&](const store::Row& row) { parts.push_back(read_part(row).part); });
  }));
  return parts;
}

Result<UploadPage> Uploads::list(const Bucket& bucket, const std::string& prefix,
                                 const std::string& after_key, const std::string& after_id,
                                 std::size_t limit) {
  UploadPage page;
  const std::string end = behind_all(prefix);
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        fmt::format("SELECT id, object_key, begun_at FROM object_uploads WHERE bucket = ? AND "
                    "object_key >= ? AND (object_key > ? OR (object_key = ? AND id > ?)) {} "
                    "ORDER BY object_key, id LIMIT ?",
                    end.empty() ? "AND ? = ''" : "AND object_key < ?"),
        {bucket.id, prefix, after_key, after_key, after_id, end, limit + 1},
        [&](const store::Row& row) {
          page.uploads.push_back({.id = row.string(0),
                                  .key = row.string(1),
                                  .bucket = bucket.id,
                                  .begun_at = row.time(2)});
        });
  }));
  page.is_truncated = page.uploads.size() > limit;
  if (page.is_truncated) page.uploads.pop_back();
  return page;
}

Result<Object> Uploads::complete(const Bucket& bucket, const std::string& key,
                                 const std::string& upload, const std::vector<NamedPart>& named,
                                 const Condition& condition, const Finish& finish) {
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<Object> {
    const std::optional<std::string> properties = TRY(tx.find(
        "SELECT properties FROM object_uploads WHERE id = ? AND bucket = ? AND object_key = ?",
        {upload, bucket.id, key}, [](const store::Row& row) { return row.string(0); }));
    if (!properties) {
      // Whoever did not hear the answer asks once more.
      const auto made = TRY(tx.find(
          "SELECT 1 FROM stored_objects WHERE bucket = ? AND object_key = ? AND made_by = ?",
          {bucket.id, key, upload}, [](const store::Row&) { return true; }));
      std::optional<Object> object;
      if (made) object = TRY(find_object(tx, bucket.id, key));
      if (!object) return no_upload(upload);
      return std::move(*object);
    }
    std::map<int, StoredPart> stored = TRY(parts_of(tx, upload));
    const std::vector<StoredPart> taken = TRY(take_named(stored, named));
    Object object{.key = key, .modified_at = now, .properties = TRY(parse_properties(*properties))};
    std::vector<Part> parts;
    std::vector<std::string> md5s;
    for (const StoredPart& one : taken) {
      for (const Piece& piece : TRY(parse_pieces(one.pieces))) object.pieces.push_back(piece);
      object.bytes += one.part.bytes;
      md5s.push_back(one.part.md5);
      parts.push_back(one.part);
    }
    object.etag = parts_etag(md5s);
    if (finish) finish(parts, object.properties);
    for (const auto& [number, left] : stored)
      TRY(contents_.release(tx, TRY(parse_pieces(left.pieces))));
    TRY(put_object(tx, contents_, bucket.name, object, condition, upload));
    TRY(tx.send("DELETE FROM object_parts WHERE upload = ?", {upload}));
    TRY(tx.send("DELETE FROM object_uploads WHERE id = ?", {upload}));
    return object;
  });
}

Result<bool> Uploads::abort(store::Tx& tx, const std::string& upload) {
  for (const auto& [number, part] : TRY(parts_of(tx, upload)))
    TRY(contents_.release(tx, TRY(parse_pieces(part.pieces))));
  TRY(tx.send("DELETE FROM object_parts WHERE upload = ?", {upload}));
  return TRY(tx.execute("DELETE FROM object_uploads WHERE id = ?", {upload})) > 0;
}

Result<bool> Uploads::abort(const std::string& upload) {
  return db_.write([&](store::Tx& tx) { return abort(tx, upload); });
}

Result<std::int64_t> Uploads::abort_begun_before(base::Timestamp time) {
  std::int64_t aborted = 0;
  while (true) {
    std::vector<std::string> old;
    TRY(db_.read([&](store::Reader& reader) {
      return reader.query("SELECT id FROM object_uploads WHERE begun_at < ? LIMIT ?",
                          {time, kAbortedAtOnce},
                          [&](const store::Row& row) { old.push_back(row.string(0)); });
    }));
    for (const std::string& upload : old) aborted += TRY(abort(upload)) ? 1 : 0;
    if (old.size() < kAbortedAtOnce) return aborted;
  }
}

}  // namespace slipway::objects
