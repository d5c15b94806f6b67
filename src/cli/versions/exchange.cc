#include "cli/versions/exchange.h"

#include <algorithm>
#include <thread>

#include "base/mutex.h"
#include "cli/table.h"
#include "versions/hub.h"
#include "versions/pack_stream.h"

namespace slipway::cli {
namespace {

using versions::Digest;

constexpr std::uint64_t kRequestBytes = 32 << 20;
constexpr std::size_t kRequestsAtOnce = 2;
constexpr std::uint64_t kKeptBytes = 128 << 20;  // that come are made durable
constexpr std::size_t kDigestsAsked = 30'000;    // in one question of what is missing
constexpr std::size_t kDigestsFetched = 4'096;   // in one request for objects

Result<std::string> member_text(const Json& object, std::string_view name) {
  const Json& value = member_at(object, name);
  if (value.is_string()) return std::string(value.get_string());
  return base::error(Code::kInternal, "the server's reply has no {}", name);
}

}  // namespace

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
  const versions::Packs& packs = repository_.packs();
  const std::vector<Digest> missing =
      TRY(missing_there(TRY(versions::find_needed(packs, {commit}, there))));
  std::vector<versions::PackedObject> objects;
  std::uint64_t all = 0;
  for (const Digest& digest : missing) {
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
        TRY(client.post_bytes(path("/objects"), stream.bytes));
        return {};
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
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < std::min(kRequestsAtOnce, requests.size()); ++i)
    threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
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
  const auto as_list = [](const std::vector<Digest>& digests) {
    JsonArray list;
    for (const Digest& digest : digests) list.emplace_back(versions::to_hex(digest));
    return list;
  };
  const std::string reply = TRY(client_.post_bytes(
      path("/needed"),
      base::to_text(JsonObject{{"wanted", as_list(wanted)}, {"known", as_list(known)}})));
  versions::Packs& packs = repository_.packs();
  std::vector<Digest> digests = TRY(versions::read_digests(reply));
  std::erase_if(digests, [&](const Digest& digest) { return packs.find(digest).has_value(); });
  Moved moved;
  versions::PackWriter writer(packs);
  std::uint64_t unfinished = 0;
  for (std::span<const Digest> rest = digests; !rest.empty();) {
    const auto some = rest.first(std::min(rest.size(), kDigestsFetched));
    const std::string stream =
        TRY(client_.post_bytes(path("/objects/read"), versions::write_digests(some)));
    versions::StreamReader reader(writer, some.size());
    TRY(reader.read(stream));
    const std::size_t came = TRY(reader.finish()).size();
    if (came == 0) return base::error(Code::kInternal, "the server sent none of the objects");
    rest = rest.subspan(came);
    moved.objects += came;
    moved.bytes += stream.size();
    // How long the rest is is not known, but how many it is.
    progress_(moved.bytes, moved.bytes * digests.size() / moved.objects);
    // What came is here for good, should the rest not come.
    unfinished += stream.size();
    if (unfinished >= kKeptBytes) {
      TRY(writer.finish());
      unfinished = 0;
    }
  }
  TRY(writer.finish());
  return moved;
}

}  // namespace slipway::cli
