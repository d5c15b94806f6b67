// A request of the log, and the model that answered it, asked again on this machine.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/local_model.h"
#include "serving/model.h"

namespace slipway::cli {

struct LoggedRequest {
  std::string endpoint, id;
  Json row;           // as the log tells of it, with "features" and "variants"
  Json answer;        // that of the variant that was answered with
  std::string model;  // models:/NAME/VERSION that gave it
};

// kNotFound: no such request. kFailedPrecondition: it had no answer, or not one that is logged.
Result<LoggedRequest> find_logged_request(Client& client, const std::string& endpoint,
                                          const std::string& id);

// What a model whose files are here answers to the logged inputs. kFailedPrecondition: they are not
// all in the log, with what is missing.
Result<std::vector<serving::Output>> ask_again(const std::filesystem::path& files,
                                               const LoggedRequest& request,
                                               const ModelRuntimes& runtimes);

// What each input had to do with the answer: [{"input","value","contribution"}], the largest
// first; for an answer of several sums those of the first. kFailedPrecondition: nobody can say for
// such a model.
Result<JsonArray> explain_again(const std::filesystem::path& files, const LoggedRequest& request,
                                const ModelRuntimes& runtimes);

}  // namespace slipway::cli
