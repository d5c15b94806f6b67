#include "api/lfs/lfs_routes.h"

#include "api/http/byte_range.h"
#include "api/http/object_body.h"
#include "api/lfs/messages.h"

namespace slipway::api::lfs {
namespace {

constexpr std::uint64_t kMessageBytesMax = 1 << 20;  // of JSON

using http::Method;
using http::Request;
using http::Response;
using objects::Contents;
using objects::LfsFile;
using objects::LfsFiles;

// What the routes share.
struct Lfs {
  LfsFiles& files;
  Contents& contents;
  Options options;
};

bool may(const std::function<bool(const std::string&)>& ask, const Request& request) {
  return !ask || ask(request.user);
}

// Without login everybody is the same person.
std::string owner_of(const Request& request) {
  return request.user.empty() ? "anybody" : request.user;
}

// As the client has reached us, maybe through a proxy that speaks TLS.
std::string address_of(const Lfs& lfs, const Request& request, std::string_view behind) {
  const std::string_view scheme = request.header("X-Forwarded-Proto") == "https" ? "https" : "http";
  return fmt::format("{}://{}{}/lfs/{}/{}", scheme, request.header("Host"), lfs.options.path_prefix,
                     request.param("repository"), behind);
}

Json action(const Lfs& lfs, const Request& request, std::string_view behind) {
  JsonObject made{{"href", address_of(lfs, request, behind)}};
  // The client has shown its own, and sends it again.
  if (const std::string_view login = request.header("Authorization"); !login.empty())
    made["header"] = {{"Authorization", login}};
  return made;
}

Json failed(int code, std::string_view message) { return {{"code", code}, {"message", message}}; }

JsonObject answer_upload(const Lfs& lfs, const Request& request, const AskedFile& asked,
                         const std::optional<LfsFile>& there) {
  JsonObject out{{"oid", asked.oid}, {"size", asked.bytes}, {"authenticated", true}};
  if (there && there->bytes == asked.bytes) return out;  // nothing to do
  if (there) {
    out["error"] =
        failed(422, fmt::format("the file of that oid has another size: bytes={}", there->bytes));
  } else if (static_cast<std::uint64_t>(asked.bytes) > lfs.options.file_bytes_max) {
    out["error"] = failed(413, fmt::format("larger than a file may be here: file_bytes_max={}",
                                           lfs.options.file_bytes_max));
  } else {
    out["actions"] = {{"upload", action(lfs, request, "objects/" + asked.oid)},
                      {"verify", action(lfs, request, "verify")}};
  }
  return out;
}

JsonObject answer_download(const Lfs& lfs, const Request& request, const AskedFile& asked,
                           const std::optional<LfsFile>& there) {
  JsonObject out{{"oid", asked.oid}, {"size", asked.bytes}, {"authenticated", true}};
  if (!there) {
    out["error"] = failed(404,
                          "the repository has no such file: who committed it has not pushed "
                          "it, or to another server (`git lfs push --all`)");
    return out;
  }
  out["size"] = there->bytes;
  out["actions"] = {{"download", action(lfs, request, "objects/" + asked.oid)}};
  return out;
}

Result<Response> batch(const Lfs& lfs, const Request& request) {
  TRY(objects::check_lfs_repository(request.param("repository")));
  const BatchRequest asked = TRY(parse_batch(request.body));
  if (asked.operation == Operation::kUpload && !may(lfs.options.may_edit, request))
    return base::error(Code::kPermissionDenied,
                       "pushing needs EDIT on the workspace, which an administrator gives: user={}",
                       request.user);
  std::vector<std::string> oids;
  for (const AskedFile& file : asked.files) oids.push_back(file.oid);
  const std::vector<std::optional<LfsFile>> there =
      TRY(lfs.files.find(request.param("repository"), oids));
  JsonArray answers;
  for (std::size_t i = 0; i < oids.size(); ++i) {
    const AskedFile& file = asked.files[i];
    if (!file.problem.empty()) {
      answers.push_back(JsonObject{
          {"oid", file.oid}, {"size", file.bytes}, {"error", failed(422, file.problem)}});
    } else {
      answers.push_back(asked.operation == Operation::kUpload
                            ? answer_upload(lfs, request, file, there[i])
                            : answer_download(lfs, request, file, there[i]));
    }
  }
  return reply({{"transfer", "basic"}, {"objects", std::move(answers)}, {"hash_algo", "sha256"}});
}

Result<LfsFile> named_file(const Lfs& lfs, const Request& request, const std::string& oid) {
  TRY(objects::check_oid(oid));
  std::vector<std::optional<LfsFile>> found =
      TRY(lfs.files.find(request.param("repository"), {oid}));
  if (found.front()) return std::move(*found.front());
  return base::error(Code::kNotFound, "the repository has no such file: oid={}", oid);
}

// After an upload: what came is what was meant.
Result<Response> verify(const Lfs& lfs, const Request& request) {
  const JsonObject body = TRY(base::parse_json_object(request.body));
  const LfsFile file = TRY(named_file(lfs, request, TRY(base::get_string(body, "oid"))));
  const std::int64_t bytes = TRY(base::find_int(body, "size")).value_or(-1);
  if (file.bytes != bytes)
    return base::error(Code::kInvalidArgument, "the file has another size: oid={} bytes={}",
                       file.oid, file.bytes);
  return reply({});
}

Result<Response> download(const Lfs& lfs, const Request& request) {
  const LfsFile file = TRY(named_file(lfs, request, request.param("oid")));
  const auto size = static_cast<std::uint64_t>(file.bytes);
  Response response{.content_type = "application/octet-stream"};
  response.headers = {{"ETag", '"' + file.oid + '"'},
                      {"Accept-Ranges", "bytes"},
                      {"X-Content-Type-Options", "nosniff"}};
  const auto asked = http::parse_range(request.header("Range"), size);
  if (!asked) {
    response.status = 416;
    response.headers.emplace_back("Content-Range", fmt::format("bytes */{}", size));
    return response;
  }
  const http::ByteRange range = asked->value_or(http::ByteRange{0, size});
  if (*asked) {
    response.status = 206;
    response.headers.emplace_back(
        "Content-Range",
        fmt::format("bytes {}-{}/{}", range.offset, range.offset + range.bytes - 1, size));
  }
  if (request.method == Method::kHead) {
    response.stream = http::StreamBody{nullptr, range.bytes};  // only its length is told
    return response;
  }
  if (range.bytes == 0) return response;
  std::vector<objects::OpenPiece> pieces =
      TRY(lfs.contents.open(objects::part_of(file.pieces, static_cast<std::int64_t>(range.offset),
                                             static_cast<std::int64_t>(range.bytes))));
  objects::OpenPiece& only = pieces.front();  // a file arrives whole
  response.file = http::FileBody{std::move(only.file), static_cast<std::uint64_t>(only.offset),
                                 range.bytes, std::move(only.hold)};
  return response;
}

class Upload final : public http::BodySink {
 public:
  explicit Upload(std::unique_ptr<objects::Arrival> arrival) : arrival_(std::move(arrival)) {}
  Result<void> write(std::string_view bytes) override { return arrival_->write(bytes); }
  objects::Arrival& arrival() { return *arrival_; }

