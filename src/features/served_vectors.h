// What the skew meter needs of others: what was served, and what was defined when.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "types/frame.h"
#include "types/timestamp.h"

namespace slipway::features {

// Safe to use from several threads.
class ServedVectors {
 public:
  virtual ~ServedVectors() = default;

  struct Endpoint {
    std::string name, service;
    std::set<std::string> float32;  // features that its models read as such
  };
  // Those with a feature service.
  virtual Result<std::vector<Endpoint>> endpoints() = 0;

  // Calls `each` with the rows of the request log (docs/formats/request_log.md) that came at
  // from <= t < to, one part of the log after the other, with those of `columns` that it has. An
  // error of `each` ends it. A row comes at its arrival time; in a rehearsal, where the past is
  // asked about now, at its event time.
  using EachPart = std::function<Result<void>(const types::Frame& part)>;
  virtual Result<void> each_served(const std::string& endpoint, types::Timestamp from,
                                   types::Timestamp to, const std::vector<std::string>& columns,
                                   const EachPart& each) = 0;
  // When a request came. kNotFound.
  virtual Result<types::Timestamp> find(const std::string& endpoint, const std::string& id) = 0;

  struct Applied {
    std::string yaml;  // a slipway.yaml
    types::Timestamp at;
  };
  // What was put in force, the newest first, at most `limit`.
  virtual Result<std::vector<Applied>> applied(std::size_t limit) = 0;
};

}  // namespace slipway::features
