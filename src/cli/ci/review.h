// A pull request judged by what its pipelines come to, beside what the base's come to. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace slipway::cli {

// A limit on one value, or on all that a name with `*` means.
struct CiLimit {
  std::string value;                 // PIPELINE/STEP/FILE: bytes; with #a.b: of its JSON
  std::optional<double> min, max;    // whatever the base has
  std::optional<double> drop, rise;  // at most so much less, or more, than the base
};

struct CiPipeline {
  std::string name;
  std::vector<std::string> until;  // these steps and what they need; empty: all
  std::map<std::string, std::string> params;
  std::string place = {};  // "line 3, column 7" of slipway.yaml; empty: it isn't named there
};

// `ci:` of slipway.yaml.
struct CiPolicy {
  std::vector<CiPipeline> pipelines;  // empty: all that are declared
  std::vector<CiLimit> limits;
  std::optional<double> quarantined;  // of a dataset's rows, at most this share
};
// kInvalidArgument with line and column.
Result<CiPolicy> parse_ci(std::string_view slipway_yaml);

struct CiGateCheck {
  std::string name, text;
  bool ok = false;
  std::optional<double> value, bound;
};

struct CiStep {
  std::string name, state, reason, folder;
  JsonObject key;        // what went into its key
  std::string log_tail;  // of one that failed or said no
};

struct CiRun {
  std::string pipeline, state, reason;
  std::vector<CiStep> steps;
  std::map<std::string, double> values;  // as CiLimit names them
  std::vector<CiGateCheck> gate;
};

struct CiDataset {
  std::string name, digest;
  std::int64_t rows = 0, quarantined = 0;
  std::string problem;  // why it was not taken in
};

// What one commit comes to.
struct CiSide {
  std::string commit;
  std::string problem;  // why it could not be run at all
  std::vector<CiDataset> datasets;
  std::vector<CiRun> runs;
};

enum class CiVerdict { kPasses, kSaysNo, kBroke };

struct CiCheck {
  std::string name;
  std::optional<double> base, now;
  std::string limit, word;  // word: ok | too low | no base | ...
  bool ok = true;
};

struct CiReview {
  CiVerdict verdict = CiVerdict::kPasses;
  std::string sentence;
  std::vector<CiCheck> checks;
};

CiReview judge_change(const CiPolicy& policy, const CiSide& base, const CiSide& head);

// Numbers of JSON by their path: {"auc": 1, "slices": {"north": 2}} gives "auc", "slices.north".
// A null is NaN: a value that is missing.
void collect_numbers(const Json& value, const std::string& path,
                     std::map<std::string, double>& numbers);

// The report for GitHub and GitLab, at most kCiReportBytesMax long: the same results give the same
// bytes.
inline constexpr std::size_t kCiReportBytesMax = 60000;  // a comment of GitHub takes 65,536
std::string ci_report(const CiReview& review, const std::vector<std::string>& changed_files,
                      const CiSide& base, const CiSide& head);

// Text from outside as one line of a Markdown table: no markup, mentions or line ends.
std::string markdown_cell(std::string_view text, std::size_t length = 160);

}  // namespace slipway::cli
