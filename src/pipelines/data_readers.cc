#include "pipelines/data_readers.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/json.h"

namespace slipway::pipelines {
namespace {

using Digests = std::set<std::string>;

struct StepRow {
  std::string name;
  std::optional<std::size_t> parent;
  std::string key_document;
};

bool is_of_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
}

// Whether the word is there, and no part of a longer one.
bool has_word(std::string_view text, std::string_view word) {
  for (std::size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    if (at > 0 && is_of_name(text[at - 1])) continue;
    std::string_view rest = text.substr(at + word.size());
    if (rest.starts_with('.')) rest.remove_prefix(1);  // of a name with a dot, or of a sentence
    if (rest.empty() || !is_of_name(rest.front())) return true;
  }
  return false;
}

// What a step has read of the dataset itself, and the steps whose outputs it read.
struct Read {
  Digests digests;
  std::vector<std::string> steps;
};
Read read_of(const std::string& key_document, const std::string& input,
             const std::vector<std::string>& words) {
  constexpr std::string_view kStep = "step/";
  Read read;
  const auto document = base::parse_json_object(key_document);
  if (!document) return read;  // of a step that never began
  if (const Json* parts = document->if_contains("parts"); parts != nullptr && parts->is_object()) {
    for (const auto& [key, value] : parts->get_object()) {
      const std::string_view part = key;
      if (part == input && value.is_string())
        read.digests.insert(std::string(std::string_view(value.get_string())));
      if (part.starts_with(kStep)) read.steps.emplace_back(part.substr(kStep.size()));
    }
  }
  const Json* command = document->if_contains("command");
  if (read.digests.empty() && command != nullptr && command->is_string()) {
    const std::string_view text = command->get_string();
    if (std::ranges::any_of(words, [&](const std::string& word) { return has_word(text, word); }))
      read.digests.insert("");
  }
  return read;
}

// Until nothing is added: a step has read what steps before it have, and what its items have.
void spread(const std::vector<StepRow>& rows, const std::vector<Read>& reads,
            std::map<std::string, Digests>& steps) {
  for (bool is_more = true; is_more;) {
    is_more = false;
    const auto add = [&](const std::string& to, const Digests& digests) {
      if (digests.empty()) return;
      Digests& known = steps[to];
      const std::size_t before = known.size();
      known.insert(digests.begin(), digests.end());
      is_more = is_more || known.size() > before;
    };
    for (std::size_t i = 0; i < rows.size(); ++i) {
      add(rows[i].name, reads[i].digests);
      for (const std::string& step : reads[i].steps) {
        if (const auto found = steps.find(step); found != steps.end())
          add(rows[i].name, Digests(found->second));
      }
      if (!rows[i].parent || *rows[i].parent >= rows.size()) continue;
      if (const auto found = steps.find(rows[i].name); found != steps.end())
        add(rows[*rows[i].parent].name, Digests(found->second));
    }
  }
}

}  // namespace

Result<std::vector<DataReader>> find_data_readers(store::Db& db, const std::string& dataset,
                                                  std::vector<std::string> words) {
  const std::string input = "input/dataset:" + dataset;
  words.push_back("dataset:" + dataset);
  return db.read([&](store::Reader& reader) -> Result<std::vector<DataReader>> {
    std::set<std::string> left;  // runs to look at
    for (const std::string& word : words) {
      TRY(reader.query("SELECT DISTINCT run FROM pipeline_steps WHERE key_document LIKE ?",
                       {"%" + word + "%"},
                       [&](const store::Row& row) { left.insert(row.string(0)); }));
    }
    // By run: what runs that are steps of it have read.
    std::map<std::string, std::map<std::string, Digests>> nested;
    std::map<std::string, DataReader> found;
    while (!left.empty()) {
      const std::string run = *left.begin();
      left.erase(left.begin());
      DataReader of{.run = run, .pipeline = {}, .steps = nested[run]};
      std::string parent_run, parent_step;
      TRY(reader.query("SELECT pipeline, parent_run, parent_step FROM pipeline_runs WHERE id = ?",
                       {of.run}, [&](const store::Row& row) {
                         of.pipeline = row.string(0);
                         parent_run = row.string(1);
                         parent_step = row.string(2);
                       }));
      std::vector<StepRow> rows;
      TRY(reader.query(
          "SELECT name, parent, key_document FROM pipeline_steps WHERE run = ? ORDER BY position",
          {of.run}, [&](const store::Row& row) {
            StepRow& step = rows.emplace_back(StepRow{row.string(0), {}, row.string(2)});
            if (!row.is_null(1)) step.parent = static_cast<std::size_t>(row.int64(1));
          }));
      std::vector<Read> reads;
      for (const StepRow& step : rows) reads.push_back(read_of(step.key_document, input, words));
      spread(rows, reads, of.steps);
      if (of.steps.empty()) continue;
      if (!parent_run.empty()) {
        Digests& of_step = nested[parent_run][parent_step];
        const std::size_t before = of_step.size();
        for (const auto& [step, digests] : of.steps) of_step.insert(digests.begin(), digests.end());
        if (of_step.size() > before) left.insert(parent_run);  // of many it looks once
      }
      found.insert_or_assign(of.run, std::move(of));
    }
    std::vector<DataReader> readers;
    for (auto& [run, of] : found) readers.push_back(std::move(of));
    return readers;
  });
}

}  // namespace slipway::pipelines
