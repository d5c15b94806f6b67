#include "incidents/post_mortem.h"

#include "types/timestamp.h"

namespace slipway::incidents {
namespace {

constexpr std::size_t kSuspectsShown = 5;

// A table's cell: no bars, no line breaks, nothing that Markdown or a browser would take for its
// own.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      out += ' ';
    } else if (c == '<') {
      out += "&lt;";
    } else {
      if (c == '|' || c == '\\' || c == '`' || c == '*' || c == '_' || c == '[') out += '\\';
      out += c;
    }
  }
  return out;
}

std::string duration_text(const std::optional<base::Duration>& duration) {
  return duration ? roughly(*duration) : "not yet";
}

}  // namespace

std::string post_mortem(const Report& report) {
  const Incident& incident = report.incident;
  std::string out = fmt::format("# Incident {}: {}\n\n", incident.id, cell(incident.title));
  out += "| | |\n|---|---|\n";
  const auto row = [&](std::string_view name, std::string_view value) {
    out += fmt::format("| {} | {} |\n", name, value.empty() ? "-" : cell(value));
  };
  row("endpoint", incident.endpoint);
  row("severity", incident.severity);
  row("state", state_name(incident.state));
  row("owner", incident.owner);
  row("opened by", incident.opened_by);
  row("bad since", types::to_rfc3339(incident.bad_since));
  row("noticed", types::to_rfc3339(detected_at(incident, report.entries)));
  if (incident.mitigated_at) row("mitigated", types::to_rfc3339(*incident.mitigated_at));
  if (incident.resolved_at) row("resolved", types::to_rfc3339(*incident.resolved_at));
  row("time to detect", duration_text(report.durations.to_detect));
  row("time to act", duration_text(report.durations.to_act));
  row("time to recover", duration_text(report.durations.to_recover));

  out += "\n## What changed before\n\n";
  if (report.suspects.empty()) out += "Nothing that is known of.\n";
  for (std::size_t i = 0; i < std::min(report.suspects.size(), kSuspectsShown); ++i) {
    const Suspect& suspect = report.suspects[i];
    out +=
        fmt::format("{}. {} {} ({}, score {:.2f})\n", i + 1, types::to_rfc3339(suspect.entry.time),
                    cell(suspect.entry.words), suspect.why, suspect.score);
  }
  out += "\n## What happened\n\n| time | what | who |\n|---|---|---|\n";
  for (const Entry& entry : report.entries) {
    out += fmt::format("| {} | {} | {} |\n", types::to_rfc3339(entry.time), cell(entry.words),
                       cell(entry.actor));
  }
  out +=
      "\n## Impact\n\n\n## Root cause\n\n\n## What went well, and what didn't\n\n\n"
      "## What we change\n\n- [ ] \n";
  return out;
}

}  // namespace slipway::incidents
