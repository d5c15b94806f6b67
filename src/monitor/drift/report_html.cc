#include "monitor/drift/report_html.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "store/xml.h"

namespace slipway::monitor {
namespace {

using store::xml_escape;

constexpr std::string_view kStyle = R"(
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#5b6570;--line:#d8dde3;--paper:#fff;--before:#9aa5b1;--now:#1f6feb;--bad:#b42318;--good:#1a7f37}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ed;--soft:#9aa5b1;--line:#343b44;--paper:#14181d;--before:#6b7683;--now:#58a6ff;--bad:#ff7b72;--good:#56d364}}
body{margin:2rem auto;max-width:84rem;padding:0 1rem;background:var(--paper);color:var(--ink);font:14px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0 0 .25rem}p{margin:.25rem 0}.soft{color:var(--soft)}.bad{color:var(--bad);font-weight:600}.good{color:var(--good)}
table{border-collapse:collapse;width:100%;margin-top:1rem}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--soft);white-space:nowrap}td.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.sides{white-space:nowrap;font-size:12px;line-height:1.35}svg{display:block}.before{fill:var(--before);opacity:.55}.now{fill:none;stroke:var(--now);stroke-width:1.6}
ul{margin:.2rem 0 0;padding-left:1.1rem}details summary{cursor:pointer;color:var(--soft)}details table{margin:.3rem 0;width:auto}details td,details th{padding:.1rem .5rem;font-size:12px}
.key{display:inline-block;width:.8rem;height:.8rem;vertical-align:-.1rem;margin-right:.3rem}
@media print{:root{--ink:#000;--soft:#444;--line:#bbb;--paper:#fff;--before:#999;--now:#0645ad;--bad:#900;--good:#060}body{margin:0;max-width:none;font-size:10px}tr{break-inside:avoid}details{display:none}}
)";

// Absent members read as null: a report of another version shows less, and breaks nothing.
const Json& at(const Json& value, std::string_view key) {
  static const Json kNull;
  const JsonObject* object = value.if_object();
  const Json* found = object == nullptr ? nullptr : object->if_contains(key);
  return found == nullptr ? kNull : *found;
}

std::string text(const Json& value) {
  if (value.is_string()) return xml_escape(std::string_view(value.get_string()));
  return value.is_null() ? "" : xml_escape(base::to_text(value));
}

std::string number(const Json& value, int digits = 4) {
  if (value.is_int64()) return fmt::format("{}", value.get_int64());
  if (value.is_number()) return fmt::format("{:.{}g}", value.to_number<double>(), digits);
  return "&ndash;";
}

std::string percent(const Json& value) {
  return value.is_number() ? fmt::format("{:.4g}%", 100 * value.to_number<double>()) : "&ndash;";
}

std::vector<double> numbers(const Json& value) {
  std::vector<double> out;
  if (const JsonArray* items = value.if_array()) {
    for (const Json& item : *items) {
      if (item.is_number()) out.push_back(item.to_number<double>());
    }
  }
  return out;
}

// The reference as filled bars, what is current as an outline over them.
std::string picture(const Json& histogram) {
  const std::vector<double> before = numbers(at(histogram, "reference")),
                            now = numbers(at(histogram, "current"));
  if (before.empty() || before.size() != now.size()) return "";
  constexpr double kWidth = 200, kHeight = 44;
  const double most = std::max({*std::max_element(before.begin(), before.end()),
                                *std::max_element(now.begin(), now.end()), 1e-9});
  const double step = kWidth / static_cast<double>(before.size());
  std::string out = fmt::format(
      "<svg role=\"img\" aria-label=\"shares before and now\" width=\"{0}\" height=\"{1}\" "
      "viewBox=\"0 0 {0} {1}\">",
      kWidth, kHeight);
  std::string outline = fmt::format("M0 {}", kHeight);
  for (std::size_t i = 0; i < before.size(); ++i) {
    const double x = step * static_cast<double>(i);
    const double high = kHeight * before[i] / most, top = kHeight * (1 - now[i] / most);
    fmt::format_to(std::back_inserter(out),
                   "<rect class=\"before\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
                   "height=\"{:.1f}\"/>",
                   x, kHeight - high, std::max(step - 1, 0.5), high);
    fmt::format_to(std::back_inserter(outline), "V{:.1f}H{:.1f}", top, x + step);
  }
  return out + fmt::format("<path class=\"now\" d=\"{}V{}\"/></svg>", outline, kHeight);
}

std::string bins(const Json& histogram) {
  const std::vector<double> before = numbers(at(histogram, "reference")),
                            now = numbers(at(histogram, "current")),
                            edges = numbers(at(histogram, "edges"));
  if (before.empty()) return "";
  const JsonArray* labels = at(histogram, "labels").if_array();
  std::string out =
      "<details><summary>numbers</summary><table><tr><th>bin</th><th>before</th><th>now</th></tr>";
  for (std::size_t i = 0; i < before.size() && i < now.size(); ++i) {
    std::string label;
    if (labels != nullptr && i < labels->size()) {
      label = text((*labels)[i]);
    } else if (i + 1 < edges.size()) {
      const bool first = i == 0, last = i + 2 == edges.size();
      label = first  ? fmt::format("below {:.4g}", edges[1])
              : last ? fmt::format("from {:.4g}", edges[i])
                     : fmt::format("{:.4g} to {:.4g}", edges[i], edges[i + 1]);
    }
    fmt::format_to(std::back_inserter(out),
                   "<tr><td>{}</td><td class=\"number\">{:.2f}%</td><td "
                   "class=\"number\">{:.2f}%</td></tr>",
                   label, 100 * before[i], 100 * now[i]);
  }
  return out + "</table></details>";
}

std::string summary(const Json& column) {
  const Json &before = at(column, "reference"), &now = at(column, "current");
  std::string out = fmt::format("missing {} &rarr; {}", percent(at(before, "missing_rate")),
                                percent(at(now, "missing_rate")));
  if (at(before, "mean").is_number() || at(now, "mean").is_number()) {
    for (const auto& [key, title] : {std::pair("mean", "mean"),
                                     {"std", "deviation"},
                                     {"median", "median"},
                                     {"min", "least"},
                                     {"max", "greatest"}}) {
      fmt::format_to(std::back_inserter(out), "<br>{} {} &rarr; {}", title, number(at(before, key)),
                     number(at(now, key)));
    }
  }
  return out;
}

std::string row(const Json& column) {
  const std::string verdict = text(at(column, "verdict"));
  const bool bad = verdict == "drift" || verdict == "changed";
  std::string notes;
  if (const JsonArray* items = at(column, "notes").if_array();
      items != nullptr && !items->empty()) {
    for (const Json& note : *items) notes += "<li>" + text(note) + "</li>";
    notes = "<ul>" + notes + "</ul>";
  }
  return fmt::format(
      "<tr><td><strong>{}</strong><br><span class=\"soft\">{}</span></td>"
      "<td><span class=\"{}\">{}</span>{}</td>"
      "<td>{}<br><span class=\"soft\">{}</span></td>"
      "<td class=\"number\">{}</td><td class=\"number\">{}</td>"
      "<td>{}{}</td><td class=\"soft sides\">{}</td></tr>\n",
      text(at(column, "column")), text(at(column, "kind")), bad ? "bad" : "good", verdict, notes,
      text(at(column, "method_title")), text(at(column, "score_is")), number(at(column, "score")),
      number(at(column, "threshold")), picture(at(column, "histogram")),
      bins(at(column, "histogram")), summary(column));
}

std::string listed(std::string_view title, const Json& names) {
  const JsonArray* items = names.if_array();
  if (items == nullptr || items->empty()) return "";
  std::string out;
  for (const Json& name : *items) out += (out.empty() ? "" : ", ") + text(name);
  return fmt::format("<p class=\"bad\">{}: {}</p>", title, out);
}

std::string embedding(const Json& drift) {
  const bool drifted = at(drift, "drifted") == Json(true);
  return fmt::format(
      "<p>Embedding {} ({} components), by {}{}: <strong>{}</strong>, drift above {}: <span "
      "class=\"{}\">{}</span></p>\n",
      text(at(drift, "embedding")), number(at(drift, "components")),
      text(at(drift, "method_title")),
      at(drift, "distance").is_null() ? "" : ", " + text(at(drift, "distance")),
      number(at(drift, "score")), number(at(drift, "threshold")), drifted ? "bad" : "good",
      drifted ? "drift" : "no drift");
}

std::string quality_of(const Json& quality) {
  const Json& duplicates = at(quality, "duplicates");
  if (duplicates.is_null()) return "";
  std::string out =
      fmt::format("<p>Rows that are there twice: {} before, {} now.</p>\n",
                  number(at(duplicates, "reference")), number(at(duplicates, "current")));
  const JsonArray* changes = at(quality, "associations").if_array();
  if (changes == nullptr || changes->empty()) return out;
  out +=
      "<table style=\"width:auto\"><thead><tr><th>Columns that no more go together as "
      "before</th><th>by</th><th>before</th><th>now</th></tr></thead><tbody>\n";
  for (const Json& change : *changes) {
    std::string columns;
    if (const JsonArray* names = at(change, "columns").if_array()) {
      for (const Json& name : *names) columns += (columns.empty() ? "" : ", ") + text(name);
    }
    fmt::format_to(std::back_inserter(out),
                   "<tr><td>{}</td><td>{}</td><td class=\"number\">{}</td><td "
                   "class=\"number\">{}</td></tr>\n",
                   columns, text(at(change, "kind")), number(at(change, "reference")),
                   number(at(change, "current")));
  }
  return out + "</tbody></table>\n";
}

// What the columns say together, a paragraph a method.
std::string together(const Json& drift) {
  const bool drifted = at(drift, "drifted") == Json(true);
  const Json &low = at(drift, "low"), &high = at(drift, "high");
  std::string expected = low.is_null()    ? "at most " + number(high)
                         : high.is_null() ? "at least " + number(low)
                                          : number(low) + " to " + number(high);
  std::string out = fmt::format(
      "<p>All columns together, by {}: {} <strong>{}</strong>, expected {}: <span "
      "class=\"{}\">{}</span>",
      text(at(drift, "method_title")), text(at(drift, "score_is")), number(at(drift, "score")),
      expected, drifted ? "bad" : "good", drifted ? "drift" : "no drift");
  if (const JsonArray* causes = at(drift, "causes").if_array();
      drifted && causes != nullptr && !causes->empty()) {
    std::string shares;
    for (const Json& cause : *causes) {
      shares += fmt::format("{}{} ({})", shares.empty() ? "" : ", ", text(at(cause, "column")),
                            percent(at(cause, "share")));
    }
    out += "; it lies in " + shares;
  }
  return out + "</p>\n";
}

}  // namespace

