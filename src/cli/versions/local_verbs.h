// What the verbs of `slipway data` do, but for those that ask a server (server_verbs.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "versions/commits.h"

namespace slipway::cli {

// What a verb has to say: the same as JSON and for people.
struct Said {
  JsonObject json;
  std::string text;
  int exit_code = kOk;
};

struct CheckoutFlags {
  std::string target, path;
  std::string from = "HEAD";  // where a new branch begins
  bool make_branch = false, force = false;
  bool relink = false;  // also what is as it should be
};
struct RestoreFlags {
  std::vector<std::string> paths;
  std::string source;
  bool staged = false, work = false;  // neither: work
};
struct GcFlags {
  std::optional<std::uint64_t> keep_last, keep_days;
  bool dry_run = false, force = false;
  bool cloud = false;  // also on the server
};
struct RefFlags {
  std::string name, at;
  bool remove = false, force = false;
};

// Of the current folder, or one above.
Result<versions::Repository> repository_here();

Result<Said> init(const std::string& folder);
Result<Said> add(versions::Repository& repository, const std::vector<std::string>& paths);
Result<Said> commit(versions::Repository& repository, const std::string& message, bool all);
Result<Said> status();
Result<Said> log(const std::string& from, std::size_t limit);
// Without `to`: to the folder as it is.
Result<Said> diff(const std::string& from, const std::string& to, bool tell_by_exit_code);
Result<Said> checkout(versions::Repository& repository, const CheckoutFlags& flags);
Result<Said> restore(versions::Repository& repository, const RestoreFlags& flags);
Result<Said> unprotect(versions::Repository& repository, const std::vector<std::string>& paths);
// Which of them are ignored, and why; kFailed when none is, as `git
// check-ignore`.
Result<Said> check_ignore(const std::vector<std::string>& paths);
// Without `value`: as it is.
Result<Said> config(versions::Repository& repository, const std::string& key,
                    const std::string& value);
// Branches or tags: all of them without a name.
Result<Said> refs(versions::Repository& repository, versions::RefKind kind, const RefFlags& flags);
Result<Said> gc(versions::Repository& repository, const GcFlags& flags,
                const versions::MissingThere& missing_there);
Said say_collected(const versions::Compacted& done, bool is_dry_run, std::string_view where);

// What server_verbs.cc shares.
Said say_checked_out(std::string_view what, const versions::CheckedOut& done);
std::string shown(const versions::Digest& digest);
std::string shown(std::string_view name);  // on a terminal
std::string in_bytes(std::uint64_t bytes);
std::size_t threads();
versions::CommitDraft draft(std::string message);
versions::CheckoutOptions checkout_options(bool force, Progress& progress);

}  // namespace slipway::cli
