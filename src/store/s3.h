// An object store in a bucket of Amazon S3 or of anything that speaks its protocol (MinIO, Ceph,
// Garage, VersityGW...). docs/decisions/0005-s3-client.md.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "store/aws_signature.h"
#include "store/object_store.h"

namespace slipway::store {

struct S3Options {
  std::string bucket;
  std::string prefix;       // of every key, without '/' at either end; empty: the whole bucket
  std::string endpoint;     // "http://127.0.0.1:9000"; empty: Amazon's, by region
  bool path_style = false;  // http://host/bucket/key instead of http://bucket.host/key
  AwsIdentity identity;
  // Larger files are sent in parts, some at the same time, each of which is in memory until the
  // storage has it. The storage takes 10,000 parts a file, so very large files have larger ones.
  std::int64_t part_bytes = 16 << 20;
  int parts_parallel = 4;
  int tries = 5;             // of a request that got no answer, or "try again"
  int first_pause_ms = 100;  // between the first two tries; doubles
};

// From "s3://bucket/prefix" and the variables that Amazon's tools and MLflow read:
// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION or AWS_DEFAULT_REGION,
// AWS_PROFILE and AWS_SHARED_CREDENTIALS_FILE, MLFLOW_S3_ENDPOINT_URL or AWS_ENDPOINT_URL_S3 or
// AWS_ENDPOINT_URL, MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE. With an endpoint of its own the style is
// by path unless said otherwise. kInvalidArgument: not such a URI, or no credentials.
Result<S3Options> s3_options(
    std::string_view uri,
    const std::function<std::optional<std::string>(const std::string&)>& environment);

// Asks nothing yet. `clock` must outlive it.
std::unique_ptr<ObjectStore> open_s3_objects(S3Options options, const base::Clock& clock);

}  // namespace slipway::store
