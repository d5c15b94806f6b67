// Versions of data between a repository on this machine and a server.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/progress.h"
#include "cli/versions/local_verbs.h"
#include "versions/repository.h"

namespace slipway::cli {

struct ServerRef {
  versions::RefKind kind = versions::RefKind::kBranch;  // or kTag
  std::string name;
  versions::Digest commit{};
};

struct Moved {
  std::uint64_t objects = 0, bytes = 0;
};

// What the server finds of all objects of `name`, or of these: JSON of versions::Examined.
Result<Json> examine_there(Client& client, const std::string& name,
                           const std::optional<std::vector<versions::Digest>>& only);
// What is damaged or missing, and of which files and versions, in lines: JSON of
// versions::Examined. No more than fifty.
std::string damage_text(const Json& examined);

// Shows how many bytes have moved.
class BytesMoved {
 public:
  explicit BytesMoved(std::string what) : what_(std::move(what)) {}
  void operator()(std::uint64_t done, std::uint64_t all) {
    progress_.at(static_cast<std::int64_t>(done >> 20),
                 fmt::format("{} {} of {}", what_, in_bytes(done), in_bytes(all)));
  }

 private:
  const std::string what_;
  Progress progress_{"MB", std::nullopt};
};

// One thread at a time; `repository` must outlive it.
class Exchange {
 public:
  // `name`: of the repository on the server. `progress` has the bytes moved and those in all, as
  // far as that is known.
  using Progress = std::function<void(std::uint64_t done, std::uint64_t all)>;
  Exchange(const Context& context, versions::Repository& repository, std::string name,
           Progress progress);

  // Nothing: the server has no such repository.
  Result<std::optional<std::vector<ServerRef>>> refs();

  // Brings the server the objects of `commit` that it lacks; what the commits `there` need it has.
  // Goes on where a broken one stopped.
  Result<Moved> send_objects(const versions::Digest& commit,
                             const std::vector<versions::Digest>& there);
  // Moves a branch or a tag there. kConflict: somebody else has, see versions/hub.h.
  Result<void> move_ref(versions::RefKind kind, const std::string& name,
                        const std::optional<versions::Digest>& from, const versions::Digest& to,
                        bool force);

  // Brings the server these objects, which are here. kCorruption: one is damaged here.
  Result<Moved> send_objects(const std::vector<versions::Digest>& digests);

  // Brings the objects that commits need and that aren't here. Of those that `known` need none are
  // asked for. kCorruption: some are damaged or missing there, named; of damaged ones the others
  // are here then.
  Result<Moved> fetch_objects(const std::vector<versions::Digest>& wanted,
                              const std::vector<versions::Digest>& known);

  // Of these objects, which aren't here, brings those that the server has and that aren't damaged
  // there; it has the repository.
  Result<Moved> fetch_whole(const std::vector<versions::Digest>& digests);

  // The server removes those of them that are damaged, to have them sent anew.
  Result<void> drop_damaged(const std::vector<versions::Digest>& digests);

  // Of these objects those that the server doesn't have.
  Result<std::vector<versions::Digest>> missing_there(const std::vector<versions::Digest>& digests);

 private:
  std::string path(std::string_view rest) const;
  // `all`: how many bytes the objects have.
  Result<Moved> send(const std::vector<std::vector<versions::Digest>>& requests, std::uint64_t all);
  // As many of the front as one reply has; those that aren't what they are called are `bad`. Gives
  // how many came.
  Result<std::size_t> fetch_some(versions::PackWriter& writer,
                                 std::span<const versions::Digest> digests,
                                 std::vector<versions::Digest>& bad, Moved& moved);
  // How the server's copies of these are damaged, which came so.
  Error damaged_there(const std::vector<versions::Digest>& digests);

  const Context context_;
  Client client_;
  versions::Repository& repository_;
  const std::string name_;
  const Progress progress_;
};

}  // namespace slipway::cli
