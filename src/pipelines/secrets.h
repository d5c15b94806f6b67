// Values that steps get by name and that nobody else shall see: from the server's environment, or
// a folder with a file for each.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/result.h"

namespace slipway::pipelines {

// Safe to use from several threads. Files are read each time, so a new value counts from the next
// step on.
class Secrets {
 public:
  struct Options {
    std::map<std::string, std::string> values;  // by name; a file of that name is not looked for
    std::filesystem::path folder;               // empty: there is none
  };
  explicit Secrets(Options options) : options_(std::move(options)) {}

  // What SLIPWAY_SECRET_NAME=value in this process' environment say, by name. They are gone from
  // there afterwards: what it starts doesn't inherit them, nor finds them under /proc. Only while
  // there are no other threads.
  static std::map<std::string, std::string> take_from_environment();
  // Takes one variable away in the same way.
  static void forget_variable(const std::string& name);

  // kNotFound: no such secret. kFailedPrecondition: others may read its file. kInvalidArgument: a
  // value that no variable can hold, or that is too short to be masked.
  Result<std::string> find(const std::string& name) const;
  // Values for the names in `given`, and for those in `masked` that are not given and that there
  // are; the others leave it. Errors of find() for one in `given`.
  Result<void> fill(std::map<std::string, std::string>& given,
                    std::map<std::string, std::string>& masked) const;

 private:
  Result<std::string> read(const std::filesystem::path& file) const;

  const Options options_;
};

}  // namespace slipway::pipelines
