#include "api/own/version_routes.h"

#include <algorithm>
#include <map>
#include <span>

#include "api/own/loop_wire.h"
#include "versions/diff.h"
#include "versions/pack_stream.h"

namespace slipway::api::own {
namespace {

using http::Method;
using http::Request;
using http::Response;
using versions::Content;
using versions::Digest;
using versions::EntryKind;
using versions::Hub;
using versions::Packs;

// What one object takes in a request before its bytes, at most so often as fits.
constexpr std::uint64_t kToldBytesMin = 40;
constexpr std::size_t kDigestsMax = 1'000'000;
constexpr std::size_t kEntriesShown = 1000, kEntriesShownMax = 100'000;

JsonObject to_json(const versions::HubRef& ref) {
  return {{"kind", versions::ref_kind_name(ref.kind)},
          {"name", ref.name},
          {"commit", versions::to_hex(ref.commit)},
          {"moved", types::to_rfc3339(ref.moved_at)},
          {"by", ref.moved_by}};
}

JsonObject to_json(const versions::HubRepository& repository) {
  JsonArray refs;
  for (const versions::HubRef& ref : repository.refs) refs.emplace_back(to_json(ref));
  return {{"name", repository.name},
          {"created", types::to_rfc3339(repository.created_at)},
          {"refs", std::move(refs)}};
}

Result<Response> list(Hub& hub) {
  JsonArray repositories;
  for (const versions::HubRepository& repository : TRY(hub.list()))
    repositories.emplace_back(to_json(repository));
  return reply({{"repositories", std::move(repositories)}});
}

Result<Response> show(Hub& hub, const Request& request) {
  JsonObject object = to_json(TRY(hub.get(request.param("name"))));
  const auto packs = TRY(hub.packs(request.param("name")));
  object["objects"] = packs->size();
  object["bytes"] = packs->bytes();
  return reply(object);
}

struct At {
  std::shared_ptr<Packs> packs;
  versions::NamedCommit commit;
};

// The version that `?ref=` names, or the branch main's.
Result<At> version_of(Hub& hub, const Request& request, std::string_view parameter = "ref") {
  const std::string& name = request.param("name");
  At at{.packs = TRY(hub.packs(name)), .commit = {}};
  at.commit.digest =
      TRY(hub.resolve(name, request.query(parameter).value_or(versions::kFirstBranch)));
  at.commit.commit = TRY(versions::read_commit(*at.packs, at.commit.digest));
  return at;
}

Result<Response> log(Hub& hub, const Request& request) {
  const std::size_t limit = TRY(query_limit(request, 50, 1000));
  const At at = TRY(version_of(hub, request));
  JsonArray commits;
  TRY(versions::walk_back(*at.packs, at.commit.digest, [&](const versions::NamedCommit& commit) {
    commits.emplace_back(to_json(commit));
    return commits.size() < limit;
  }));
  return reply({{"commits", std::move(commits)}});
}

// A folder's entries, one level of it, `limit` of them behind the first `offset`.
Result<Response> files(Hub& hub, const Request& request) {
  const std::size_t limit = TRY(query_limit(request, kEntriesShown, kEntriesShownMax));
  const std::int64_t offset = TRY(query_integer(request, "offset")).value_or(0);
  if (offset < 0)
    return base::error(Code::kInvalidArgument, "offset must be a whole number from 0: {}", offset);
  const At at = TRY(version_of(hub, request));
  const std::string path = request.query("path").value_or("");
  const versions::Entry folder = TRY(
      versions::find_entry(*at.packs, TRY(versions::folder_of(*at.packs, at.commit.digest)), path));
  if (folder.kind != EntryKind::kFolder)
    return base::error(Code::kInvalidArgument, "not a folder: {}", path);
  const std::vector<versions::Entry> all =
      TRY(versions::read_folder(TRY(versions::read_content(*at.packs, folder.content))));
  const std::size_t begin = std::min(static_cast<std::size_t>(offset), all.size());
  JsonArray entries;
  for (const versions::Entry& entry :
       std::span(all).subspan(begin, std::min(limit, all.size() - begin))) {
    JsonObject object{{"name", versions::shown_name(entry.name, versions::For::kJson)},
                      {"kind", versions::kind_name(entry.kind)}};
    if (entry.kind != EntryKind::kFolder) object["bytes"] = entry.content.bytes;
    entries.emplace_back(std::move(object));
  }
  return reply({{"commit", versions::to_hex(at.commit.digest)},
                {"path", path},
                {"total", all.size()},
                {"entries", std::move(entries)}});
}

class FileBytes final : public http::BodySource {
 public:
  explicit FileBytes(versions::ContentSource source) : source_(std::move(source)) {}
  Result<std::size_t> read(std::span<char> out) override {
    if (rest_.empty()) {
      piece_ = TRY(source_.next());
      rest_ = piece_;
    }
    const std::size_t bytes = std::min(out.size(), rest_.size());
    std::copy_n(rest_.begin(), bytes, out.begin());
    rest_.remove_prefix(bytes);
    return bytes;
  }

