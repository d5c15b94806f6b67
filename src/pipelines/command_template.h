// The text of a step's `run`: shell with references in braces.
//
//   python3 train.py --rows {training-set}/rows.parquet --rounds {rounds} --out {out}/model.json
//
// A reference is `{name}` with name = [A-Za-z_][A-Za-z0-9_-]*. `${name}` stays the shell's,
// `{{name}}` is a literal
// `{name}`, and braces around anything else (JSON, awk '{print $1}') are left alone.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::pipelines {

// Where a reference stands in the shell's eyes; decides how its value has to be written.
enum class Quoting { kNone, kSingle, kDouble };

struct CommandPiece {
  enum class Kind { kText, kReference };
  Kind kind = Kind::kText;
  std::string text;  // literal shell, or the reference's name
  Quoting quoting = Quoting::kNone;

  bool operator==(const CommandPiece&) const = default;
};

// Whether `{item}` may have members: `{item.a.b}`.
enum class Items { kNone, kAllowed };

std::vector<CommandPiece> parse_command(std::string_view text, Items items = Items::kNone);

// The names referred to, in order of first mention.
std::vector<std::string> references(const std::vector<CommandPiece>& pieces);

// `value` as one word (or part of a word) that the shell reads back unchanged.
std::string quote_for_shell(std::string_view value, Quoting quoting);

// Puts quoted values in place of references.
std::string render_command(const std::vector<CommandPiece>& pieces,
                           const std::function<std::string(const std::string& name)>& value_of);

// The same of what no shell reads: values stand as they are.
std::string render_text(const std::vector<CommandPiece>& pieces,
                        const std::function<std::string(const std::string& name)>& value_of);

}  // namespace slipway::pipelines
