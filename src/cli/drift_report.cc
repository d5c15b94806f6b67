#include "cli/drift_report.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <filesystem>
#include <thread>

#include "cli/commands.h"
#include "cli/verb.h"
#include "monitor/drift/methods.h"
#include "monitor/drift/report.h"
#include "monitor/drift/report_html.h"
#include "store/file_system.h"

namespace slipway::cli {
namespace {

struct Options {
  std::string reference, current, out;
  monitor::DriftReportOptions report;
  std::vector<std::string> multivariate;  // NAME or NAME=THRESHOLD
  bool fail_on_drift = false;
  bool names_method = false;  // else a monitor's own for predictions holds
};

Result<std::vector<monitor::MultivariateRule>> multivariate_rules(const Options& options) {
  std::vector<monitor::MultivariateRule> rules;
  for (const std::string& text : options.multivariate) {
    monitor::MultivariateRule rule{.method = text.substr(0, text.find('='))};
    TRY(monitor::check_multivariate_method(rule.method));
    if (text.size() > rule.method.size()) {
      double threshold = 0;
      const char* from = text.data() + rule.method.size() + 1;
      const auto [end, ec] = std::from_chars(from, text.data() + text.size(), threshold);
      if (ec != std::errc() || end != text.data() + text.size() || threshold < 0)
        return base::error(Code::kInvalidArgument, "a threshold is a number: {}", text);
      rule.threshold = threshold;
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

// "dataset:NAME[@VERSION]" and "monitor:NAME[@FROM..TO]" are the server's; all else is a file here.
bool is_of_server(const std::string& source) {
  return source.starts_with("dataset:") || source.starts_with("monitor:");
}

Result<JsonObject> report_here(const Options& options) {
  const auto reference = TRY(monitor::open_columns(options.reference, options.report.columns));
  const auto current = TRY(monitor::open_columns(options.current, options.report.columns));
  auto report = TRY(monitor::compare_columns(*reference, *current, options.report));
  report.reference_name = options.reference;
  report.current_name = options.current;
  return report.to_json();
}

Result<JsonObject> report_of_server(const Context& context, const Options& options) {
  const monitor::DriftReportOptions& wanted = options.report;
  JsonObject body{{"reference", options.reference},
                  {"current", options.current},
                  {"drift_share", wanted.drift_share},
                  {"columns", JsonArray(wanted.columns.begin(), wanted.columns.end())}};
  if (options.names_method) body["method"] = wanted.method;
  if (!wanted.numeric_method.empty()) body["numeric_method"] = wanted.numeric_method;
  if (!wanted.categorical_method.empty()) body["categorical_method"] = wanted.categorical_method;
  if (wanted.threshold > 0) body["threshold"] = wanted.threshold;
  JsonArray together;
  for (const monitor::MultivariateRule& rule : wanted.multivariate) {
    JsonObject asked{{"method", rule.method}};
    if (rule.threshold) asked["threshold"] = *rule.threshold;
    together.push_back(std::move(asked));
  }
  if (!together.empty()) body["multivariate"] = std::move(together);
  if (!wanted.text_method.empty()) body["text_method"] = wanted.text_method;
  if (!wanted.embeddings.empty()) {
    body["embeddings"] = JsonArray(wanted.embeddings.begin(), wanted.embeddings.end());
    body["embedding_method"] = wanted.embedding.method;
    body["embedding_distance"] = wanted.embedding.distance;
    if (wanted.embedding.threshold) body["embedding_threshold"] = *wanted.embedding.threshold;
  }
  if (wanted.quality) body["quality"] = true;
  body["rows_together"] = wanted.rows_together;
  const Json reply = TRY(Client(context).post("/slipway/v1/drift", body));
  return reply.as_object();
}

// "all columns together, domain_classifier: AUC 0.82, drift; it lies in price, distance".
std::string show_together(const Json& report) {
  std::string lines;
  for (const Json& drift : member_at(report, "multivariate").as_array()) {
    const bool drifted = member_at(drift, "drifted") == Json(true);
    std::string causes;
    for (const Json& cause : drifted ? member_at(drift, "causes").as_array() : JsonArray())
      causes += (causes.empty() ? "; it lies in " : ", ") + cell(member_at(cause, "column"));
    lines += fmt::format("all columns together, {}: {} {}, {}{}\n",
                         cell(member_at(drift, "method")), cell(member_at(drift, "score_is")),
                         cell(member_at(drift, "score")), drifted ? "drift" : "no drift", causes);
  }
  return lines;
}

std::string show_more(const Json& report) {
  std::string lines;
  for (const Json& drift : member_at(report, "embeddings").as_array()) {
    lines += fmt::format("embedding {}, {}: {}, {}\n", cell(member_at(drift, "embedding")),
                         cell(member_at(drift, "method")), cell(member_at(drift, "score")),
                         member_at(drift, "drifted") == Json(true) ? "drift" : "no drift");
  }
  const Json& quality = member_at(report, "quality");
  if (!quality.is_object()) return lines;
  const Json& duplicates = member_at(quality, "duplicates");
  lines +=
      fmt::format("rows that are there twice: {} before, {} now\n",
                  cell(member_at(duplicates, "reference")), cell(member_at(duplicates, "current")));
  for (const Json& change : member_at(quality, "associations").as_array()) {
    const JsonArray& columns = member_at(change, "columns").as_array();
    lines += fmt::format("{} and {} ({}): {} before, {} now\n", cell(columns[0]), cell(columns[1]),
                         cell(member_at(change, "kind")), cell(member_at(change, "reference")),
                         cell(member_at(change, "current")));
  }
  return lines;
}

std::string show(const Json& report) {
  JsonArray rows;
  for (const Json& item : member_at(report, "columns").as_array()) {
    JsonObject row = item.as_object();
    std::string notes;
    for (const Json& note : member_at(item, "notes").as_array()) {
      notes += (notes.empty() ? "" : "; ") + cell(note);
    }
    row["notes"] = notes;
    rows.push_back(std::move(row));
  }
  return fmt::format("{} of {} columns drifted: {}\n", cell(member_at(report, "columns_drifted")),
                     cell(member_at(report, "columns_compared")),
                     member_at(report, "drifted") == Json(true) ? "the data set has drifted"
                                                                : "the data set has not drifted") +
         show_together(report) + show_more(report) +
         table(rows, {{"COLUMN", "column"},
                      {"VERDICT", "verdict"},
                      {"METHOD", "method"},
                      {"SCORE", "score"},
                      {"THRESHOLD", "threshold"},
                      {"NOTES", "notes"}});
}

Result<void> write(const JsonObject& report, const std::string& file) {
  const std::string extension = std::filesystem::path(file).extension();
  return store::write_file(file, extension == ".json" ? base::to_text(report) + "\n"
                                                      : monitor::drift_report_html(report));
}

// Each column alone, what was asked of them together, or an embedding.
bool has_drifted(const Json& report) {
  if (member_at(report, "drifted") == Json(true)) return true;
  for (const char* together : {"multivariate", "embeddings"}) {
    for (const Json& drift : member_at(report, together).as_array()) {
      if (member_at(drift, "drifted") == Json(true)) return true;
    }
  }
  return false;
}

int report(Context& context, Options& options) {
  const std::string extension = std::filesystem::path(options.out).extension();
  if (!options.out.empty() && extension != ".html" && extension != ".json") {
    return fail(
        base::error(Code::kInvalidArgument, "a report is .html or .json: out={}", options.out),
        context);
  }
  auto rules = multivariate_rules(options);
  if (!rules) return fail(rules.error(), context);
  options.report.multivariate = std::move(*rules);
  const bool of_server = is_of_server(options.reference);
  if (of_server != is_of_server(options.current)) {
    return fail(base::error(Code::kInvalidArgument,
                            "both must be files here, or both the server's (dataset:, monitor:); "
                            "`slipway data ingest` brings a file to the server: reference={} "
                            "current={}",
                            options.reference, options.current),
                context);
  }
  const auto found = of_server ? report_of_server(context, options) : report_here(options);
  if (!found) return fail(found.error(), context);
  if (!options.out.empty()) {
    if (const auto written = write(*found, options.out); !written)
      return fail(written.error(), context);
  }
  const int exit_code = finish(context, Json(*found), show);
  if (exit_code != kOk || !options.fail_on_drift) return exit_code;
  return has_drifted(Json(*found)) ? kGateSaidNo : kOk;
}

}  // namespace

void add_drift_report(CLI::App& monitors, Context& context, int& exit_code) {
  auto options = std::make_shared<Options>();
  monitor::DriftReportOptions& report_options = options->report;
  report_options.threads = std::max(1u, std::thread::hardware_concurrency());
  CLI::App* verb = monitors.add_subcommand(
      "report", "Two data sets compared column by column, the worst first, as a page or JSON");
  verb->add_option("reference", options->reference,
                   "A Parquet or CSV file; or dataset:NAME[@VERSION], or monitor:NAME (what it "
                   "measures from)")
      ->required();
  verb->add_option("current", options->current,
                   "A file; or dataset:NAME[@VERSION], or monitor:NAME[@FROM..TO] (requests)")
      ->required();
  verb->add_option("--columns", report_options.columns, "Only these, separated by commas")
      ->delimiter(',');
  verb->add_option("--method", report_options.method, monitor::drift_method_names())
      ->capture_default_str();
  verb->add_option("--numeric-method", report_options.numeric_method, "Another one for numbers");
  verb->add_option("--categorical-method", report_options.categorical_method,
                   "Another one for categories");
  verb->add_option("--text-method", report_options.text_method, "Another one for texts");
  verb->add_option("--threshold", report_options.threshold, "Instead of the method's own")
      ->check(CLI::PositiveNumber);
  verb->add_option("--drift-share", report_options.drift_share,
                   "The data set has drifted from this share of columns on")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  verb->add_option("--multivariate", options->multivariate,
                   "All columns together too, each NAME or NAME=THRESHOLD: " +
                       monitor::multivariate_method_names())
      ->delimiter(',');
  verb->add_option(
          "--embeddings", report_options.embeddings,
          "Columns that are a vector: NAME=COLUMN,COLUMN or NAME=PREFIX*; lists in Parquet "
          "files are embeddings anyway")
      ->take_all();
  verb->add_option("--embedding-method", report_options.embedding.method,
                   monitor::embedding_method_names())
      ->capture_default_str();
  verb->add_option("--embedding-distance", report_options.embedding.distance,
                   "Of the method distance: euclidean, cosine, cityblock, chebyshev")
      ->capture_default_str();
  verb->add_option("--embedding-threshold", report_options.embedding.threshold,
                   "Instead of the method's own");
  verb->add_flag("--quality", report_options.quality,
                 "Rows that are there twice, and columns that no more go together");
  verb->add_option("--rows-together", report_options.rows_together,
                   "Rows of each side that several columns are looked at together by, drawn from a "
                   "fixed seed")
      ->check(CLI::Range(monitor::kMultivariateRowsMin, monitor::kMultivariateRowsMax))
      ->capture_default_str();
  verb->add_option("--threads", report_options.threads, "Columns in memory at a time")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb->add_option("--out", options->out, "FILE.html or FILE.json");
  verb->add_flag("--fail-on-drift", options->fail_on_drift,
                 "Exit code 3 when the data set has drifted, or its columns together");
  verb->callback([&context, &exit_code, options, verb] {
    options->names_method = verb->count("--method") > 0;
    exit_code = report(context, *options);
  });
}

}  // namespace slipway::cli
