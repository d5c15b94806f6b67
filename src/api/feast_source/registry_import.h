// A Feast registry as definitions of ours: what maps, and of what doesn't the reason. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/feast_source/declaration.h"
#include "base/result.h"

namespace slipway::api::feast_source {

// One thing that is not here as it was there.
struct Remark {
  enum class What { kLeftOut, kDiffers };
  std::string kind, name;  // "view", "driver_stats"
  What what = What::kLeftOut;
  std::string why;
};

struct Imported {
  Declaration declaration;
  std::vector<Remark> remarks;  // in the order of the registry

  std::string yaml() const;  // with the remarks as comments
};

struct ImportOptions {
  std::string project;  // of a registry with several; empty: the only one
  // Where files are that Feast names relative to its repository, as slipway.yaml names them: "" or
  // "../repo/".
  std::string files;
};

// `registry`: the bytes of feast.core.Registry. kInvalidArgument: they are no registry, or it has
// several projects and none is named; kNotFound: not that one.
Result<Imported> import_registry(std::string_view registry, const ImportOptions& options);

}  // namespace slipway::api::feast_source
