#include "cli/ci/review.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "types/yaml_reader.h"

namespace slipway::cli {
namespace {

Result<std::optional<double>> number_at(types::YamlMap& map, std::string_view key) {
  const auto node = map.find(key);
  if (!node) return std::optional<double>();
  return std::optional<double>(TRY(node->number()));
}

Result<CiLimit> read_limit(const types::YamlNode& node) {
  auto map = TRY(node.map("a check of ci"));
  CiLimit limit;
  limit.value = TRY(TRY(map.get("value")).text());
  limit.min = TRY(number_at(map, "min"));
  limit.max = TRY(number_at(map, "max"));
  limit.drop = TRY(number_at(map, "drop"));
  limit.rise = TRY(number_at(map, "rise"));
  TRY(map.finish());
  if (!limit.min && !limit.max && !limit.drop && !limit.rise)
    return node.error("a check needs a limit: min, max, drop or rise");
  if ((limit.drop && *limit.drop < 0) || (limit.rise && *limit.rise < 0))
    return node.error("drop and rise say how much is allowed: at least 0");
  if (std::count(limit.value.begin(), limit.value.end(), '/') < 2)
    return node.error("a value is PIPELINE/STEP/FILE or PIPELINE/STEP/FILE#MEMBER: got={}",
                      limit.value);
  return limit;
}

Result<CiPipeline> read_pipeline(const std::string& name, const types::YamlNode& node) {
  CiPipeline pipeline{.name = name, .until = {}, .params = {}, .place = node.place()};
  if (node.is_null()) return pipeline;
  auto map = TRY(node.map("a pipeline of ci"));
  if (const auto until = map.find("until")) {
    for (const auto& step : TRY(until->list())) pipeline.until.push_back(TRY(step.text()));
  }
  if (const auto params = map.find("params")) {
    for (const auto& [param, value] : TRY(params->entries()))
      pipeline.params[param] = TRY(value.text());
  }
  TRY(map.finish());
  return pipeline;
}

// Whether `name` is what `pattern` means, where * is any text.
bool means(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = std::string_view::npos, from = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++from;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::map<std::string, double> values_of(const CiSide& side) {
  std::map<std::string, double> all;
  for (const CiRun& run : side.runs) {
    for (const auto& [name, value] : run.values) all[run.pipeline + "/" + name] = value;
  }
  return all;
}

std::optional<double> value_at(const std::map<std::string, double>& values,
                               const std::string& name) {
  const auto found = values.find(name);
  if (found == values.end() || std::isnan(found->second)) return std::nullopt;
  return found->second;
}

std::string limit_text(const CiLimit& limit) {
  std::vector<std::string> parts;
  if (limit.min) parts.push_back(fmt::format("at least {:.6g}", *limit.min));
  if (limit.max) parts.push_back(fmt::format("at most {:.6g}", *limit.max));
  if (limit.drop) parts.push_back(fmt::format("at most {:.6g} less", *limit.drop));
  if (limit.rise) parts.push_back(fmt::format("at most {:.6g} more", *limit.rise));
  return fmt::format("{}", fmt::join(parts, ", "));
}

CiCheck check_limit(const CiLimit& limit, const std::string& name, std::optional<double> base,
                    double now) {
  CiCheck check{.name = name, .base = base, .now = now, .limit = limit_text(limit), .word = "ok"};
  const auto fails = [&check](const char* word) {
    check.ok = false;
    check.word = word;
  };
  if (!base && (limit.drop || limit.rise)) check.word = "no base";
  // Compared so that what is no number fails.
  if (limit.min && !(now >= *limit.min)) fails("too low");
  if (limit.max && !(now <= *limit.max)) fails("too high");
  if (base && limit.drop && !(now >= *base - *limit.drop)) fails("fell too far");
  if (base && limit.rise && !(now <= *base + *limit.rise)) fails("rose too far");
  return check;
}

void add_limits(CiReview& review, const CiPolicy& policy, const CiSide& base, const CiSide& head) {
  const auto before = values_of(base), now = values_of(head);
  for (const CiLimit& limit : policy.limits) {
    std::set<std::string> names;
    for (const auto* values : {&before, &now}) {
      for (const auto& [name, value] : *values) {
        if (means(limit.value, name)) names.insert(name);
      }
    }
    if (names.empty()) names.insert(limit.value);
    for (const std::string& name : names) {
      const auto value = value_at(now, name);
      if (value) {
        review.checks.push_back(check_limit(limit, name, value_at(before, name), *value));
      } else {
        review.checks.push_back({.name = name,
                                 .base = value_at(before, name),
                                 .now = {},
                                 .limit = limit_text(limit),
                                 .word = "missing",
                                 .ok = false});
      }
    }
  }
}

void add_gates(CiReview& review, const CiSide& head) {
  for (const CiRun& run : head.runs) {
    for (const CiGateCheck& gate : run.gate) {
      review.checks.push_back({.name = run.pipeline + "/" + gate.name,
                               .base = {},
                               .now = gate.value,
                               .limit = gate.text,
                               .word = gate.ok ? "ok" : "gate says no",
                               .ok = gate.ok});
    }
  }
}

void add_datasets(CiReview& review, const CiPolicy& policy, const CiSide& base,
                  const CiSide& head) {
  for (const CiDataset& dataset : head.datasets) {
    CiCheck check{.name = "dataset " + dataset.name + ": rows put aside",
                  .base = {},
                  .now = {},
                  .limit = "",
                  .word = "ok"};
    for (const CiDataset& other : base.datasets) {
      if (other.name == dataset.name && other.problem.empty())
        check.base = static_cast<double>(other.quarantined);
    }
    if (!dataset.problem.empty()) {
      check.limit = dataset.problem;
      check.word = "refused";
      check.ok = false;
    } else {
      check.now = static_cast<double>(dataset.quarantined);
      const double all = static_cast<double>(dataset.rows + dataset.quarantined);
      if (policy.quarantined) {
        check.limit = fmt::format("at most {:.6g} of {}", *policy.quarantined, all);
        if (*check.now > *policy.quarantined * all) {
          check.ok = false;
          check.word = "too many";
        }
      }
    }
    review.checks.push_back(std::move(check));
  }
}

// For what would be markup, a mention or an address (https://, www.) that becomes a link.
std::string_view entity_of(char c, char next, std::string_view before) {
  const auto ends_with_www = [&] {
    const std::string_view end =
        before.substr(before.size() - std::min<std::size_t>(before.size(), 3));
    return end.size() == 3 &&
           std::all_of(end.begin(), end.end(), [](char w) { return w == 'w' || w == 'W'; });
  };
  switch (c) {
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '&':
      return "&amp;";
    case '@':
      return "&#64;";
    case '|':
      return "&#124;";
    case ':':
      return next == '/' ? "&#58;" : "";
    case '.':
      return ends_with_www() ? "&#46;" : "";
    default:
      return "";
  }
}

std::string number_text(const std::optional<double>& number) {
  return number ? fmt::format("{:.6g}", *number) : "-";
}

std::string change_text(const std::optional<double>& base, const std::optional<double>& now) {
  return base && now ? fmt::format("{:+.6g}", *now - *base) : "-";
}

std::string details(std::string_view title, const std::string& text) {
  return fmt::format("<details><summary>{}</summary>\n\n{}\n</details>\n\n", title, text);
}

// What a terminal or a fence would take for more than text is left out.
std::string fenced(std::string_view text) {
  std::string kept;
  for (const char c : text) {
    if (c == '\n' || c == '\t' || static_cast<unsigned char>(c) >= 0x20)
      kept += c == '`' ? '\'' : c;
  }
  return "```text\n" + kept + "\n```\n";
}

constexpr std::size_t kRowsShown = 60, kLogsShown = 4, kSentenceLength = 2000;

std::string more(std::size_t count) {
  return count > kRowsShown ? fmt::format("\n{} more are not shown.\n", count - kRowsShown) : "";
}

std::string checks_section(const CiReview& review) {
  if (review.checks.empty()) return "No checks are declared: see `ci:` in slipway.yaml.\n\n";
  std::string out =
      "| check | base | this | change | limit | verdict |\n|---|--:|--:|--:|---|---|\n";
  std::vector<CiCheck> rows = review.checks;
  std::stable_partition(rows.begin(), rows.end(), [](const CiCheck& check) { return !check.ok; });
  for (std::size_t i = 0; i < std::min(rows.size(), kRowsShown); ++i) {
    const CiCheck& row = rows[i];
    out += fmt::format("| {} | {} | {} | {} | {} | {} {} |\n", markdown_cell(row.name),
                       number_text(row.base), number_text(row.now), change_text(row.base, row.now),
                       markdown_cell(row.limit), row.ok ? "✅" : "❌", row.word);
  }
  return out + more(rows.size()) + "\n";
}

std::string steps_section(const CiSide& head) {
  std::string out = "| step | how it went | why |\n|---|---|---|\n";
  std::size_t count = 0;
  for (const CiRun& run : head.runs) {
    for (const CiStep& step : run.steps) {
      if (++count > kRowsShown) continue;
      out += fmt::format("| {} | {} | {} |\n", markdown_cell(run.pipeline + "/" + step.name),
                         step.state == "cached" ? "from cache" : markdown_cell(step.state),
                         markdown_cell(step.reason));
    }
  }
  return "### Steps\n\n" + out + more(count) + "\n";
}

constexpr std::size_t kBarsMax = 20, kBarLabelLength = 24;
constexpr double kBarPercentMax = 200;

struct Bar {
  std::string label;
  double percent = 0;  // of the base
};

// "3 slices.south" of the third "train/fit/metrics.json#slices.south"; nothing that Mermaid, or who
// embeds it, would take for more than text.
std::string bar_label(std::size_t row, std::string_view name) {
  const std::size_t member = name.find('#');
  name.remove_prefix(member == std::string_view::npos ? name.rfind('/') + 1 : member + 1);
  std::string text;
  for (const char c : name.substr(0, kBarLabelLength)) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '.' || c == '-' || c == ' ';
    text += is_plain ? c : '_';
  }
  return fmt::format("{} {}", row, text);
}

// Drawn by GitHub and GitLab; as text it is the numbers that the table has, too. Bars of Mermaid
// begin at the axis' end, so what is drawn is the value in percent of the base's, beside a line at
// 100; a base of 0, or one below, has none.
std::string chart(std::vector<Bar> bars) {
  if (bars.empty()) return "";
  if (bars.size() > kBarsMax) {
    std::vector<double> sizes;
    for (const Bar& bar : bars) sizes.push_back(std::abs(bar.percent - 100));
    std::nth_element(sizes.begin(), sizes.begin() + (kBarsMax - 1), sizes.end(), std::greater<>());
    const double least = sizes[kBarsMax - 1];
    std::erase_if(bars, [&](const Bar& bar) { return std::abs(bar.percent - 100) < least; });
    bars.resize(std::min(bars.size(), kBarsMax));
  }
  double low = 100, high = 100;
  std::vector<std::string> labels, values, base;
  for (const Bar& bar : bars) {
    low = std::min(low, bar.percent);
    high = std::max(high, bar.percent);
    labels.push_back('"' + bar.label + '"');
    values.push_back(fmt::format("{:.5g}", bar.percent));
    base.emplace_back("100");
  }
  const double margin = std::max(1.0, (high - low) / 10);
  const std::string look =
      R"(%%{init: {"themeVariables": {"xyChart": {"plotColorPalette": "#4878a8, #c44e52"}}, )"
      R"("xyChart": {"height": )" +
      std::to_string(100 + 28 * bars.size()) + "}}}%%\n";
  return fmt::format(
      "```mermaid\n{}"
      "xychart-beta horizontal\n"
      "  title \"This change in % of the base, by row of the table\"\n"
      "  x-axis [{}]\n"
      "  y-axis \"%\" {:.5g} --> {:.5g}\n"
      "  bar [{}]\n"
      "  line [{}]\n"
      "```\n\n",
      look, fmt::join(labels, ", "), std::max(0.0, low - margin), high + margin,
      fmt::join(values, ", "), fmt::join(base, ", "));
}

std::string values_section(const CiSide& base, const CiSide& head) {
  const auto before = values_of(base), now = values_of(head);
  std::set<std::string> names;
  for (const auto* values : {&before, &now}) {
    for (const auto& [name, value] : *values) {
      if (value_at(before, name) != value_at(now, name)) names.insert(name);
    }
  }
  if (names.empty() || !base.problem.empty()) return "";
  std::string out = "| | value | base | this | change |\n|--:|---|--:|--:|--:|\n";
  std::vector<Bar> bars;
  std::size_t row = 0;
  for (const std::string& name : names) {
    if (++row > kRowsShown) break;
    const auto old = value_at(before, name), fresh = value_at(now, name);
    out += fmt::format("| {} | {} | {} | {} | {} |\n", row, markdown_cell(name), number_text(old),
                       number_text(fresh), change_text(old, fresh));
    if (!old || !fresh || *old <= 0 || *fresh < 0) continue;
    bars.push_back(
        {.label = bar_label(row, name), .percent = std::min(kBarPercentMax, *fresh / *old * 100)});
  }
  return "### Values that changed\n\n" + chart(std::move(bars)) + out + more(names.size()) + "\n";
}

std::string data_section(const CiSide& base, const CiSide& head) {
  std::string out;
  for (const CiDataset& dataset : head.datasets) {
    const CiDataset* old = nullptr;
    for (const CiDataset& other : base.datasets) {
      if (other.name == dataset.name && other.problem.empty()) old = &other;
    }
    if (old != nullptr && old->digest == dataset.digest) continue;
    out += fmt::format("| {} | {} | {} | {} |\n", markdown_cell(dataset.name),
                       old ? fmt::to_string(old->rows) : "-", dataset.rows, dataset.quarantined);
  }
  if (out.empty()) return "";
  return "### Data that changed\n\n| dataset | rows before | rows now | put aside "
         "|\n|---|--:|--:|--:|\n" +
         out + "\n";
}

std::string logs_section(const CiSide& head) {
  std::string out;
  std::size_t shown = 0;
  for (const CiRun& run : head.runs) {
    for (const CiStep& step : run.steps) {
      if (step.log_tail.empty() || ++shown > kLogsShown) continue;
      out += details("What " + markdown_cell(run.pipeline + "/" + step.name) + " wrote last",
                     fenced(step.log_tail));
    }
  }
  return out;
}

std::string files_section(const std::vector<std::string>& files) {
  std::string out;
  for (std::size_t i = 0; i < std::min(files.size(), kRowsShown); ++i)
    out += "- " + markdown_cell(files[i]) + "\n";
  return details(fmt::format("{} changed file{}", files.size(), files.size() == 1 ? "" : "s"),
                 out + more(files.size()));
}

}  // namespace

Result<CiPolicy> parse_ci(std::string_view slipway_yaml) {
  CiPolicy policy;
  const auto root = TRY(types::YamlNode::parse(slipway_yaml));
  if (root.is_null()) return policy;
  auto top = TRY(root.map("slipway.yaml"));
  const auto part = top.find("ci");
  if (!part) return policy;
  auto ci = TRY(part->map("ci"));
  if (const auto pipelines = ci.find("pipelines")) {
    for (const auto& [name, node] : TRY(pipelines->entries()))
      policy.pipelines.push_back(TRY(read_pipeline(name, node)));
  }
  if (const auto checks = ci.find("checks")) {
    for (const auto& node : TRY(checks->list())) policy.limits.push_back(TRY(read_limit(node)));
  }
  policy.quarantined = TRY(number_at(ci, "quarantined"));
  TRY(ci.finish());
  if (policy.quarantined && (*policy.quarantined < 0 || *policy.quarantined > 1))
    return part->error("quarantined is a share from 0 to 1");
  return policy;
}

CiReview judge_change(const CiPolicy& policy, const CiSide& base, const CiSide& head) {
  CiReview review;
  std::vector<std::string> broken, refused;
  for (const CiRun& run : head.runs) {
    if (run.state == "refused") refused.push_back(run.pipeline);
    if (run.state != "refused" && run.state != "succeeded")
      broken.push_back(run.pipeline + (run.reason.empty() ? "" : " (" + run.reason + ")"));
  }
  add_datasets(review, policy, base, head);
  add_gates(review, head);
  if (!head.runs.empty() || !policy.limits.empty()) add_limits(review, policy, base, head);
  std::vector<std::string> failing;
  for (const CiCheck& check : review.checks) {
    if (check.ok) continue;
    failing.push_back(check.base && check.now
                          ? fmt::format("{} {} ({:.6g}, {:+.6g} beside the base)", check.name,
                                        check.word, *check.now, *check.now - *check.base)
                          : check.name + " " + check.word);
  }
  if (!broken.empty()) {
    review.verdict = CiVerdict::kBroke;
    review.sentence = fmt::format("Broken: {} did not come to an end.", fmt::join(broken, ", "));
  } else if (!refused.empty() || !failing.empty()) {
    review.verdict = CiVerdict::kSaysNo;
    for (const std::string& name : refused) failing.push_back("the gate of " + name + " says no");
    review.sentence = fmt::format("No: {}.", fmt::join(failing, "; "));
  } else {
    review.sentence =
        fmt::format("Passes: {} check{} hold{}.", review.checks.size(),
                    review.checks.size() == 1 ? "" : "s", review.checks.size() == 1 ? "s" : "");
  }
  if (!base.problem.empty())
    review.sentence += fmt::format(
        " The base could not be run, so nothing was compared with it: {}", base.problem);
  return review;
}

void collect_numbers(const Json& value, const std::string& path,
                     std::map<std::string, double>& numbers) {
  if (value.is_number()) {
    numbers[path] = value.to_number<double>();
  } else if (value.is_null()) {
    numbers[path] = std::nan("");
  } else if (value.is_object()) {
    for (const auto& [key, member] : value.get_object())
      collect_numbers(member, path.empty() ? std::string(key) : path + "." + std::string(key),
                      numbers);
  }
}

std::string markdown_cell(std::string_view text, std::size_t length) {
  std::string out;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((static_cast<unsigned char>(c) & 0xC0) != 0x80 && ++taken > length) return out + "…";
    if (const auto entity = entity_of(c, i + 1 < text.size() ? text[i + 1] : 0, out);
        !entity.empty()) {
      out += entity;
    } else if (std::string_view("\\`*_[]!~#$").find(c) != std::string_view::npos) {
      out += {'\\', c};
    } else {
      out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
    }
  }
  return out;
}

std::string ci_report(const CiReview& review, const std::vector<std::string>& changed_files,
                      const CiSide& base, const CiSide& head) {
  const char* symbol = review.verdict == CiVerdict::kPasses ? "✅" : "❌";
  std::string out = "<!-- slipway ci -->\n## " + std::string(symbol) + " " +
                    markdown_cell(review.sentence, kSentenceLength) + "\n\n";
  const std::vector<std::string> sections = {
      checks_section(review),   logs_section(head),  values_section(base, head),
      data_section(base, head), steps_section(head), files_section(changed_files)};
  const std::string end = fmt::format("Again, in a checkout of `{}`: `slipway ci --base {}`\n",
                                      head.commit, base.commit);
  constexpr std::string_view kLeftOut = "(A part is left out: it is too long.)\n\n";
  for (const std::string& section : sections) {
    const bool fits = out.size() + section.size() + end.size() + kLeftOut.size() * sections.size() <
                      kCiReportBytesMax;
    out += fits ? std::string_view(section) : kLeftOut;
  }
  return out + end;
}

}  // namespace slipway::cli
