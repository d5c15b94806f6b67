#include "cli/run_task_command.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdlib>

#include "cli/client.h"
#include "cli/commands.h"
#include "kubeflow/task_run.h"

namespace slipway::cli {
namespace {

struct Flags {
  std::string file, out, item;
  std::vector<std::string> parameters, steps;  // NAME=VALUE
  bool prepares = false, finishes = false;
};

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

Result<std::map<std::string, std::string>> pairs_of(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> pairs;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos)
      return base::error(Code::kInvalidArgument, "expected NAME=VALUE: got={}", text);
    pairs[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return pairs;
}

Result<int> run(const Flags& flags) {
  kubeflow::TaskCall call{.file = flags.file, .out = flags.out};
  call.parameters = TRY(pairs_of(flags.parameters));
  for (const auto& [name, folder] : TRY(pairs_of(flags.steps))) call.steps[name] = folder;
  if (!flags.item.empty()) call.item = variable("SLIPWAY_ITEM");
  const std::string index = variable("SLIPWAY_ITEM_INDEX");
  std::from_chars(index.data(), index.data() + index.size(), call.item_index);
  call.run = variable("SLIPWAY_RUN_ID");
  call.step = variable("SLIPWAY_STEP");
  call.now = variable("SLIPWAY_NOW");
  call.needs = variable("SLIPWAY_NEEDS");
  if (flags.prepares) TRY(kubeflow::prepare_task(call));
  if (flags.finishes) TRY(kubeflow::finish_task(call));
  return flags.prepares || flags.finishes ? 0 : kubeflow::run_task(call);
}

}  // namespace

void add_run_task_command(CLI::App& root, Context& context, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* verb =
      root.add_subcommand("run-task", "A task of a Kubeflow pipeline, as its step runs it");
  verb->group("");  // not shown
  verb->add_option("file", flags->file, "What the compiler wrote of the task")->required();
  verb->add_option("--out", flags->out, "Folder for what it writes")->required();
  verb->add_option("--parameter", flags->parameters, "NAME=VALUE, of the run")
      ->allow_extra_args(false);
  verb->add_option("--step", flags->steps, "NAME=FOLDER, of an earlier step's outputs")
      ->allow_extra_args(false);
  verb->add_option("--item", flags->item, "The item; what counts is SLIPWAY_ITEM, which is JSON");
  verb->add_flag("--prepare", flags->prepares,
                 "Only say what its container, which runs elsewhere, is to run");
  verb->add_flag("--finish", flags->finishes, "Only take what that container has written");
  verb->callback([flags, &context, &exit_code] {
    const Result<int> code = run(*flags);
    exit_code = code ? *code : (fail(code.error(), context), kFailed);
  });
}

}  // namespace slipway::cli