std::string drift_report_html(const JsonObject& object) {
  const Json report(object);
  const bool drifted = at(report, "drifted") == Json(true);
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width\"><title>Drift: {} and {}</title>"
      "<style>{}</style></head><body>\n",
      text(at(at(report, "reference"), "name")), text(at(at(report, "current"), "name")), kStyle);
  fmt::format_to(
      std::back_inserter(out),
      "<h1 class=\"{}\">{} of {} columns drifted</h1>\n"
      "<p>{} of the columns; the data set counts as drifted from {} on: <strong>{}</strong>.</p>\n"
      "<p class=\"soft\"><span class=\"key\" style=\"background:var(--before)\"></span>before: {}, "
      "{} "
      "rows &nbsp; <span class=\"key\" style=\"border:2px solid var(--now);box-sizing:border-box\">"
      "</span>now: {}, {} rows &nbsp; method: {}</p>\n",
      drifted ? "bad" : "good", number(at(report, "columns_drifted")),
      number(at(report, "columns_compared")), percent(at(report, "share_drifted")),
      percent(at(report, "drift_share")), drifted ? "drifted" : "not drifted",
      text(at(at(report, "reference"), "name")), number(at(at(report, "reference"), "rows")),
      text(at(at(report, "current"), "name")), number(at(at(report, "current"), "rows")),
      text(at(report, "method")));
  if (const JsonArray* methods = at(report, "multivariate").if_array()) {
    for (const Json& drift : *methods) out += together(drift);
  }
  if (const JsonArray* vectors = at(report, "embeddings").if_array()) {
    for (const Json& drift : *vectors) out += embedding(drift);
  }
  out += quality_of(at(report, "quality"));
  out += listed("Columns that are gone", at(report, "only_in_reference"));
  out += listed("Columns that are new", at(report, "only_in_current"));
  out +=
      "<table><thead><tr><th>Column</th><th>Verdict</th><th>Method</th><th>Score</th>"
      "<th>Threshold</th><th>Before and now</th><th>Before &rarr; now</th></tr></thead><tbody>\n";
  if (const JsonArray* columns = at(report, "columns").if_array()) {
    for (const Json& column : *columns) out += row(column);
  }
  return out + "</tbody></table>\n</body></html>\n";
}

}  // namespace slipway::monitor
