// What serving needs of others, in its own words; app connects them.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/timestamp.h"
#include "serving/batch.h"

namespace slipway::serving {

// Where the files of a pinned model are. Safe to use from several threads.
class ModelSource {
 public:
  virtual ~ModelSource() = default;
  // A folder with an MLmodel or a model file. kNotFound.
  virtual Result<std::filesystem::path> locate(const std::string& uri) = 0;
};

// Features by key. Safe to use from several threads; touches no disk.
class FeatureLookup {
 public:
  virtual ~FeatureLookup() = default;

  enum class RequestType {
    kNumber,
    kWhole,  // may be sent as the text of its digits, which are more than a double holds
    kText,
    kTime
  };
  struct Shape {
    std::vector<std::string> request;        // columns a caller sends
    std::vector<RequestType> request_types;  // by request column
    std::vector<std::string> outputs;        // features that come back
    std::vector<bool> is_text;               // by output
  };
  // kNotFound: no such service.
  virtual Result<Shape> shape(const std::string& service) = 0;
  // Whether look_up() may wait for another machine: then it isn't done by threads that own sockets.
  virtual bool may_wait() const { return false; }
  // `names` and `cells` are what was sent, one row after the other; missing ones are missing
  // values. Gives, likewise, a value per feature of `wanted`, as known at the row's `as_of`.
  // kInvalidArgument naming a cell of the wrong type; kFailedPrecondition: the service no longer
  // gives a feature.
  virtual Result<std::vector<FeatureValue>> look_up(const std::string& service,
                                                    std::span<const std::string> wanted,
                                                    std::span<const std::string_view> names,
                                                    std::span<const Cell> cells,
                                                    std::span<const base::Timestamp> as_of) = 0;
};

// Of a server that has models and no feature services.
class NoFeatures final : public FeatureLookup {
 public:
  Result<Shape> shape(const std::string& service) override { return missing(service); }
  Result<std::vector<FeatureValue>> look_up(const std::string& service,
                                            std::span<const std::string>,
                                            std::span<const std::string_view>,
                                            std::span<const Cell>,
                                            std::span<const base::Timestamp>) override {
    return missing(service);
  }

 private:
  static Error missing(const std::string& service) {
    return base::error(Code::kNotFound, "no feature service is served here: name={}", service);
  }
};

}  // namespace slipway::serving
