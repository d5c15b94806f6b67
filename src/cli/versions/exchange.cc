#include "cli/versions/exchange.h"

#include <algorithm>
#include <map>

#include "base/mutex.h"
#include "cli/scratch.h"
#include "cli/table.h"
#include "cli/versions/local_verbs.h"
#include "versions/hub.h"
#include "versions/pack_stream.h"
#include "versions/run_beside.h"

namespace slipway::cli {
namespace {

using versions::Digest;

constexpr std::uint64_t kRequestBytes = 32 << 20;
constexpr std::size_t kRequestsAtOnce = 2;
constexpr std::uint64_t kKeptBytes = 128 << 20;  // that come are made durable
constexpr std::size_t kDigestsAsked = 30'000;    // in one question of what is missing
constexpr std::size_t kDigestsFetched = 4'096;   // in one request for objects

JsonArray as_list(const std::vector<Digest>& digests) {
  JsonArray list;
  for (const Digest& digest : digests) list.emplace_back(versions::to_hex(digest));
  return list;
}

// Of objects that the server itself has named, or of what these need.
bool is_lost_there(const Error& error) {
  return error.code == Code::kCorruption || error.code == Code::kNotFound;
}

Error damage_there(const std::string& name, std::string_view what) {
  return base::error(Code::kCorruption,
                     "the server's copy of {} is damaged, which nothing here mends: {}\nwho has an "
                     "intact copy mends it there: `slipway data verify --cloud --repair {}`",
                     name, what, name);
}

Result<std::string> member_text(const Json& object, std::string_view name) {
  const Json& value = member_at(object, name);
  if (value.is_string()) return std::string(value.get_string());
  return base::error(Code::kInternal, "the server's reply has no {}", name);
}

}  // namespace

Result<Json> examine_there(Client& client, const std::string& name,
                           const std::optional<std::vector<Digest>>& only) {
  JsonObject body;
  if (only) body["objects"] = as_list(*only);
  // It takes as long as the server needs to read everything, which only a download may.
  const Scratch scratch = TRY(Scratch::make("verify"));
  const std::filesystem::path reply = scratch.path() / "reply";
  TRY(client.download(path_of("/slipway/v1/data/{}/verify", {name}), body, reply));
  return base::parse_json(TRY(store::read_file(reply)));
}

std::string damage_text(const Json& examined) {
  constexpr std::size_t kShownMax = 50;
  std::map<std::string, std::vector<std::string>> parts;  // by object
  std::size_t count = 0;
  std::string text;
  const auto line = [&](const std::string& said) {
    if (count++ < kShownMax) text += said + '\n';
  };
  for (const Json& part : list_at(examined, "affected")) {
    const std::string path = text_at(part, "path"), newest = text_at(part, "newest");
    std::string in = newest.empty() ? " that was added" : " in " + newest.substr(0, 12);
    if (const Json& all = member_at(part, "versions"); all.is_number() && all != Json(1))
      in += fmt::format(" and {} older versions", all.to_number<std::int64_t>() - 1);
    parts[text_at(part, "object")].push_back((path.empty() ? "the commit itself," : shown(path)) +
                                             in);
  }
  if (const std::string unread = text_at(examined, "unread"); !unread.empty()) line(unread);
  for (const Json& damage : list_at(examined, "damages")) {
    const std::string object = text_at(damage, "object");
    if (object.empty()) {
      line(text_at(damage, "what"));
      continue;
    }
    line(fmt::format("damaged: object {} in {} at {}", object, text_at(damage, "file"),
                     base::to_text(member_at(damage, "offset"))));
    for (const std::string& part : parts[object]) line("  which is of " + part);
    parts.erase(object);
  }
  for (const auto& [object, of] : parts) {
    line(fmt::format("missing: object {}", object));
    for (const std::string& part : of) line("  which is of " + part);
  }
  if (count > kShownMax)
    text += fmt::format("... and {} lines more, with --json\n", count - kShownMax);
  if (member_at(examined, "affected_cut") == Json(true))
    text += "... and more files and versions, which are not listed\n";
  return text;
}

Exchange::Exchange(const Context& context, versions::Repository& repository, std::string name,
                   Progress progress)
    : context_(context),
      client_(context),
      repository_(repository),
      name_(std::move(name)),
      progress_(std::move(progress)) {}

std::string Exchange::path(std::string_view rest) const {
  return path_of("/slipway/v1/data/{}", {name_}) + std::string(rest);
}

Result<std::optional<std::vector<ServerRef>>> Exchange::refs() {
  const Result<Json> reply = client_.get(path(""));
  if (!reply && reply.error().code == Code::kNotFound)
    return std::optional<std::vector<ServerRef>>();
  if (!reply) return reply.error();
  std::vector<ServerRef> refs;
  const Json& list = member_at(*reply, "refs");
  if (!list.is_array()) return base::error(Code::kInternal, "the server's reply has no refs");
  for (const Json& ref : list.get_array()) {
    refs.push_back({TRY(versions::parse_ref_kind(TRY(member_text(ref, "kind")))),
                    TRY(member_text(ref, "name")),
                    TRY(versions::parse_digest(TRY(member_text(ref, "commit"))))});
  }
  return std::optional(std::move(refs));
}

Result<std::vector<Digest>> Exchange::missing_there(const std::vector<Digest>& digests) {
  std::vector<Digest> missing;
  for (std::size_t from = 0; from < digests.size(); from += kDigestsAsked) {
    const std::size_t count = std::min(kDigestsAsked, digests.size() - from);
    const std::string reply = TRY(client_.post_bytes(
        path("/missing"), versions::write_digests({digests.data() + from, count})));
    const std::vector<Digest> some = TRY(versions::read_digests(reply));
    missing.insert(missing.end(), some.begin(), some.end());
  }
  return missing;
}

Result<Moved> Exchange::send_objects(const Digest& commit, const std::vector<Digest>& there) {
  return send_objects(
      TRY(missing_there(TRY(versions::find_needed(repository_.packs(), {commit}, there)))));
}

Result<Moved> Exchange::send_objects(const std::vector<Digest>& digests) {
  const versions::Packs& packs = repository_.packs();
  std::vector<versions::PackedObject> objects;
  std::uint64_t all = 0;
  for (const Digest& digest : digests) {
    const auto place = packs.find(digest);
    if (!place) return base::error(Code::kInternal, "the server asks for what nobody offered");
    objects.push_back({digest, *place});
    all += place->bytes;
  }
  // As they lie on the disk.
  std::sort(objects.begin(), objects.end(), [](const auto& a, const auto& b) {
    return std::pair(a.place.pack, a.place.offset) < std::pair(b.place.pack, b.place.offset);
  });
  std::vector<std::vector<Digest>> requests;
  std::uint64_t bytes = 0;  // of the last one
  for (const auto& [digest, place] : objects) {
    if (requests.empty() || bytes + place.bytes > kRequestBytes) {
      requests.emplace_back();
      bytes = 0;
    }
    requests.back().push_back(digest);
    bytes += place.bytes;
  }
  return send(requests, all);
}

// Several at a time: while the server checks and writes what came, more is on its way.
Result<Moved> Exchange::send(const std::vector<std::vector<Digest>>& requests, std::uint64_t all) {
  base::Mutex mutex;
  std::size_t next = 0;
  Moved moved;
  std::optional<Error> failed;
  const auto work = [&] {
    Client client(context_);
    versions::Stream stream;
    for (;;) {
      std::size_t at;
      {
        const base::MutexLock lock(mutex);
        if (failed || next == requests.size()) return;
        at = next++;
      }
      const auto send_one = [&]() -> Result<void> {
        stream = TRY(versions::write_stream(repository_.packs(), requests[at], kRequestBytes,
                                            std::move(stream)));
        CHECK(stream.objects == requests[at].size());
        const auto sent = client.post_bytes(path("/objects"), stream.bytes);
        if (sent) return {};
        // What it refuses may be damaged here, which reading tells with the pack.
        if (sent.error().code == Code::kInvalidArgument)
          for (const Digest& digest : requests[at]) TRY(repository_.packs().read(digest));
        return sent.error();
      };
      Result<void> sent = send_one();
      const base::MutexLock lock(mutex);
      if (!sent) {
        failed = std::move(sent).error();
        return;
      }
      moved.objects += stream.objects;
      moved.bytes += stream.bytes.size();
      progress_(moved.bytes, std::max(all, moved.bytes));
    }
  };
  versions::run_beside(std::min(kRequestsAtOnce, requests.size()), work);
  if (failed) return std::move(*failed);
  return moved;
}

Result<void> Exchange::move_ref(versions::RefKind kind, const std::string& name,
                                const std::optional<Digest>& from, const Digest& to, bool force) {
  JsonObject body{{"kind", versions::ref_kind_name(kind)},
                  {"name", name},
                  {"to", versions::to_hex(to)},
                  {"force", force}};
  if (from) body["from"] = versions::to_hex(*from);
  TRY(client_.send("PUT", path("/refs"), body));
  return {};
}

Result<Moved> Exchange::fetch_objects(const std::vector<Digest>& wanted,
                                      const std::vector<Digest>& known) {
  const auto reply = client_.post_bytes(
      path("/needed"),
      base::to_text(JsonObject{{"wanted", as_list(wanted)}, {"known", as_list(known)}}));
  if (!reply && is_lost_there(reply.error())) return damage_there(name_, reply.error().message);
  TRY(reply);
  versions::Packs& packs = repository_.packs();
  std::vector<Digest> digests = TRY(versions::read_digests(*reply)), bad;
  std::erase_if(digests, [&](const Digest& digest) { return packs.find(digest).has_value(); });
  Moved moved;
  versions::PackWriter writer(packs);
  std::uint64_t unfinished = 0;
  for (std::span<const Digest> rest = digests; !rest.empty();) {
    const auto some = rest.first(std::min(rest.size(), kDigestsFetched));
    const std::uint64_t before = moved.bytes;
    const auto came = fetch_some(writer, some, bad, moved);
    if (!came && is_lost_there(came.error())) return damage_there(name_, came.error().message);
    rest = rest.subspan(TRY(came));
    // How long the rest is is not known, but how many it is.
    progress_(moved.bytes, moved.bytes * digests.size() / moved.objects);
    // What came is here for good, should the rest not come.
    unfinished += moved.bytes - before;
    if (unfinished >= kKeptBytes) {
      TRY(writer.finish());
      unfinished = 0;
    }
  }
  TRY(writer.finish());
  if (!bad.empty()) return damaged_there(bad);
  return moved;
}

Result<std::size_t> Exchange::fetch_some(versions::PackWriter& writer,
                                         std::span<const Digest> digests, std::vector<Digest>& bad,
                                         Moved& moved) {
  const std::string stream =
      TRY(client_.post_bytes(path("/objects/read"), versions::write_digests(digests)));
  versions::StreamReader reader(writer, digests.size(), &bad);
  TRY(reader.read(stream));
  const std::size_t came = TRY(reader.finish()).size();
  if (came == 0) return base::error(Code::kInternal, "the server sent none of the objects");
  moved.objects += came;
  moved.bytes += stream.size();
  return came;
}

Result<Moved> Exchange::fetch_whole(const std::vector<Digest>& digests) {
  const std::vector<Digest> missing = TRY(missing_there(digests));
  const versions::DigestSet lacks(missing.begin(), missing.end());
  std::vector<Digest> there = digests, bad;
  std::erase_if(there, [&](const Digest& digest) { return lacks.contains(digest); });
  Moved moved;
  versions::PackWriter writer(repository_.packs());
  // One that can't be read there fails a request: halves of it find which.
  const std::function<Result<void>(std::span<const Digest>)> get =
      [&](std::span<const Digest> some) -> Result<void> {
    while (!some.empty()) {
      const auto came = fetch_some(writer, some, bad, moved);
      if (came) {
        some = some.subspan(*came);
        continue;
      }
      const Code code = came.error().code;
      if (code != Code::kNotFound && code != Code::kCorruption) return came.error();
      if (some.size() == 1) return {};
      TRY(get(some.first(some.size() / 2)));
      some = some.subspan(some.size() / 2);
    }
    return {};
  };
  for (std::span<const Digest> rest = there; !rest.empty();) {
    const auto some = rest.first(std::min(rest.size(), kDigestsFetched));
    TRY(get(some));
    rest = rest.subspan(some.size());
    progress_(moved.bytes, moved.bytes);
  }
  TRY(writer.finish());
  moved.objects -= bad.size();
  return moved;
}

Result<void> Exchange::drop_damaged(const std::vector<Digest>& digests) {
  TRY(client_.post(path("/objects/drop-damaged"), {{"objects", as_list(digests)}}));
  return {};
}

Error Exchange::damaged_there(const std::vector<Digest>& digests) {
  const auto found = examine_there(client_, name_, digests);
  std::string what = fmt::format("{} objects: {}", digests.size(), versions::to_hex(digests[0]));
  if (found) {
    const Json& damages = member_at(*found, "damages");
    if (damages.is_array() && damages.get_array().empty()) {
      return base::error(
          Code::kUnavailable,
          "objects came from the server otherwise than it has them, as {}: try again", what);
    }
    what = damage_text(*found);
  }
  return damage_there(name_, what);
}

}  // namespace slipway::cli
