// What a person does with versions: commit, switch, bring together, look at what has changed.
#pragma once

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

// Brings `theirs` into HEAD's branch: forward to it where HEAD has nothing else, with a commit of
// both where it has. kConflict: both changed the same files, named; nothing is changed.
enum class Merged { kNothingNew, kForward, kBoth };
struct Merge {
  Merged how = Merged::kNothingNew;
  Digest commit{};  // HEAD's now
  CheckedOut files;
};
Result<Merge> merge(Repository& repository, const Digest& theirs, const CommitDraft& draft,
                    const CheckoutOptions& options);

// What branches, tags, origin's branches and HEAD name.
Result<std::vector<Digest>> named_commits(const Repository& repository);
// What the index has that HEAD hasn't.
Result<std::vector<FileChange>> find_added(const Repository& repository);
// From a version to the working folder as it is. Of a file that differs from the index only the
// size is known, its digest is zero.
Result<std::vector<FileChange>> diff_to_work(const Repository& repository, const Digest& from);

// What is missing of what the branches, the tags, HEAD and the index need, in words; empty:
// nothing.
Result<std::string> find_missing(const Repository& repository);
// Removes objects that no branch, no tag, HEAD and the index need. `repository` is opened anew.
Result<Compacted> collect_garbage(Repository& repository);

}  // namespace slipway::versions
