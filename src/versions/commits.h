// What a person does with versions: commit, switch, bring together, look at what has changed.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "versions/checkout.h"
#include "versions/diff.h"
#include "versions/repository.h"
#include "versions/upkeep.h"

namespace slipway::versions {

struct CommitDraft {
  std::string author, message;
  base::Timestamp time;
};

// Makes what the index has a version after HEAD, and the branch's newest. kFailedPrecondition: it
// is the same as HEAD; or nothing was ever added. kInvalidArgument: author or message are empty or
// no UTF-8.
Result<NamedCommit> commit(Repository& repository, const CommitDraft& draft);

// Makes the working folder that of `to` and follows its branch. kFailedPrecondition: files would be
// lost that were changed or added and not committed, named.
Result<CheckedOut> switch_to(Repository& repository, const Head& to,
                             const CheckoutOptions& options);

// Makes what is at `path` that of a version, and leaves HEAD where it is. kNotFound.
// kFailedPrecondition: as switch_to().
Result<CheckedOut> restore(Repository& repository, const Digest& from, const std::string& path,
                           const CheckoutOptions& options);

// Puts back what is at `path`, whatever was changed there: in the working folder that of the index,
// or in the index, or both, that of HEAD. Files that were never added stay. kNotFound.
struct RestoreOptions {
  bool work = true, index = false;
  std::optional<Digest> from;  // that version's instead
  CheckoutOptions checkout = {.changed = CheckoutOptions::Changed::kReplace};
};
Result<CheckedOut> restore(Repository& repository, const std::string& path,
                           const RestoreOptions& options);

// Brings `theirs` into HEAD's branch: forward to it where HEAD has nothing else, with a commit of
// both where it has. kConflict: both changed the same files, named; nothing is changed.
enum class Merged { kNothingNew, kForward, kBoth };
struct Merge {
  Merged how = Merged::kNothingNew;
  Digest commit{};  // HEAD's now
  CheckedOut files;
};
Result<Merge> merge(Repository& repository, const Digest& theirs, std::string_view called,
                    const CommitDraft& draft, const CheckoutOptions& options);

// What branches, tags, origin's branches and HEAD name. kCorruption: one of them is damaged.
Result<std::vector<Digest>> named_commits(const Repository& repository);
// What the index has that HEAD hasn't.
Result<std::vector<FileChange>> find_added(const Repository& repository);
// From a version to the working folder as it is. Of a file that differs from the index only the
// size is known, its digest is zero.
Result<std::vector<FileChange>> diff_to_work(const Repository& repository, const Digest& from);

// Reads the cache of links. A damaged file of it is not what its name says any more, and neither
// are the links of it in the working folder, however it came to that.
struct DamagedLink {
  std::string file;                // of the cache
  std::vector<std::string> links;  // by path
  bool is_edited = false;          // somebody wrote into it, as its times or mode say
};
Result<std::vector<DamagedLink>> verify_links(const Repository& repository);
// Files of the working folder that nobody has changed, as their marks say, and whose content is not
// what the index says all the same, or can't be read: their bytes changed on the disk, or were
// copied from a damaged pack. By path; links of the cache are not among them.
Result<std::vector<std::string>> verify_files(const Repository& repository, std::size_t threads);
// Makes those files anew from the packs. Gives those whose content the packs don't have, and those
// that somebody has changed since, which stay as they are; of the options it sets `changed` and
// `kept` itself, as does replace_links().
Result<std::vector<std::string>> replace_files(Repository& repository,
                                               const std::vector<std::string>& paths,
                                               CheckoutOptions options);
// Makes those links anew from the packs. What was edited leaves the cache alone, the files stay as
// they are in the working folder.
Result<void> replace_links(Repository& repository, const std::vector<DamagedLink>& damaged,
                           CheckoutOptions options);

// Removes objects that no branch, no tag, HEAD and the index need, and of the cache what no version
// has. `repository` is opened anew. kFailedPrecondition: files would go that no server has.
using MissingThere = std::function<Result<std::vector<Digest>>(const std::vector<Digest>&)>;
struct GcOptions {
  KeepPolicy keep;  // of the branches here
  bool loses_unpushed = false;
  // Which of these objects no server has; asked, if given, before files of a version go.
  MissingThere missing_there;
  GcMode mode = GcMode::kDo;
};
Result<Compacted> collect_garbage(Repository& repository, const GcOptions& options = {});

}  // namespace slipway::versions
