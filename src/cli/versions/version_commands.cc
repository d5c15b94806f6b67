#include "cli/versions/version_commands.h"

#include <CLI/CLI.hpp>

#include "cli/versions/server_verbs.h"
#include "cli/versions/verify_verb.h"

namespace slipway::cli {
namespace {

using versions::RefKind;
using versions::Repository;

int say(const Context& context, const Result<Said>& said) {
  if (!said) return fail(said.error(), context);
  if (context.json) {
    std::printf("%s\n", base::to_text(said->json).c_str());
  } else {
    std::fputs(said->text.c_str(), stdout);
  }
  return said->exit_code;
}

// A verb that changes the repository: nobody else does meanwhile.
Result<Said> changing(const std::function<Result<Said>(Repository&)>& run) {
  Repository repository = TRY(repository_here());
  const store::FolderLock lock = TRY(repository.lock());
  TRY(repository.reopen_packs());  // whoever had the lock may have removed some
  return run(repository);
}

}  // namespace

void add_version_commands(CLI::App& data, Context& context, int& exit_code) {
  const auto verb = [&](const char* name, const char* what) {
    CLI::App* const added = data.add_subcommand(name, what);
    added->group("Versions of folders");
    return added;
  };
  const auto runs = [&context, &exit_code](CLI::App* of, std::function<Result<Said>()> run) {
    of->callback([&context, &exit_code, run = std::move(run)] { exit_code = say(context, run()); });
  };

  auto folder = std::make_shared<std::string>(".");
  CLI::App* one = verb("init", "Make a data repository in a folder");
  one->add_option("folder", *folder);
  runs(one, [folder] { return init(*folder); });

  auto paths = std::make_shared<std::vector<std::string>>();
  one = verb("add", "Keep files and folders as they are now, for the next commit");
  one->add_option("paths", *paths)->required();
  runs(one, [paths] { return changing([&](Repository& r) { return add(r, *paths); }); });

  struct CommitFlags {
    std::string message;
    bool all = false;
  };
  auto commits = std::make_shared<CommitFlags>();
  one = verb("commit", "Make what was added a version");
  one->add_option("-m,--message", commits->message, "What changed")->required();
  one->add_flag("-a,--all", commits->all, "Add the whole folder first");
  runs(one, [commits] {
    return changing([&](Repository& r) { return commit(r, commits->message, commits->all); });
  });

  runs(verb("status", "What would be committed, and what isn't added"), status);

  struct LogFlags {
    std::string from = "HEAD";
    std::size_t limit = 50;
  };
  auto logs = std::make_shared<LogFlags>();
  one = verb("log", "Versions, newest first");
  one->add_option("version", logs->from, "A branch, tag or commit; VERSION~N: N before it");
  one->add_option("--limit", logs->limit, "So many versions")
      ->check(CLI::Range(std::int64_t{1}, versions::kKeptMax));
  runs(one, [logs] { return log(logs->from, logs->limit); });

  struct DiffFlags {
    std::string from = "HEAD", to;
    bool exit_code = false;
  };
  auto diffs = std::make_shared<DiffFlags>();
  one = verb("diff", "Files that differ between two versions, or a version and the folder");
  one->add_option("from", diffs->from);
  one->add_option("to", diffs->to, "Left out: the folder as it is");
  one->add_flag("--exit-code", diffs->exit_code, "1 when something differs");
  runs(one, [diffs] { return diff(diffs->from, diffs->to, diffs->exit_code); });

  auto checkouts = std::make_shared<CheckoutFlags>();
  one = verb("checkout", "Make the folder, or a path in it, what a version has");
  one->add_option("version", checkouts->target)->required();
  one->add_option("from", checkouts->from, "With -b: where the branch begins, else here");
  one->add_option("--path", checkouts->path, "Only this file or folder; HEAD stays");
  one->add_flag("-b,--branch", checkouts->make_branch, "Begin a branch of that name here");
  one->add_flag("--force", checkouts->force, "Also where changes are lost");
  one->add_flag("--relink", checkouts->relink, "Make files that are as they should be anew, too");
  runs(one,
       [checkouts] { return changing([&](Repository& r) { return checkout(r, *checkouts); }); });

  auto restores = std::make_shared<RestoreFlags>();
  one = verb("restore", "Put back files as they were added, or take back what was added");
  one->add_option("paths", restores->paths)->required();
  one->add_option("-s,--source", restores->source, "As this version has them");
  one->add_flag("-S,--staged", restores->staged, "What is to be committed, as HEAD has it");
  one->add_flag("-W,--worktree", restores->work, "With --staged: the files as well");
  runs(one, [restores] { return changing([&](Repository& r) { return restore(r, *restores); }); });

  one = verb("unprotect", "Make read-only links of the cache files that may be written to");
  one->add_option("paths", *paths)->required();
  runs(one, [paths] { return changing([&](Repository& r) { return unprotect(r, *paths); }); });

  one = verb("check-ignore", "Which rule of .slipwayignore ignores a path; 1 when none does");
  one->add_option("paths", *paths)->required();
  runs(one, [paths] { return check_ignore(*paths); });

  auto setting = std::make_shared<std::pair<std::string, std::string>>();
  one = verb("config", "Settings: cache.type reflink,hardlink,copy (the first that works)");
  one->add_option("key", setting->first);
  one->add_option("value", setting->second);
  runs(one, [setting] {
    return changing([&](Repository& r) { return config(r, setting->first, setting->second); });
  });

  for (const RefKind kind : {RefKind::kBranch, RefKind::kTag}) {
    const bool is_tag = kind == RefKind::kTag;
    auto flags = std::make_shared<RefFlags>(RefFlags{.at = "HEAD"});
    one = verb(is_tag ? "tag" : "branch",
               is_tag ? "Name a version for good; all tags" : "Begin a branch; all branches");
    one->add_option("name", flags->name);
    one->add_option("version", flags->at);
    one->add_flag("-d,--delete", flags->remove);
    one->add_flag("--force", flags->force, "Move one that is there");
    runs(one,
         [flags, kind] { return changing([&](Repository& r) { return refs(r, kind, *flags); }); });
  }

  struct RemoteFlags {
    std::string name, folder, version;
    bool force = false, force_tags = false, set_upstream = false;
  };
  auto remotes = std::make_shared<RemoteFlags>();
  one = verb("push", "Bring the branch and its tags to the server");
  one->add_option("name", remotes->name,
                  "The repository there; else the first one that was named, or the folder's name");
  one->add_flag("--force", remotes->force, "Also where the server loses commits");
  one->add_flag("--force-tags", remotes->force_tags, "Tags that are elsewhere there, too");
  one->add_flag("-u,--set-upstream", remotes->set_upstream,
                "Pushes and pulls without a name go there from now on");
  runs(one, [remotes, &context] {
    return changing([&](Repository& r) {
      return push(r, context, remotes->name,
                  {.branch = remotes->force, .tags = remotes->force_tags},
                  remotes->set_upstream ? Origin::kIsSet : Origin::kStays);
    });
  });
  one = verb("pull", "Bring what the server has, and the folder to it");
  one->add_option("name", remotes->name);
  one->add_flag("--force", remotes->force, "Also where changes that weren't committed are lost");
  runs(one, [remotes, &context] {
    return changing([&](Repository& r) { return pull(r, context, remotes->name, remotes->force); });
  });
  runs(verb("repositories", "What can be cloned from the server"),
       [&context] { return repositories(context); });
  one = verb("clone", "A new folder with the server's repository");
  one->add_option("name", remotes->name)->required();
  one->add_option("folder", remotes->folder);
  one->add_option("--version", remotes->version, "A branch, tag or commit; else main");
  runs(one, [remotes, &context] {
    return clone(context, remotes->name, remotes->folder, remotes->version);
  });

  auto collects = std::make_shared<GcFlags>();
  one = verb("gc", "Remove content that no version has, and files of old versions");
  one->add_option("--keep-last", collects->keep_last, "Files of so many versions of each branch")
      ->check(CLI::Range(std::int64_t{0}, versions::kKeptMax));
  one->add_option("--keep-days", collects->keep_days, "Files of versions not older than that")
      ->check(CLI::Range(std::int64_t{0}, versions::kKeptMax));
  one->add_flag("-n,--dry-run", collects->dry_run, "Only say what would be removed");
  one->add_flag("-c,--cloud", collects->cloud, "Also on the server, for everybody");
  one->add_flag("--force", collects->force, "Also files that no server has");
  runs(one, [collects, &context] {
    return changing([&](Repository& r) -> Result<Said> {
      Said here = TRY(gc(r, *collects, TRY(missing_there(r, context))));
      if (!collects->cloud) return here;
      const Said there = TRY(gc_there(r, context, *collects));
      here.json["cloud"] = there.json;
      here.text += there.text;
      return here;
    });
  });

  struct VerifyFlags {
    std::string name;
    bool repairs = false, cloud = false;
  };
  auto verifies = std::make_shared<VerifyFlags>();
  one = verb("verify", "Read everything and compare it with its digests; 1 when it isn't whole");
  one->add_option("name", verifies->name, "With --cloud: the repository there");
  one->add_flag("--repair", verifies->repairs,
                "Bring what is damaged from the server, or with --cloud from here to it");
  one->add_flag("-c,--cloud", verifies->cloud, "What the server has, which reads it");
  runs(one, [verifies, &context]() -> Result<Said> {
    const auto& [name, repairs, cloud] = *verifies;
    if (!name.empty() && !cloud)
      return base::error(Code::kInvalidArgument, "only verify --cloud takes a name: {}", name);
    if (cloud && !name.empty() && !repairs) return verify_there(context, name, nullptr, false);
    return changing([&](Repository& r) -> Result<Said> {
      if (!cloud) return verify(r, context, repairs);
      return verify_there(context, TRY(remote_name(r, name)), &r, repairs);
    });
  });
}

}  // namespace slipway::cli
