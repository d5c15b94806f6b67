// One stage of dvc.yaml as it will be run: templates and loops are gone.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace slipway::dvc {

struct Output {
  std::string path;
  bool cache = true;     // else its content is only on record
  bool persist = false;  // not removed before the command runs

  bool operator==(const Output&) const = default;
};

struct ParamsFile {
  std::string path;
  std::vector<std::string> keys;  // "train.rate"; empty: the whole file

  bool operator==(const ParamsFile&) const = default;
};

// Paths are as written, and below `wdir`.
struct Stage {
  std::string folder;  // of its dvc.yaml, below the project's; empty: that
  std::string name;    // "train", or "train@low" of a group
  Json cmd;            // a text, or a list of them
  std::string wdir;    // below the folder of its dvc.yaml; empty: that
  std::vector<std::string> deps;
  std::vector<ParamsFile> params;
  std::vector<Output> outs;  // metrics and plots, too
  bool frozen = false;
  bool always_changed = false;

  // As DVC says it in the project's folder: "train", or "sub/dvc.yaml:train".
  std::string address() const { return folder.empty() ? name : folder + "/dvc.yaml:" + name; }
  // It has nothing that could stay as it was.
  bool runs_always() const {
    return always_changed || (deps.empty() && params.empty() && outs.empty());
  }
};

}  // namespace slipway::dvc
