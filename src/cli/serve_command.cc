#include "cli/serve_command.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <csignal>
#include <cstdlib>

#include "app/model_server.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/model_files.h"
#include "cli/scratch.h"

namespace slipway::cli {
namespace {

constexpr const char* kSageMakerModel = "/opt/ml/model";

struct ServeFlags {
  std::string model;
  app::ModelServerOptions options;
};

// "models:/NAME/VERSION": what it is called, and which version.
Result<void> name_after(const std::string& uri, app::ModelServerOptions& options) {
  constexpr std::string_view kModels = "models:/";
  const std::size_t slash = uri.rfind('/');
  if (!uri.starts_with(kModels) || slash < kModels.size()) return {};
  const std::string_view version = std::string_view(uri).substr(slash + 1);
  const auto [end, ec] =
      std::from_chars(version.data(), version.data() + version.size(), options.version);
  if (ec != std::errc() || end != version.data() + version.size())
    return base::error(Code::kInvalidArgument, "a version is a whole number: got={}", version);
  if (options.name.empty()) options.name = uri.substr(kModels.size(), slash - kModels.size());
  return {};
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

// What the clouds' containers are told: Vertex AI's AIP_* and SageMaker's port and folder.
Result<void> read_environment(ServeFlags& flags) {
  if (const std::string route = variable("AIP_HEALTH_ROUTE"); !route.empty())
    flags.options.health_route = route;
  if (const std::string route = variable("AIP_PREDICT_ROUTE"); !route.empty())
    flags.options.predict_route = route;
  for (const std::string& route : {flags.options.health_route, flags.options.predict_route}) {
    if (!route.empty() && !route.starts_with('/'))
      return base::error(Code::kInvalidArgument, "a route begins with a slash: got={}", route);
  }
  const bool is_vertex = !variable("AIP_HTTP_PORT").empty();
  if (flags.model.empty()) flags.model = variable("AIP_STORAGE_URI");
  if (flags.model.starts_with("file://")) flags.model.erase(0, 7);
  const bool is_sagemaker = flags.model.empty() && std::filesystem::exists(kSageMakerModel);
  if (is_sagemaker) flags.model = kSageMakerModel;
  // A container's port is asked from outside of it.
  if (flags.options.host.empty())
    flags.options.host = is_vertex || is_sagemaker ? "0.0.0.0" : "127.0.0.1";
  if (flags.model.empty()) {
    return base::error(Code::kInvalidArgument,
                       "which model? A folder or file, s3://BUCKET/FOLDER, models:/NAME/VERSION or "
                       "runs:/ID/PATH");
  }
  return {};
}

Result<void> run(const Context& context, ServeFlags flags) {
  TRY(read_environment(flags));
  Client client(context);
  const ModelFiles files = TRY(ModelFiles::fetch(client, flags.model));
  flags.options.model = files.path();
  TRY(name_after(files.uri(), flags.options));
  if (flags.options.name.empty()) flags.options.name = "model";
  // Blocked before any thread starts, so that sigwait below gets them.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGINT);
  sigaddset(&stop_signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file at its limit is an error of the write, not the end
  const Scratch scratch = TRY(Scratch::make("serve"));
  flags.options.scratch = scratch.path();
  const auto server = TRY(app::ModelServer::open(flags.options));
  TRY(server->start());
  std::fprintf(stderr, "serving %s\n  v2      %s/v2/models/%s\n  mlflow  %s/invocations\n",
               flags.model.c_str(), server->url().c_str(), flags.options.name.c_str(),
               server->url().c_str());
  int signal_number = 0;
  sigwait(&stop_signals, &signal_number);
  pthread_sigmask(SIG_UNBLOCK, &stop_signals, nullptr);
  server->stop();
  return {};
}

}  // namespace

void add_serve_command(CLI::App& root, Context& context, int& exit_code) {
  auto flags = std::make_shared<ServeFlags>();
  flags->options.name.clear();
  flags->options.host.clear();  // see read_environment
  CLI::App* serve = root.add_subcommand("serve", "Serve one model, and nothing else");
  serve->add_option("model", flags->model,
                    "A folder with an MLmodel, a model file, models:/NAME/VERSION, "
                    "models:/NAME@ALIAS or runs:/ID/PATH (of the server at --url), or "
                    "s3://BUCKET/FOLDER. Without: "
                    "AIP_STORAGE_URI, or /opt/ml/model");
  serve->add_option("--name", flags->options.name,
                    "What it is called over v1 and v2; without, as it is registered, or `model`");
  serve->add_option("--host", flags->options.host,
                    "Address to listen on; without, 127.0.0.1, and 0.0.0.0 in a cloud's container");
  serve->add_option("--port", flags->options.port, "HTTP port; 0 takes any free one")
      ->envname("AIP_HTTP_PORT")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  serve
      ->add_option("--python-models", flags->options.interpreter,
                   "The Python that runs models which need it, with what they need installed")
      ->envname("SLIPWAY_PYTHON_MODELS");
  serve
      ->add_option("--onnxruntime-library", flags->options.onnxruntime_library,
                   "libonnxruntime.so or its folder, for ONNX models that need it; without, where "
                   "libraries are")
      ->envname("SLIPWAY_ONNXRUNTIME_LIBRARY");
  serve->add_option("--grpc-port", flags->options.grpc_port, "gRPC port; 0: no gRPC")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  serve->callback([flags, &context, &exit_code] {
    const Result<void> served = run(context, *flags);
    exit_code = served ? kOk : fail(served.error(), context);
  });
}

}  // namespace slipway::cli
