// The log of a step that another one than the step itself writes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "pipelines/masker.h"
#include "store/file_system.h"

namespace slipway::pipelines {

// Appends, with *** for secrets. What can't be written, as on a full disk, is lost with all that
// follows, and the server's own log says so: a step doesn't fail for it. One thread at a time.
class StepLog {
 public:
  // kResourceExhausted: it can't be opened.
  static Result<StepLog> open(const std::filesystem::path& file,
                              const std::vector<std::string>& secrets);

  void write(std::string_view text) { append(masker_.pass(text)); }
  // What may have been the beginning of a secret; none follows.
  void finish() { append(masker_.finish()); }
  // These are the secrets from now on.
  void hide(const std::vector<std::string>& secrets);

  bool is_all_there() const { return !masker_.holds(); }  // of what was written
  std::int64_t size() const;                              // of the file, in bytes
  bool cut(std::int64_t size);                            // false: it can't be

 private:
  StepLog(store::FileHandle file, const std::vector<std::string>& secrets)
      : file_(std::move(file)), masker_(secrets) {}
  void append(std::string_view text);

  store::FileHandle file_;
  Masker masker_;
  bool is_full_ = false;
};

}  // namespace slipway::pipelines
