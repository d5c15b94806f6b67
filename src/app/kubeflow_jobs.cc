#include "app/kubeflow_jobs.h"

#include "kubeflow/compiler.h"
#include "kubeflow/task_run.h"

namespace slipway::app {

using pipelines::Command;
using pipelines::Exit;

bool is_kubeflow_task(const Command& command) {
  return command.kubernetes && command.text.starts_with(kubeflow::kTaskCommand);
}

Result<Exit> run_kubeflow_task(const Command& command, pipelines::Executor& here,
                               pipelines::Executor& jobs,
                               const std::function<pipelines::Wish()>& wish) {
  const std::filesystem::path out = command.environment.at("SLIPWAY_OUT");
  if (kubeflow::is_finished(out)) return Exit{};  // before this server came
  const auto run_here = [&](const char* flag) {
    Command own = command;
    own.text += flag;
    own.kubernetes.reset();
    own.timeout.reset();
    own.resources = {};
    own.is_followed = false;
    return here.run(own, wish);
  };
  const auto is_done = [](const Exit& exit) {
    return exit.kind == Exit::Kind::kExited && exit.code == 0;
  };
  const Exit prepared = TRY(run_here(" --prepare"));
  if (!is_done(prepared)) return prepared;
  kubeflow::TaskContainer container = TRY(kubeflow::prepared_container(out));
  Command job = command;
  job.kubernetes->words = std::move(container.words);
  for (auto& [name, value] : container.environment) job.environment[name] = std::move(value);
  Exit exit = TRY(jobs.run(job, wish));
  if (!is_done(exit)) {
    exit.code = kubeflow::exit_code_of_task(exit.code);
    return exit;
  }
  const Exit finished = TRY(run_here(" --finish"));
  return is_done(finished) ? exit : finished;
}

}  // namespace slipway::app
