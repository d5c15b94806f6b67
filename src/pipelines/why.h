// Why a step ran or did not, in words: from what went into its key then and the time before.
#pragma once

#include <map>
#include <string>

#include "pipelines/plan.h"
#include "pipelines/run_table.h"

namespace slipway::pipelines {

// Of a step that isn't cached.
inline constexpr std::string_view kTakesNothing = "the run takes nothing from the cache";
std::string why_never_cached(const StepDefinition& definition);

// Of a step that no earlier run of `pipeline`, created before `before`, has the answer for.
// `params` are those that its command has.
Result<std::string> why_it_runs(RunTable& table, const std::string& pipeline,
                                const std::string& step, base::Timestamp before,
                                const StepDefinition& definition,
                                const std::map<std::string, std::string>& params,
                                const JsonObject& key_document);

// "since run 12ab: code/train.py changed; parameter rate changed from 1 to 2"; empty: nothing
// differs.
std::string explain_since(const RunTable::KeyOfRun& before, const std::string& pipeline,
                          const StepDefinition& definition,
                          const std::map<std::string, std::string>& params,
                          const JsonObject& key_document);

// Of a step of a run that is over or goes on.
Result<std::string> why_it_is_so(RunTable& table, const RunRecord& run, const StepRecord& step,
                                 const StepDefinition& definition);

}  // namespace slipway::pipelines
