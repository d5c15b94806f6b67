#include "cli/drill/report.h"

#include <algorithm>
#include <set>

#include "cli/table.h"
#include "store/xml.h"
#include "types/timestamp.h"

namespace slipway::cli {
namespace {

using store::xml_escape;

std::string recovery_text(const Verdict& verdict) {
  if (!verdict.not_recovered.empty()) return "not recovered";
  return verdict.recovery ? delay_text(verdict.recovery) : "-";
}

// Of what was done about a fault: did it help, when, and what did it cost until then.
std::string remedy_text(const Verdict& verdict) {
  const std::string acted =
      fmt::format("{}: acted on after {}", verdict.fault, delay_text(verdict.acted));
  if (!verdict.recovery) return acted + ", not recovered: " + verdict.not_recovered;
  return fmt::format("{}, recovered after {}; {} requests were harmed until then", acted,
                     delay_text(verdict.recovery), verdict.harmed_until_recovered.value_or(0));
}

// What a broken machine cost, and whether it kept what it had promised.
std::string outage_text(const Verdict& verdict) {
  std::string lost;
  for (const std::string& one : verdict.lost) lost += (lost.empty() ? "" : ", ") + one;
  std::string text =
      fmt::format("{}: {} requests failed, all is done again after {}; of what was acknowledged {}",
                  verdict.fault, verdict.failed, recovery_text(verdict),
                  lost.empty() ? "nothing is lost" : "LOST: " + lost);
  if (verdict.caught && !verdict.advice.empty()) text += "; " + verdict.advice;
  return text;
}

bool is_outage(const Verdict& verdict) {
  const bool is_broken =
      verdict.group == FaultGroup::kMachine || verdict.group == FaultGroup::kService;
  return is_broken && verdict.recovery.has_value();
}

std::string share_text(const std::optional<double>& share) {
  return share ? fmt::format("{:.3g} %", 100 * *share) : "-";
}

bool has_gradual(const DrillReport& report) {
  return std::any_of(report.faults.begin(), report.faults.end(),
                     [](const Verdict& verdict) { return verdict.ramp != base::Duration{}; });
}

bool has_shares(const DrillReport& report) {
  return std::any_of(report.faults.begin(), report.faults.end(),
                     [](const Verdict& verdict) { return verdict.smallest_share.has_value(); });
}

std::string word_of(const std::optional<bool>& right) {
  return !right ? "-" : *right ? "right" : "wrong";
}

std::string action_text(const Verdict& verdict) {
  const std::string what = verdict.action.empty() ? "none" : verdict.action;
  if (!verdict.is_action_right) return verdict.caught ? what : "-";
  return what + (*verdict.is_action_right ? " (right)" : " (wrong)");
}

std::string suggestion_text(const Suggestion& suggestion) {
  return fmt::format("{{metric: {}, window: {}, {}: {:.4g}, min_rows: {}}}", suggestion.metric,
                     suggestion.window, suggestion.is_over ? "over" : "under", suggestion.threshold,
                     kWindowRowsMin);
}

// What was missed first, then by how long it took.
std::vector<const Verdict*> worst_first(const std::vector<Verdict>& verdicts) {
  std::vector<const Verdict*> sorted;
  for (const Verdict& verdict : verdicts) sorted.push_back(&verdict);
  std::stable_sort(sorted.begin(), sorted.end(), [](const Verdict* a, const Verdict* b) {
    if (a->caught != b->caught) return !a->caught;
    return a->delay > b->delay;
  });
  return sorted;
}

std::string headline(const DrillReport& report) {
  return fmt::format("Grade {}: {} of {} faults noticed, {} false {} over {} controls",
                     report.grade(), report.caught(), report.faults.size(), report.false_pages(),
                     report.false_pages() == 1 ? "page" : "pages", report.controls.size());
}

std::string uncovered(const Verdict& verdict) {
  std::string text = fmt::format("{}: nobody would know", verdict.what);
  if (verdict.suggestion) {
    text += fmt::format("; {} would, after {}", suggestion_text(*verdict.suggestion),
                        delay_text(verdict.suggestion->delay));
  } else if (!verdict.advice.empty()) {
    text += "; " + verdict.advice;
  } else {
    text += ", and no metric of a monitor moves";
  }
  return text;
}

std::string trend_text(const Trend& trend) {
  std::string out = fmt::format("The grade was {}.\n", trend.grade_was);
  for (const auto& [word, lines] : {std::pair("Better", &trend.better), {"Worse", &trend.worse}}) {
    for (const std::string& line : *lines) out += fmt::format("{}: {}\n", word, line);
  }
  if (trend.better.empty() && trend.worse.empty()) out += "Nothing got better or worse.\n";
  if (!trend.not_compared.empty()) {
    out += fmt::format("Not compared, because the two drills didn't play them alike: {}\n",
                       fmt::join(trend.not_compared, ", "));
  }
  return out;
}

constexpr std::string_view kStyle = R"(
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--line:#d0d7de;--good:#0072b2;--bad:#d55e00;--quiet:#6e7781}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--paper:#0d1117;--line:#30363d;--good:#56b4e9;--bad:#e69f00;--quiet:#8b949e}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:72rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{padding:.3rem .6rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th.up{writing-mode:vertical-rl;transform:rotate(180deg);font-weight:500}td.cell{text-align:center}
.good{color:var(--good);font-weight:600}.bad{color:var(--bad);font-weight:600}.quiet{color:var(--quiet)}
code{font:13px ui-monospace,monospace}@media print{body{margin:0;font-size:11px}}
)";

// Each fault that a monitor noticed, and after how long each of its alerts did. Empty: none fired.
std::string matrix_text(const DrillReport& report) {
  std::vector<TableColumn> columns{{"FAULT", "fault"}};
  std::set<std::string> known;
  JsonArray rows;
  for (const auto* verdicts : {&report.faults, &report.controls}) {
    for (const Verdict& verdict : *verdicts) {
      JsonObject row{{"fault", verdict.fault}};
      for (const NoticedBy& one : verdict.noticed) {
        const std::string rule = one.monitor + "/" + one.alert;
        if (known.insert(rule).second) columns.push_back({rule, rule});
        row[rule] = delay_text(one.delay);
      }
      if (!verdict.noticed.empty()) rows.push_back(std::move(row));
    }
  }
  return rows.empty() ? std::string() : table(rows, columns);
}

}  // namespace

