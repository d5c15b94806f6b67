// The steps of a promotion from one server to another. Each may be done again: a promotion that was
// broken off is finished by the next.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/client.h"

namespace slipway::cli {

// A version as its own server knows it.
struct PromotedVersion {
  std::string url;  // of that server
  std::string model;
  std::int64_t version = 0;
  std::string run_id, description;
  std::map<std::string, std::string> tags;
  Json gate;       // the newest verdict about it; null: there is none
  Json approvals;  // of its aliases: who let which through
  JsonArray aliases;
  JsonArray lineage;  // what it was made from (lineage_chain.h)

  bool is_refused() const;  // by its own server's gate
};

// `uri` is models:/NAME/VERSION or models:/NAME@ALIAS. kNotFound, kInvalidArgument.
Result<PromotedVersion> find_version(Client& source, const std::string& url,
                                     const std::string& uri);

struct ModelBytes {
  std::map<std::string, std::string> digests;  // by path below the model's folder, SHA-256
  std::string digest;                          // of them all
};
Result<ModelBytes> digest_of(const std::filesystem::path& model);

// Brings the files to the target's artifacts, below a folder that is called by their digest, and
// what speaks for them. Every file is read back and compared. Returns the folder's path there.
Result<std::string> bring_files(Client& target, const std::filesystem::path& model,
                                const ModelBytes& bytes, const PromotedVersion& version);

// The version of `model` that was brought from there with these bytes; nothing: there is none.
Result<std::optional<std::int64_t>> find_brought(Client& target, const std::string& model,
                                                 const PromotedVersion& from,
                                                 const ModelBytes& bytes);
// Makes it, in one step and complete, and the model where there is none. Of two that are made at
// once the first stays.
Result<std::int64_t> make_version(Client& target, const std::string& model,
                                  const PromotedVersion& from, const ModelBytes& bytes,
                                  const std::string& folder, const std::string& reason);

// The version that an alias points to; nothing: it points nowhere.
Result<std::optional<std::int64_t>> version_at(Client& client, const std::string& model,
                                               const std::string& alias);

}  // namespace slipway::cli
