// Pipelines that were uploaded, and their versions. Safe to use from several threads.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "kubeflow/plans.h"
#include "store/db.h"

namespace slipway::kubeflow {

struct Pipeline {
  std::string id, name, display_name, description;
  base::Timestamp created;
};

struct Version {
  std::string id, pipeline, name, display_name, description;
  base::Timestamp created;
  std::string plan;
};

// What a client calls a thing; without a display name the name is shown.
struct Naming {
  std::string name, display_name, description;
};

class Catalog {
 public:
  Catalog(store::Db& db, Plans& plans, const base::Clock& clock, base::Random& random)
      : db_(db), plans_(plans), clock_(clock), random_(random) {}

  // kAlreadyExists, kInvalidArgument: no name.
  Result<Pipeline> create(const Naming& naming);
  // A pipeline and its first version, or neither. An empty name: the spec's. As Plans::keep.
  Result<Pipeline> upload(Naming naming, const Json& spec, const std::string& actor);
  // kNotFound: no such pipeline. kAlreadyExists: it has a version of that name.
  Result<Version> upload_version(const std::string& pipeline, Naming naming, const Json& spec,
                                 const std::string& actor);

  Result<Pipeline> find(const std::string& id);            // kNotFound
  Result<Pipeline> find_by_name(const std::string& name);  // kNotFound
  Result<std::vector<Pipeline>> all();
  Result<Version> find_version(const std::string& pipeline, const std::string& id);  // kNotFound
  // Newest first. kNotFound: no such pipeline.
  Result<std::vector<Version>> versions(const std::string& pipeline);
  Result<void> remove(const std::string& id);  // with its versions; runs stay
  Result<void> remove_version(const std::string& pipeline, const std::string& id);

 private:
  static Result<void> insert(store::Tx& tx, const Pipeline& pipeline);
  static Result<void> insert(store::Tx& tx, const Version& version);
  Pipeline made(const Naming& naming);
  Version made(const std::string& pipeline, const Naming& naming, const std::string& plan);

  store::Db& db_;
  Plans& plans_;
  const base::Clock& clock_;
  base::Random& random_;
};

}  // namespace slipway::kubeflow
