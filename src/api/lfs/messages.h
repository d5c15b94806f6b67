// What Git LFS and a server say to each other, as JSON. Pure; fuzzed.
// https://github.com/git-lfs/git-lfs/blob/main/docs/api/README.md
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/http/router.h"
#include "base/json.h"
#include "objects/lfs_files.h"

namespace slipway::api::lfs {

enum class Operation { kUpload, kDownload };

struct AskedFile {
  std::string oid;
  std::int64_t bytes = 0;
  std::string problem;  // why it can't be one; empty: it can
};

struct BatchRequest {
  Operation operation = Operation::kDownload;
  std::vector<AskedFile> files;
};

// kInvalidArgument: it is none, or asks for a transfer or a hash that we don't do.
Result<BatchRequest> parse_batch(std::string_view body);

struct LockRequest {
  std::string path, ref;
};
Result<LockRequest> parse_lock(std::string_view body);
// Whether by force. An empty body asks for nothing.
Result<bool> parse_unlock(std::string_view body);

struct PageRequest {
  std::string cursor;  // a path; empty: from the start
  std::size_t limit = 100;
};
Result<PageRequest> parse_verify_locks(std::string_view body);
// 1 to 1000; nothing: 100. kInvalidArgument.
Result<std::size_t> page_limit(std::string_view text);

JsonObject to_json(const objects::LfsLock& lock);

http::Response reply(const JsonObject& body, int status = 200);
http::Response error_reply(const Error& error);

}  // namespace slipway::api::lfs
