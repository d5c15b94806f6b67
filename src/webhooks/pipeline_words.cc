// What is said of pipelines: how runs ended, what waits for a person, what is late.
#include "webhooks/words.h"

namespace slipway::webhooks {
namespace {

// "run r1 of train failed", "train succeeded again with run r1", "schedule nightly of train ..."
std::string title_of(const RouteNews& news) {
  const JsonObject& about = news.about;
  const std::string pipeline = text_at(about, "pipeline"), run = text_at(about, "run");
  const std::string schedule = text_at(about, "schedule"), what = text_at(about, "what");
  if (what == "schedule.failed")
    return fmt::format("schedule {} of {} could not start a run", schedule, pipeline);
  if (what == "schedule.missed")
    return fmt::format("schedule {} of {} missed a start", schedule, pipeline);
  if (what == "schedule.not_started")
    return fmt::format("schedule {} of {}: its run has not started in time", schedule, pipeline);
  if (what == "schedule.late")
    return fmt::format("schedule {} of {}: its run is not over in time", schedule, pipeline);
  if (news.event == "pipeline.recovered") return fmt::format("{} succeeded again", pipeline);
  if (news.event == "pipeline.waiting")
    return fmt::format("{} waits for an answer: {}", pipeline, text_at(about, "step"));
  if (news.event == "pipeline.refused") return fmt::format("{} was refused by a gate", pipeline);
  return fmt::format("{} {}", pipeline, text_at(about, "occasion"));
}

// What there is to know, a line each.
std::string details_of(const RouteNews& news) {
  const JsonObject& about = news.about;
  std::string text;
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) text += fmt::format("{}: {}\n", name, value);
  };
  const bool is_question = news.event == "pipeline.waiting";
  const std::string run = text_at(about, "run");
  add(is_question ? "Question" : "Why", text_at(about, "reason"));
  add("Run", run);
  add("Started by", text_at(about, "actor"));
  add("Was due", text_at(about, "scheduled"));
  add("First missed", text_at(about, "first"));
  add("Failing since", text_at(about, "failing_since"));
  if (is_question)
    add("Answer", fmt::format("slipway pipelines approve {} {}", run, text_at(about, "step")));
  else if (news.event == "pipeline.failed" && !run.empty())
    add("Look", fmt::format("slipway pipelines show {}", run));
  return text;
}

std::string_view severity_of(const RouteNews& news) {
  if (news.event == "pipeline.failed" || news.event == "pipeline.late") return "critical";
  if (news.event == "pipeline.refused" || news.event == "pipeline.waiting") return "warning";
  return "info";
}

// "PipelineFailed": what is over has the name of what it ends.
std::string alertname_of(const RouteNews& news) {
  if (news.is_over()) return "PipelineFailed";
  std::string occasion = news.event.substr(news.event.find('.') + 1);
  if (!occasion.empty()) occasion[0] = static_cast<char>(occasion[0] - 'a' + 'A');
  return "Pipeline" + occasion;
}

}  // namespace

Words pipeline_words(const RouteNews& news) {
  const JsonObject& about = news.about;
  const std::string title = title_of(news), details = details_of(news);
  const std::string failing = text_at(about, "failing_since");
  Words words;
  words.chat = fmt::format("*{}*\n{}", slack_text(title), slack_text(details));
  words.labels = {{"alertname", alertname_of(news)},
                  {"pipeline", text_at(about, "pipeline")},
                  {"severity", news.is_over() ? "critical" : severity_of(news)}};
  // Each question and each schedule is an alert of its own; of what fails the newest run is told.
  if (news.event == "pipeline.late") words.labels["schedule"] = text_at(about, "schedule");
  if (news.event == "pipeline.waiting") {
    words.labels["run"] = text_at(about, "run");
    words.labels["step"] = text_at(about, "step");
  }
  words.annotations = {{"summary", title}, {"description", details}};
  words.since = failing.empty() ? text_at(about, "time") : failing;
  words.subject = fmt::format("[{}] {}", news.is_over() ? "resolved" : severity_of(news), title);
  words.text = fmt::format("{}\n\n{}", title, details);
  words.thread = fmt::format("pipelines/{}/{}", text_at(about, "pipeline"),
                             failing.empty() ? text_at(about, "time") : failing);
  return words;
}

}  // namespace slipway::webhooks
