// Versions of data between a repository on this machine and a server.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/client.h"
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

  // Brings the objects that commits need and that aren't here. Of those that `known` need none are
  // asked for.
  Result<Moved> fetch_objects(const std::vector<versions::Digest>& wanted,
                              const std::vector<versions::Digest>& known);

  // Of these objects those that the server doesn't have.
  Result<std::vector<versions::Digest>> missing_there(const std::vector<versions::Digest>& digests);

 private:
  std::string path(std::string_view rest) const;
  // `all`: how many bytes the objects have.
  Result<Moved> send(const std::vector<std::vector<versions::Digest>>& requests, std::uint64_t all);

  const Context context_;
  Client client_;
  versions::Repository& repository_;
  const std::string name_;
  const Progress progress_;
};

}  // namespace slipway::cli