std::string show_drill(const DrillReport& report, const std::optional<Trend>& trend) {
  JsonArray rows;
  for (const Verdict* verdict : worst_first(report.faults)) {
    rows.push_back(JsonObject{{"fault", verdict->fault},
                              {"by", verdict->caught ? verdict->by : "MISSED"},
                              {"after", delay_text(verdict->delay)},
                              {"dose", share_text(verdict->share_when_caught)},
                              {"harmed", verdict->harmed},
                              {"smallest", share_text(verdict->smallest_share)},
                              {"recovered", recovery_text(*verdict)},
                              {"cause", word_of(verdict->is_cause_right)},
                              {"action", action_text(*verdict)}});
  }
  std::vector<TableColumn> columns = {{"FAULT", "fault"}, {"NOTICED BY", "by"}, {"AFTER", "after"}};
  if (has_gradual(report)) columns.push_back({"DOSE THEN", "dose"});
  columns.push_back({"HARMED", "harmed"});
  if (has_shares(report)) columns.push_back({"SMALLEST", "smallest"});
  columns.insert(columns.end(),
                 {{"RECOVERED", "recovered"}, {"CAUSE", "cause"}, {"ACTION", "action"}});
  std::string out = table(rows, columns);
  JsonArray quiet;
  for (const Verdict& verdict : report.controls) {
    std::string fired;
    for (const std::string& alert : verdict.alerts) fired += (fired.empty() ? "" : ", ") + alert;
    quiet.push_back(JsonObject{{"control", verdict.fault},
                               {"what", verdict.what},
                               {"false", fired.empty() ? "silent" : "FALSE: " + fired}});
  }
  out += "\n" + table(quiet, {{"CONTROL", "control"}, {"WHAT", "what"}, {"ALERTS", "false"}});
  if (const std::string matrix = matrix_text(report); !matrix.empty())
    out += "\nAfter how long each alert fired:\n" + matrix;
  if (report.caught() < std::ssize(report.faults)) out += "\nNot covered:\n";
  for (const Verdict& verdict : report.faults) {
    if (!verdict.caught) out += "  " + uncovered(verdict) + "\n";
  }
  for (const Verdict& verdict : report.faults) {
    if (is_outage(verdict)) out += "\n" + outage_text(verdict) + "\n";
    if (verdict.acted) out += "\n" + remedy_text(verdict) + "\n";
  }
  for (const std::string& fault : report.not_made) out += "\nNot played: " + fault + "\n";
  for (const std::string& source : report.not_pushed) {
    out += fmt::format(
        "\nNothing was pushed to {}: what is looked up of it stood still (--push).\n", source);
  }
  if (report.generated)
    out += "\nNobody asked this, the traffic is generated: " + report.generated->words() + ".\n";
  if (report.baseline_alerts > 0) {
    out += fmt::format("\nThe recording itself fires {} {}: they count for nothing here.\n",
                       report.baseline_alerts, report.baseline_alerts == 1 ? "alert" : "alerts");
  }
  if (trend) out += "\n" + trend_text(*trend);
  return out + "\n" + headline(report) + "\n";
}

