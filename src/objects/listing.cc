#include "objects/listing.h"

namespace slipway::objects {
namespace {

constexpr int kRowsAtOnce = 1000;

// The part of `key` that a listing tells instead of it; empty: the key itself.
std::string common_prefix(std::string_view key, const ListQuery& query) {
  if (query.delimiter.empty()) return {};
  const std::size_t at = key.find(query.delimiter, query.prefix.size());
  if (at == std::string_view::npos) return {};
  return std::string(key.substr(0, at + query.delimiter.size()));
}

}  // namespace

std::string behind_all(std::string_view prefix) {
  // The last character that has one behind it in its encoding's order moves on by one; those of
  // more than one byte by what sorts behind all of them.
  std::string out(prefix);
  if (out.empty()) return out;
  const auto last = static_cast<unsigned char>(out.back());
  if (last < 0x7f) {
    out.back() = static_cast<char>(last + 1);
  } else {
    out += "\xf4\x8f\xbf\xbf";  // U+10FFFF, which is no character
  }
  return out;
}

Result<Listing> list_objects(store::Reader& reader, std::int64_t bucket, const ListQuery& query) {
  Listing listing;
  const std::string end = behind_all(query.prefix);
  std::string from = query.prefix;  // the first key that may be told
  bool includes = true;             // `from` itself
  if (query.after >= from) {
    from = query.after;
    includes = false;
    if (from.starts_with(query.prefix) && common_prefix(from, query) == from) {
      from = behind_all(from);
      includes = true;
    }
  }
  const auto told = [&] { return listing.objects.size() + listing.prefixes.size(); };
  while (true) {
    std::vector<ListedObject> rows;
    TRY(reader.query(
        fmt::format("SELECT object_key, bytes, etag, modified_at FROM stored_objects WHERE bucket "
                    "= ? AND object_key {} ? {} ORDER BY object_key LIMIT ?",
                    includes ? ">=" : ">", end.empty() ? "AND ? = ''" : "AND object_key < ?"),
        {bucket, from, end, kRowsAtOnce}, [&](const store::Row& row) {
          rows.push_back({row.string(0), row.int64(1), row.string(2), row.time(3)});
        }));
    std::string skipped;  // the common prefix at the end of what was told
    for (ListedObject& row : rows) {
      from = row.key;
      includes = false;
      if (!skipped.empty() && row.key.starts_with(skipped)) continue;
      if (told() == query.limit) {
        listing.is_truncated = true;
        return listing;
      }
      skipped = common_prefix(row.key, query);
      if (skipped.empty()) {
        listing.last = row.key;
        listing.objects.push_back(std::move(row));
      } else {
        listing.last = skipped;
        listing.prefixes.push_back(skipped);
      }
    }
    if (rows.size() < kRowsAtOnce) return listing;
    if (!skipped.empty()) {  // there may be a million more of them
      from = behind_all(skipped);
      includes = true;
    }
  }
}

}  // namespace slipway::objects
