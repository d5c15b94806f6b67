// invocations reads questions and writes answers: S3, and one folder of this machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "invocations/ports.h"
#include "store/object_store.h"

namespace slipway::app {

// Locations are s3://BUCKET/KEY, with the variables that store/s3.h lists, and absolute paths and
// file: URIs below the root. Safe to use from several threads.
class InvocationFiles final : public invocations::Files {
 public:
  struct Options {
    std::filesystem::path root;     // of local locations; empty: there are none
    std::filesystem::path scratch;  // for files on their way to a storage; is there
    std::uint64_t input_bytes_max = 64 << 20;
  };
  InvocationFiles(const base::Clock& clock, base::Random& random, Options options);

  Result<void> check(const std::string& location) override;
  Result<std::string> read(const std::string& location) override;
  Result<void> write(const std::string& location, std::string_view bytes,
                     const std::string& content_type) override;

 private:
  struct Place {
    std::string storage;  // a bucket's URI or the root
    std::string path;     // below it
  };
  Result<Place> place_of(const std::string& location) const;
  Result<std::shared_ptr<store::ObjectStore>> open(const std::string& storage);

  const base::Clock& clock_;
  base::Random& random_;
  const Options options_;
  base::Mutex mutex_;
  std::map<std::string, std::shared_ptr<store::ObjectStore>> storages_ GUARDED_BY(mutex_);
};

}  // namespace slipway::app