std::string drill_page(const DrillReport& report, const std::optional<Trend>& trend) {
  std::set<std::string> alerts;
  for (const auto* verdicts : {&report.faults, &report.controls}) {
    for (const Verdict& verdict : *verdicts)
      alerts.insert(verdict.alerts.begin(), verdict.alerts.end());
  }
  std::string out = fmt::format(
      "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>Drill of {0}</title><style>{1}</style>"
      "<h1>How would we know if {0} breaks?</h1><p><strong>{2}.</strong> {6} traffic from {3} "
      "on, with every fault from {4} to {5} (event time), against a copy of the endpoint.</p>",
      xml_escape(report.endpoint), kStyle, xml_escape(headline(report)),
      types::to_rfc3339(report.from), types::to_rfc3339(report.start),
      types::to_rfc3339(report.until), report.generated ? "Generated" : "Recorded");
  if (report.generated)
    out += "<p>Nobody asked this: " + xml_escape(report.generated->words()) + ".";
  out +=
      "<table><thead><tr><th>Fault<th>Noticed by<th>After<th>Dose then<th>Harmed<th>Smallest "
      "share<th>Recovered<th>Cause<th>Action";
  for (const std::string& alert : alerts)
    out += fmt::format("<th class=\"up\">{}", xml_escape(alert));
  out += "</thead><tbody>";
  const auto matrix = [&](const Verdict& verdict, const char* fired_class) {
    for (const std::string& alert : alerts) {
      const bool fired =
          std::find(verdict.alerts.begin(), verdict.alerts.end(), alert) != verdict.alerts.end();
      out += fired ? fmt::format("<td class=\"cell {}\">fired", fired_class)
                   : std::string("<td class=\"cell quiet\">-");
    }
  };
  for (const Verdict* verdict : worst_first(report.faults)) {
    out += fmt::format(
        "<tr><td><code>{}</code><br><span class=\"quiet\">{}</span><td class=\"{}\">{}<td>{}<td>{}"
        "<td>{}<td>{}<td>{}<td>{}<td>{}",
        xml_escape(verdict->fault), xml_escape(verdict->what), verdict->caught ? "good" : "bad",
        xml_escape(verdict->caught ? verdict->by : "missed"), delay_text(verdict->delay),
        share_text(verdict->share_when_caught), verdict->harmed,
        share_text(verdict->smallest_share), recovery_text(*verdict),
        word_of(verdict->is_cause_right), xml_escape(action_text(*verdict)));
    matrix(*verdict, "good");
  }
  for (const Verdict& verdict : report.controls) {
    out += fmt::format(
        "<tr><td><code>{}</code><br><span class=\"quiet\">control: {}</span><td class=\"{}\">{}"
        "<td>-<td>-<td>-<td>-<td>-<td>-<td>-",
        xml_escape(verdict.fault), xml_escape(verdict.what),
        verdict.alerts.empty() ? "good" : "bad", verdict.alerts.empty() ? "silent" : "false page");
    matrix(verdict, "bad");
  }
  out += "</tbody></table>";
  if (report.caught() < std::ssize(report.faults)) out += "<h2>Not covered</h2><ul>";
  for (const Verdict& verdict : report.faults) {
    if (!verdict.caught) out += "<li>" + xml_escape(uncovered(verdict));
  }
  if (report.caught() < std::ssize(report.faults)) out += "</ul>";
  for (const Verdict& verdict : report.faults) {
    if (is_outage(verdict)) out += "<p>" + xml_escape(outage_text(verdict));
    if (verdict.acted) out += "<p>" + xml_escape(remedy_text(verdict));
  }
  for (const std::string& fault : report.not_made) out += "<p>Not played: " + xml_escape(fault);
  if (trend) {
    out += "<h2>Since the drill before</h2><pre>" + xml_escape(trend_text(*trend)) + "</pre>";
  }
  return out + "</html>\n";
}

}  // namespace slipway::cli
