#include "api/lfs/messages.h"

#include <charconv>

#include "types/timestamp.h"

namespace slipway::api::lfs {
namespace {

constexpr std::size_t kPageDefault = 100, kPageMax = 1000;

AskedFile read_file(const Json& json) {
  AskedFile file;
  const JsonObject* object = json.if_object();
  if (object == nullptr) {
    file.problem = "an object of the batch has an oid and a size";
    return file;
  }
  const auto oid = base::get_string(*object, "oid");
  const auto bytes = base::find_int(*object, "size");
  if (oid) file.oid = *oid;
  if (bytes && *bytes) file.bytes = **bytes;
  if (const Result<void> good = objects::check_oid(file.oid); !good) {
    file.problem = good.error().message;
  } else if (!bytes || !*bytes || file.bytes < 0) {
    file.problem = "a size is a number of bytes, from 0 on";
  }
  return file;
}

Result<void> check_transfers(const JsonObject& body) {
  const Json* transfers = body.if_contains("transfers");
  if (transfers == nullptr || transfers->is_null()) return {};
  if (const JsonArray* list = transfers->if_array()) {
    if (list->empty()) return {};
    for (const Json& one : *list) {
      if (one.is_string() && one.get_string() == "basic") return {};
    }
  }
  return base::error(Code::kInvalidArgument, "of LFS's transfers only basic is here");
}

// {"ref": {"name": "refs/heads/main"}}
Result<std::string> ref_of(const JsonObject& body) {
  const Json* ref = body.if_contains("ref");
  if (ref == nullptr || !ref->is_object()) return std::string();
  return TRY(base::find_string(ref->get_object(), "name")).value_or("");
}

constexpr std::size_t kBatchMax = 1000;  // git-lfs asks for a hundred at a time

int status_of(Code code) {
  // A request that can be read and makes no sense is 422 in this protocol.
  if (code == Code::kResourceExhausted) return 413;  // a batch of too many
  return code == Code::kInvalidArgument ? 422 : http::http_status(code);
}

}  // namespace

Result<BatchRequest> parse_batch(std::string_view body) {
  const JsonObject object = TRY(base::parse_json_object(body));
  BatchRequest batch;
  const std::string operation = TRY(base::get_string(object, "operation"));
  if (operation != "upload" && operation != "download")
    return base::error(Code::kInvalidArgument, "an operation is upload or download: got={}",
                       operation.substr(0, 100));
  batch.operation = operation == "upload" ? Operation::kUpload : Operation::kDownload;
  TRY(check_transfers(object));
  const std::string hash = TRY(base::find_string(object, "hash_algo")).value_or("sha256");
  if (hash != "sha256")
    return base::error(Code::kInvalidArgument, "files are named by sha256 here: hash_algo={}",
                       hash.substr(0, 100));
  const Json* objects = object.if_contains("objects");
  if (objects == nullptr || !objects->is_array())
    return base::error(Code::kInvalidArgument, "a batch has a list of objects");
  if (objects->get_array().size() > kBatchMax)
    return base::error(Code::kResourceExhausted, "too many objects in a batch: objects={} max={}",
                       objects->get_array().size(), kBatchMax);
  for (const Json& one : objects->get_array()) batch.files.push_back(read_file(one));
  return batch;
}

Result<LockRequest> parse_lock(std::string_view body) {
  const JsonObject object = TRY(base::parse_json_object(body));
  LockRequest lock;
  lock.path = TRY(base::get_string(object, "path"));
  lock.ref = TRY(ref_of(object));
  return lock;
}

Result<bool> parse_unlock(std::string_view body) {
  if (body.empty()) return false;
  const JsonObject object = TRY(base::parse_json_object(body));
  const Json* force = object.if_contains("force");
  return force != nullptr && force->is_bool() && force->get_bool();
}

Result<PageRequest> parse_verify_locks(std::string_view body) {
  PageRequest page;
  if (body.empty()) return page;
  const JsonObject object = TRY(base::parse_json_object(body));
  page.cursor = TRY(base::find_string(object, "cursor")).value_or("");
  if (const auto limit = TRY(base::find_int(object, "limit")))
    page.limit = TRY(page_limit(std::to_string(*limit)));
  return page;
}

Result<std::size_t> page_limit(std::string_view text) {
  if (text.empty() || text == "0") return kPageDefault;
  std::size_t limit = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (ec != std::errc() || end != text.data() + text.size())
    return base::error(Code::kInvalidArgument, "a limit is a number from 1 to {}: got={}", kPageMax,
                       text.substr(0, 100));
  return std::min(limit, kPageMax);
}

JsonObject to_json(const objects::LfsLock& lock) {
  return {{"id", lock.id},
          {"path", lock.path},
          {"locked_at", types::to_rfc3339({lock.locked_at.micros / 1'000'000 * 1'000'000})},
          {"owner", {{"name", lock.owner}}}};
}

http::Response reply(const JsonObject& body, int status) {
  http::Response response = http::Response::json(base::to_text(body), status);
  response.content_type = "application/vnd.git-lfs+json";
  return response;
}

http::Response error_reply(const Error& error) {
  return reply({{"message", error.message}}, status_of(error.code));
}

}  // namespace slipway::api::lfs
