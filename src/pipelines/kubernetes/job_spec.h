// What is asked of Kubernetes for one try of a step. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/timestamp.h"
#include "pipelines/executor.h"

namespace slipway::pipelines {

// Of a try, the same whenever it is asked for, so that making it twice makes it once. A name of
// DNS.
std::string job_name(const std::string& run, const std::string& step, base::Timestamp started);

// What they are found by.
constexpr std::string_view kManagedBy = "app.kubernetes.io/managed-by=slipway";
constexpr std::string_view kJobLabel = "slipway/job";
constexpr std::string_view kContainer = "step";

struct JobOptions {
  std::string space;  // namespace
  std::string url;    // of this server, as pods reach it
  std::vector<SharedVolume> volumes;
  std::int64_t user = 0, group = 0;  // whom pods run as, so that this server may read their files
};

// The values of `secrets` are those of a Secret of the Job's name; with any the Job is suspended
// until that is there.
JsonObject job_of(const Command& command, const std::vector<std::string>& secrets,
                  const JobOptions& options);
// Goes when the Job with this uid goes.
JsonObject secret_of(const std::string& job, const std::string& uid,
                     const std::map<std::string, std::string>& values);

}  // namespace slipway::pipelines