 private:
  const std::unique_ptr<objects::Arrival> arrival_;
};

Result<std::shared_ptr<http::BodySink>> open_upload(Contents& contents, const Request& request) {
  TRY(objects::check_lfs_repository(request.param("repository")));
  TRY(objects::check_oid(request.param("oid")));
  std::shared_ptr<http::BodySink> sink = std::make_shared<Upload>(contents.receive());
  return sink;
}

Result<Response> upload(const Lfs& lfs, const Request& request) {
  objects::Arrival& arrival = static_cast<Upload&>(*request.body_sink).arrival();
  arrival.end();
  if (arrival.sha256() != request.param("oid"))
    return base::error(Code::kInvalidArgument,
                       "the content is not what its oid says, nothing was kept: oid={} got={}",
                       request.param("oid"), arrival.sha256());
  TRY(arrival.finish());
  TRY(lfs.files.put(request.param("repository"), arrival));
  return reply({});
}

Result<Response> lock(const Lfs& lfs, const Request& request) {
  const LockRequest asked = TRY(parse_lock(request.body));
  const LfsFiles::NewLock made =
      TRY(lfs.files.lock(request.param("repository"), asked.path, asked.ref, owner_of(request)));
  JsonObject body{{"lock", to_json(made.lock)}};
  if (made.is_new) return reply(body, 201);
  body["message"] = fmt::format("already locked by {}: path={}", made.lock.owner, asked.path);
  return reply(body, 409);
}

Result<Response> list_locks(const Lfs& lfs, const Request& request) {
  const objects::LockPage page =
      TRY(lfs.files.locks(request.param("repository"),
                          {.path = request.query("path").value_or(""),
                           .id = request.query("id").value_or(""),
                           .after_path = request.query("cursor").value_or(""),
                           .limit = TRY(page_limit(request.query("limit").value_or("")))}));
  JsonArray locks;
  for (const objects::LfsLock& one : page.locks) locks.push_back(to_json(one));
  JsonObject body{{"locks", std::move(locks)}};
  if (page.is_truncated) body["next_cursor"] = page.locks.back().path;
  return reply(body);
}

// Before a push: whose locks stand in the way.
Result<Response> verify_locks(const Lfs& lfs, const Request& request) {
  const PageRequest asked = TRY(parse_verify_locks(request.body));
  const objects::LockPage page = TRY(
      lfs.files.locks(request.param("repository"),
                      {.path = {}, .id = {}, .after_path = asked.cursor, .limit = asked.limit}));
  JsonArray ours, theirs;
  for (const objects::LfsLock& one : page.locks)
    (one.owner == owner_of(request) ? ours : theirs).push_back(to_json(one));
  JsonObject body{{"ours", std::move(ours)}, {"theirs", std::move(theirs)}};
  if (page.is_truncated) body["next_cursor"] = page.locks.back().path;
  return reply(body);
}

Result<Response> unlock(const Lfs& lfs, const Request& request) {
  const bool is_forced = TRY(parse_unlock(request.body)) && may(lfs.options.may_manage, request);
  const objects::LfsLock gone =
      TRY(lfs.files.unlock(request.param("repository"), request.param("id"), owner_of(request),
                           is_forced ? LfsFiles::Force::kYes : LfsFiles::Force::kNo));
  return reply({{"lock", to_json(gone)}});
}

}  // namespace

std::vector<http::Route> lfs_routes(LfsFiles& files, Contents& contents, Options options) {
  const auto lfs = std::make_shared<const Lfs>(Lfs{files, contents, std::move(options)});
  const auto route = [&](Method method, std::string pattern, std::string summary,
                         Result<Response> (*answer)(const Lfs&, const Request&)) {
    return http::Route{
        .method = method,
        .pattern = "/lfs/{repository}/" + pattern,
        .summary = "Git LFS: " + std::move(summary),
        .handler =
            [lfs, answer](const Request& request) {
              Result<Response> response = answer(*lfs, request);
              return response ? std::move(*response) : error_reply(response.error());
            },
        .refuse = [](const Request&, const Error& error) { return error_reply(error); },
        .body_bytes_max = kMessageBytesMax,
        .tag = "lfs"};
  };
  std::vector<http::Route> routes = {
      route(Method::kPost, "objects/batch", "where files go, and where they are.", batch),
      route(Method::kGet, "objects/{oid}", "a file.", download),
      route(Method::kPost, "verify", "whether a file has arrived.", verify),
      route(Method::kGet, "locks", "the locks of a repository.", list_locks),
      route(Method::kPost, "locks", "locks a path.", lock),
      route(Method::kPost, "locks/verify", "locks, the user's and others'.", verify_locks),
      route(Method::kPost, "locks/{id}/unlock", "takes a lock away.", unlock)};
  http::Route putting = route(Method::kPut, "objects/{oid}",
                              "adds a file; its bytes are checked against its name.", upload);
  putting.body = http::Route::Body::kFile;
  putting.body_bytes_max = lfs->options.file_bytes_max;
  putting.open_sink = [lfs](const Request& request) { return open_upload(lfs->contents, request); };
  routes.push_back(std::move(putting));
  return routes;
}

Response no_route(const Request& request, const std::vector<Method>& allowed) {
  Response response = error_reply(
      base::error(Code::kNotFound,
                  "no such path of Git LFS; a repository's address is http://HOST/lfs/REPOSITORY "
                  "(git config -f .lfsconfig lfs.url ...): {} {}",
                  http::method_name(request.method), request.path));
  if (!allowed.empty()) response.status = 405;
  return response;
}

}  // namespace slipway::api::lfs
