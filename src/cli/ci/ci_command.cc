#include "cli/ci/ci_command.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fstream>

#include "cli/ci/checkout.h"
#include "cli/ci/side.h"
#include "cli/ci/template.h"
#include "cli/commands.h"
#include "cli/scratch.h"
#include "store/file_system.h"

namespace slipway::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kWhyLength = 2000;

struct Flags {
  std::string base, data = ".slipway-ci", report;
  std::vector<std::string> pipelines;
};

struct Outcome {
  CiReview review;
  std::string report;
};

// The base must not stop the change that mends it: what is wrong with it is told.
Result<CiSide> run_base(Client& client, const Checkout& checkout, const CiPolicy& policy,
                        const Flags& flags, const fs::path& data) {
  CiSide side;
  side.commit = checkout.base;
  const Scratch scratch = TRY(Scratch::make("ci-base"));
  TRY(copy_base(checkout, scratch.path(), data));
  const auto yaml = store::read_file(scratch.path() / "slipway.yaml");
  if (!yaml) {
    side.problem = "it has no slipway.yaml";
    return side;
  }
  const auto project = ci_project(*yaml, policy, flags.pipelines, Missing::kLeftOut);
  if (!project) {
    side.problem = project.error().message;
    return side;
  }
  auto ran = run_side(client, *project, scratch.path(), checkout.base, CiFollows::kNothing);
  if (!ran) {
    side.problem = ran.error().message;
    return side;
  }
  for (const CiDataset& dataset : ran->datasets) {
    if (!dataset.problem.empty()) ran->problem = dataset.problem;
  }
  for (const CiRun& run : ran->runs) {
    if (run.state != "succeeded" && run.state != "refused")
      ran->problem = run.pipeline + ": " + run.reason;
  }
  if (!ran->problem.empty()) ran->runs.clear();  // half of it would be compared
  return ran;
}

Result<Outcome> run_ci(const Flags& flags) {
  const fs::path folder = fs::current_path();
  const std::string yaml = TRY(store::read_file(folder / "slipway.yaml"));
  const CiPolicy policy = TRY(parse_ci(yaml));
  const CiProject project = TRY(ci_project(yaml, policy, flags.pipelines, Missing::kError));
  const Checkout checkout = TRY(find_checkout(folder, flags.base));
  const fs::path data = fs::absolute(flags.data).lexically_normal();
  Server server = TRY(start_ci_server(data));
  Client client(server.context());
  TRY(end_left_runs(client));
  std::fprintf(stderr, "the base, %s\n", checkout.base.substr(0, 12).c_str());
  const CiSide base = TRY(run_base(client, checkout, policy, flags, data));
  std::fprintf(stderr, "this, %s\n", checkout.head.substr(0, 12).c_str());
  CiSide head = TRY(run_side(client, project, folder, checkout.head, CiFollows::kBase));
  tell_why(head, base);
  Outcome outcome;
  outcome.review = judge_change(policy, base, head);
  outcome.report = ci_report(outcome.review, checkout.changed, base, head);
  return outcome;
}

std::string_view verdict_word(CiVerdict verdict) {
  if (verdict == CiVerdict::kPasses) return "passes";
  return verdict == CiVerdict::kSaysNo ? "refused" : "broke";
}

// Behind what other steps have written there, as GitHub asks for it.
Result<void> add_to(const char* variable, const std::string& text) {
  const char* file = std::getenv(variable);
  if (file == nullptr || *file == 0) return {};
  std::ofstream out(file, std::ios::app);
  out << text;
  out.close();
  if (!out) return base::error(Code::kInternal, "{} can't be written: {}", variable, file);
  return {};
}

Result<void> write_report(const Flags& flags, const std::string& report) {
  if (flags.report.empty()) return {};
  return store::write_file(flags.report, report);
}

// The report of a change that has no verdict, lest an earlier one stands for it.
std::string report_without_verdict(std::string_view why) {
  return fmt::format("<!-- slipway ci -->\n## ❌ It couldn't be judged: {}\n",
                     markdown_cell(why, kWhyLength));
}

Result<void> tell(const Context& context, const Flags& flags, const Outcome& outcome) {
  const CiReview& review = outcome.review;
  TRY(write_report(flags, outcome.report));
  TRY(add_to("GITHUB_STEP_SUMMARY", outcome.report));
  TRY(add_to("GITHUB_OUTPUT", fmt::format("verdict={}\n", verdict_word(review.verdict))));
  if (!context.json) {
    std::printf("%s\n", review.sentence.c_str());
    return {};
  }
  JsonArray checks;
  for (const CiCheck& check : review.checks) {
    checks.push_back(JsonObject{{"name", check.name},
                                {"base", check.base ? base::number_or_null(*check.base) : Json()},
                                {"value", check.now ? base::number_or_null(*check.now) : Json()},
                                {"limit", check.limit},
                                {"ok", check.ok},
                                {"word", check.word}});
  }
  const JsonObject reply{{"verdict", verdict_word(review.verdict)},
                         {"sentence", review.sentence},
                         {"checks", std::move(checks)}};
  std::printf("%s\n", base::to_text(reply).c_str());
  return {};
}

int exit_of(CiVerdict verdict) {
  if (verdict == CiVerdict::kPasses) return kOk;
  return verdict == CiVerdict::kSaysNo ? kGateSaidNo : kFailed;
}

int ci(const Context& context, const Flags& flags) {
  // Also for one that is killed.
  if (const auto begun =
          write_report(flags, report_without_verdict("slipway ci did not come to its end"));
      !begun)
    return fail(begun.error(), context);
  const auto outcome = run_ci(flags);
  if (!outcome) {
    const std::string report = report_without_verdict(outcome.error().message);
    for (const Result<void>& told :
         {write_report(flags, report), add_to("GITHUB_STEP_SUMMARY", report),
          add_to("GITHUB_OUTPUT", "verdict=broke\n")}) {
      if (!told) fail(told.error(), context);
    }
    const int code = fail(outcome.error(), context);
    const bool is_usage = outcome.error().code == Code::kInvalidArgument || code == kNotFound;
    return is_usage ? kUsage : code;
  }
  if (const auto told = tell(context, flags, *outcome); !told) return fail(told.error(), context);
  return exit_of(outcome->review.verdict);
}

}  // namespace

void add_ci_command(CLI::App& root, Context& context, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = root.add_subcommand(
      "ci",
      "A change in Git, judged by what its pipelines come to beside the base's; 3: it says no");
  command->add_option("--base", flags->base,
                      "Branch or commit to compare with; or else what the CI says, or main");
  command->add_option("--pipeline", flags->pipelines, "Only this one; again for more");
  command
      ->add_option("--data", flags->data, "Folder of the server that CI runs: keep it as a cache")
      ->capture_default_str();
  command->add_option("--report", flags->report, "Write the report here, as Markdown");
  command->require_subcommand(0, 1);
  command->callback([&context, &exit_code, flags, command] {
    if (command->get_subcommands().empty()) exit_code = ci(context, *flags);
  });
  auto site = std::make_shared<std::string>();
  CLI::App* text = command->add_subcommand("template", "A workflow that runs it, as YAML");
  text->add_option("site", *site, "github or gitlab")
      ->required()
      ->check(CLI::IsMember({"github", "gitlab"}));
  text->callback([site] {
    const std::string_view yaml = *site == "github" ? kGithubTemplate : kGitlabTemplate;
    std::fwrite(yaml.data(), 1, yaml.size(), stdout);
  });
}

}  // namespace slipway::cli
