// Copies artifacts of another store into the server's, file by file, each compared by its hash.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/mlflow_source/source.h"
#include "cli/client.h"

namespace slipway::cli {

struct CopiedArtifacts {
  std::int64_t files = 0, bytes = 0;   // at the source
  std::int64_t copied = 0;             // that weren't here
  std::vector<std::string> different;  // paths whose bytes here are not the source's
};

// One thread at a time. `client` must outlive it.
class ArtifactCopy {
 public:
  // `scratch` is a folder for what comes over the network.
  ArtifactCopy(Client& client, std::filesystem::path scratch)
      : client_(client), scratch_(std::move(scratch)) {}

  // All files of `from` below `root` of the server's artifacts ("1/abc/artifacts"). A file that is
  // here with the same bytes is not sent again; one with others is replaced. Every file is read
  // back from the server and compared.
  Result<CopiedArtifacts> copy(api::mlflow_source::ArtifactFolder& from, const std::string& root);

 private:
  Client& client_;
  const std::filesystem::path scratch_;
};

}  // namespace slipway::cli