 private:
  versions::ContentSource source_;
  std::string piece_;
  std::string_view rest_;  // of piece_
};

Result<Response> file(Hub& hub, const Request& request) {
  const At at = TRY(version_of(hub, request));
  const std::string path = request.query("path").value_or("");
  const versions::Entry entry = TRY(
      versions::find_entry(*at.packs, TRY(versions::folder_of(*at.packs, at.commit.digest)), path));
  if (entry.kind == EntryKind::kFolder)
    return base::error(Code::kInvalidArgument, "a folder, not a file: {}", path);
  Response response;
  response.content_type = "application/octet-stream";
  response.headers = {{"ETag", '"' + versions::to_hex(entry.content.digest) + '"'}};
  if (entry.content.bytes == 0) return response;
  response.stream = http::StreamBody{
      std::make_shared<FileBytes>(TRY(versions::ContentSource::open(at.packs, entry.content))),
      entry.content.bytes};
  return response;
}

Result<Response> diff(Hub& hub, const Request& request, std::uint64_t files_max) {
  const At from = TRY(version_of(hub, request, "from")), to = TRY(version_of(hub, request, "to"));
  const std::size_t limit = TRY(query_limit(request, 1000, 100'000));
  const auto before = TRY(versions::list_files(
                 *from.packs, TRY(versions::folder_of(*from.packs, from.commit.digest)),
                 files_max)),
             after = TRY(versions::list_files(
                 *to.packs, TRY(versions::folder_of(*to.packs, to.commit.digest)), files_max));
  const auto changes = versions::diff_files(before, after);
  std::map<std::string_view, std::size_t> counts{
      {"added", 0}, {"removed", 0}, {"changed", 0}, {"moved", 0}};
  JsonArray shown;
  for (const versions::FileChange& change : changes) {
    ++counts[versions::change_name(change)];
    if (shown.size() < limit) shown.emplace_back(versions::to_json(change));
  }
  JsonObject counted;
  for (const auto& [name, count] : counts) counted[name] = count;
  return reply({{"from", versions::to_hex(from.commit.digest)},
                {"to", versions::to_hex(to.commit.digest)},
                {"changed", changes.size()},
                {"counts", std::move(counted)},
                {"bytes_before", from.commit.commit.bytes},
                {"bytes_after", to.commit.commit.bytes},
                {"changes", std::move(shown)}});
}

Response octets(std::string bytes) {
  Response response;
  response.content_type = "application/octet-stream";
  response.body = std::move(bytes);
  return response;
}

Result<Response> missing(Hub& hub, const Request& request) {
  const auto packs = hub.packs(request.param("name"));
  if (!packs && packs.error().code != Code::kNotFound) return packs.error();
  std::vector<Digest> digests = TRY(versions::read_digests(request.body));
  if (packs)  // where there is no repository, all are
    std::erase_if(digests, [&](const Digest& one) { return (*packs)->find(one).has_value(); });
  return octets(versions::write_digests(digests));
}

Result<std::vector<Digest>> digests_of(const JsonObject& body, std::string_view name) {
  std::vector<Digest> commits;
  const Json* const list = body.if_contains(name);
  if (list == nullptr) return commits;
  if (!list->is_array() || list->get_array().size() > kDigestsMax)
    return base::error(Code::kInvalidArgument, "{} must be a list of digests", name);
  for (const Json& commit : list->get_array()) {
    commits.push_back(TRY(versions::parse_digest(
        commit.is_string() ? std::string_view(commit.get_string()) : std::string_view())));
  }
  return commits;
}

Result<Response> needed(Hub& hub, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  const auto packs = TRY(hub.packs(request.param("name")));
  return octets(versions::write_digests(TRY(versions::find_needed(
      *packs, TRY(digests_of(body, "wanted")), TRY(digests_of(body, "known"))))));
}

Result<Response> objects(Hub& hub, const Request& request, std::uint64_t bytes_max) {
  const auto packs = TRY(hub.packs(request.param("name")));
  const std::vector<Digest> digests = TRY(versions::read_digests(request.body));
  return octets(TRY(versions::write_stream(*packs, digests, bytes_max)).bytes);
}

// Objects of a request, into packs while they arrive.
class ObjectSink final : public http::BodySink {
 public:
  ObjectSink(Hub& hub, std::string name, std::uint64_t objects_max)
      : hub_(hub), name_(std::move(name)), objects_max_(objects_max) {}

  Result<void> write(std::string_view bytes) override {
    if (packs_ == nullptr) {
      packs_ = TRY(hub_.ensure_packs(name_));
      writer_.emplace(*packs_);
      reader_.emplace(*writer_, objects_max_);
    }
    return reader_->read(bytes);
  }
  Result<JsonObject> finish() {
    TRY(write({}));
    const std::vector<Digest> came = TRY(reader_->finish());
    TRY(writer_->finish());
    return JsonObject{{"objects", came.size()}, {"bytes_added", writer_->bytes_added()}};
  }

 private:
  Hub& hub_;
  const std::string name_;
  const std::uint64_t objects_max_;
  std::shared_ptr<Packs> packs_;  // outlives what uses it
  std::optional<versions::PackWriter> writer_;
  std::optional<versions::StreamReader> reader_;
};

Result<Response> add_objects(const Request& request) {
  return Response::json(base::to_text(TRY(static_cast<ObjectSink&>(*request.body_sink).finish())),
                        201);
}

Result<Response> collect(Hub& hub, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  const auto find = [&](std::string_view name) -> Result<std::optional<std::uint64_t>> {
    const auto value = TRY(base::find_int(body, name));
    if (!value) return std::optional<std::uint64_t>();
    if (*value < 0 || *value > versions::kKeptMax) {
      return base::error(Code::kInvalidArgument, "{} must be a whole number from 0 to {}: {}", name,
                         versions::kKeptMax, *value);
    }
    return std::optional(static_cast<std::uint64_t>(*value));
  };
  const bool is_dry_run = TRY(read_flag(body, "dry_run")).value_or(false);
  const versions::Compacted done =
      TRY(hub.collect(request.param("name"),
                      {.keep_last = TRY(find("keep_last")),
                       .keep_days = TRY(find("keep_days")),
                       .mode = is_dry_run ? versions::GcMode::kDryRun : versions::GcMode::kDo}));
  JsonObject object = to_json(done);
  object["dry_run"] = is_dry_run;
  return reply(object);
}

Result<Response> verify(Hub& hub, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  std::optional<versions::DigestSet> only;
  if (body.contains("objects")) {
    const std::vector<Digest> objects = TRY(digests_of(body, "objects"));
    only.emplace(objects.begin(), objects.end());
  }
  return reply(to_json(TRY(hub.verify(request.param("name"), std::move(only)))));
}

Result<Response> drop_damaged(Hub& hub, const Request& request) {
  const std::vector<Digest> objects = TRY(digests_of(TRY(read_body(request)), "objects"));
  return reply({{"dropped",
                 TRY(hub.drop_damaged(request.param("name"), {objects.begin(), objects.end()}))}});
}

Result<std::optional<Digest>> find_digest(const JsonObject& body, std::string_view name) {
  const auto hex = TRY(base::find_string(body, name));
  if (!hex) return std::optional<Digest>();
  return std::optional(TRY(versions::parse_digest(*hex)));
}

Result<Response> move(Hub& hub, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  const versions::RefMove move{
      .kind = TRY(versions::parse_ref_kind(TRY(base::get_string(body, "kind")))),
      .name = TRY(base::get_string(body, "name")),
      .from = TRY(find_digest(body, "from")),
      .to = TRY(find_digest(body, "to")),
      .force = TRY(read_flag(body, "force")).value_or(false) ? versions::RefMove::Force::kYes
                                                             : versions::RefMove::Force::kNo};
  return reply(to_json(TRY(hub.move(request.param("name"), move))));
}

}  // namespace

std::vector<http::Route> version_routes(Hub& hub, VersionRouteLimits limits) {
  const std::string base = "/slipway/v1/data", one = base + "/{name}";
  const auto route = [](Method method, const std::string& pattern, std::string summary,
                        http::Handler handler) {
    return http::Route{.method = method,
                       .pattern = pattern,
                       .summary = std::move(summary),
                       .handler = std::move(handler),
                       .tag = "slipway"};
  };
  const auto with_hub = [&hub](Result<Response> (*handle)(Hub&, const Request&)) {
    return answering([&hub, handle](const Request& r) { return handle(hub, r); });
  };
  std::vector<http::Route> routes = {
      route(Method::kGet, base, "Repositories of data, with their branches and tags.",
            answering([&hub](const Request&) { return list(hub); })),
      route(Method::kGet, one, "A repository of data: branches, tags, size.", with_hub(show)),
      route(Method::kGet, one + "/log", "Commits, newest first: ?ref=, limit.", with_hub(log)),
      route(Method::kGet, one + "/files", "A folder of a version: ?ref=, path, limit, offset.",
            with_hub(files)),
      route(Method::kGet, one + "/file", "A file of a version: ?ref=, path.", with_hub(file)),
      route(Method::kGet, one + "/diff",
            "Files that differ, and how many in all: ?from=, to, limit.",
            answering(
                [&hub, limits](const Request& r) { return diff(hub, r, limits.diff_files_max); })),
      route(Method::kPost, one + "/missing",
            "Which of these objects are missing: 32 bytes each, in and out.", with_hub(missing)),
      route(Method::kPost, one + "/needed",
            "The objects that commits need: {wanted: [...], known: [...]}.", with_hub(needed)),
      route(Method::kPost, one + "/objects/read",
            "Objects by their digests, as many of the front as one reply may have.",
            answering([&hub, limits](const Request& r) {
              return objects(hub, r, limits.reply_bytes_max);
            })),
      route(Method::kPut, one + "/refs",
            "Moves a branch or tag: {kind, name, from, to, force}; without `to` it goes.",
            with_hub(move)),
      route(Method::kPost, one + "/gc",
            "Removes what no branch and no tag needs: {keep_last, keep_days, dry_run}.",
            with_hub(collect)),
      route(Method::kPost, one + "/verify",
            "Reads all objects, or {objects: [...]}, and names what is damaged or missing, and the "
            "files and versions that have it.",
            with_hub(verify)),
      route(Method::kPost, one + "/objects/drop-damaged",
            "Removes those of {objects: [...]} that are damaged, so that they can be sent anew.",
            with_hub(drop_damaged))};
  http::Route add = route(Method::kPost, one + "/objects",
                          "Adds objects, each checked against its digest.", answering(add_objects));
  add.body = http::Route::Body::kFile;
  add.body_bytes_max = limits.pack_bytes_max;
  add.open_sink = [&hub, limits](const Request& r) -> Result<std::shared_ptr<http::BodySink>> {
    std::shared_ptr<http::BodySink> sink =
        std::make_shared<ObjectSink>(hub, r.param("name"), limits.pack_bytes_max / kToldBytesMin);
    return sink;
  };
  routes.push_back(std::move(add));
  return routes;
}

}  // namespace slipway::api::own
