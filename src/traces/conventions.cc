#include "traces/conventions.h"

#include <fmt/format.h>

#include <charconv>
#include <span>

namespace slipway::traces {
namespace {

using Keys = std::span<const std::string_view>;

struct TypeWord {
  std::string_view word, type;
};

// A key may have one `#` in it, which stands for a number.
struct Convention {
  std::string_view kind_key;
  std::span<const TypeWord> types;
  Keys inputs, outputs, models, providers;
  std::string_view input_tokens, output_tokens, total_tokens, cache_read_tokens,
      cache_creation_tokens;
};

constexpr TypeWord kGenAiTypes[] = {{"chat", "CHAT_MODEL"},      {"create_agent", "AGENT"},
                                    {"embeddings", "EMBEDDING"}, {"execute_tool", "TOOL"},
                                    {"generate_content", "LLM"}, {"invoke_agent", "AGENT"},
                                    {"text_completion", "LLM"},  {"response", "LLM"}};
constexpr std::string_view kGenAiInputs[] = {"gen_ai.input.messages", "gen_ai.tool.call.arguments"};
constexpr std::string_view kGenAiOutputs[] = {"gen_ai.output.messages", "gen_ai.tool.call.result"};
constexpr std::string_view kGenAiModels[] = {"gen_ai.response.model", "gen_ai.request.model"};
constexpr std::string_view kGenAiProviders[] = {"gen_ai.provider.name"};

constexpr TypeWord kOpenInferenceTypes[] = {
    {"TOOL", "TOOL"},           {"CHAIN", "CHAIN"},         {"LLM", "LLM"},
    {"RETRIEVER", "RETRIEVER"}, {"EMBEDDING", "EMBEDDING"}, {"AGENT", "AGENT"},
    {"RERANKER", "RERANKER"},   {"UNKNOWN", "UNKNOWN"},     {"GUARDRAIL", "GUARDRAIL"},
    {"EVALUATOR", "EVALUATOR"}};
constexpr std::string_view kOpenInferenceInputs[] = {"input.value"};
constexpr std::string_view kOpenInferenceOutputs[] = {"output.value"};
constexpr std::string_view kOpenInferenceModels[] = {
    "llm.response.model_name", "llm.model_name", "llm.request.model_name", "embedding.model_name"};
constexpr std::string_view kOpenInferenceProviders[] = {"llm.provider"};

constexpr TypeWord kTraceloopTypes[] = {{"workflow", "WORKFLOW"},
                                        {"task", "TASK"},
                                        {"agent", "AGENT"},
                                        {"tool", "TOOL"},
                                        {"unknown", "UNKNOWN"}};
constexpr std::string_view kTraceloopInputs[] = {"traceloop.entity.input",
                                                 "gen_ai.prompt.#.content"};
constexpr std::string_view kTraceloopOutputs[] = {"traceloop.entity.output",
                                                  "gen_ai.completion.#.content"};
constexpr std::string_view kTraceloopProviders[] = {"gen_ai.system"};

constexpr Convention kConventions[] = {
    {.kind_key = "gen_ai.operation.name",
     .types = kGenAiTypes,
     .inputs = kGenAiInputs,
     .outputs = kGenAiOutputs,
     .models = kGenAiModels,
     .providers = kGenAiProviders,
     .input_tokens = "gen_ai.usage.input_tokens",
     .output_tokens = "gen_ai.usage.output_tokens",
     .total_tokens = "",
     .cache_read_tokens = "gen_ai.usage.cache_read.input_tokens",
     .cache_creation_tokens = "gen_ai.usage.cache_creation.input_tokens"},
    {.kind_key = "openinference.span.kind",
     .types = kOpenInferenceTypes,
     .inputs = kOpenInferenceInputs,
     .outputs = kOpenInferenceOutputs,
     .models = kOpenInferenceModels,
     .providers = kOpenInferenceProviders,
     .input_tokens = "llm.token_count.prompt",
     .output_tokens = "llm.token_count.completion",
     .total_tokens = "llm.token_count.total",
     .cache_read_tokens = "llm.token_count.prompt_details.cache_read",
     .cache_creation_tokens = "llm.token_count.prompt_details.cache_write"},
    {.kind_key = "traceloop.span.kind",
     .types = kTraceloopTypes,
     .inputs = kTraceloopInputs,
     .outputs = kTraceloopOutputs,
     .models = {},
     .providers = kTraceloopProviders,
     .input_tokens = "gen_ai.usage.prompt_tokens",
     .output_tokens = "gen_ai.usage.completion_tokens",
     .total_tokens = "llm.usage.total_tokens",
     .cache_read_tokens = "",
     .cache_creation_tokens = ""}};

bool fits(std::string_view key, std::string_view pattern) {
  const std::size_t hash = pattern.find('#');
  if (hash == std::string_view::npos) return key == pattern;
  const std::string_view tail = pattern.substr(hash + 1);
  if (!key.starts_with(pattern.substr(0, hash)) || !key.ends_with(tail) ||
      key.size() <= hash + tail.size())
    return false;
  const std::string_view number = key.substr(hash, key.size() - hash - tail.size());
  return number.find_first_not_of("0123456789") == std::string_view::npos;
}

const std::string* find_any(const Span& span, Keys patterns) {
  for (const std::string_view pattern : patterns) {
    for (const Attribute& attribute : span.attributes) {
      if (fits(attribute.key, pattern) && attribute.json != "null" && attribute.json != "\"\"")
        return &attribute.json;
    }
  }
  return nullptr;
}

std::optional<std::int64_t> find_count(const Span& span, std::string_view key) {
  const std::string* json = key.empty() ? nullptr : span.find(key);
  if (json == nullptr) return std::nullopt;
  const std::string text = text_of_json(*json);
  std::int64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || value < 0 || value > 1'000'000'000'000) return std::nullopt;
  return value;
}

void translate_type(Span& span) {
  if (span_type(span) != "UNKNOWN") return;
  for (const Convention& convention : kConventions) {
    const std::string* kind = span.find(convention.kind_key);
    if (kind == nullptr) continue;
    const std::string word = text_of_json(*kind);
    for (const TypeWord& type : convention.types) {
      if (type.word != word) continue;
      span.set("mlflow.spanType", fmt::format("\"{}\"", type.type));
      return;
    }
  }
}

void translate_usage(Span& span) {
  if (span.find("mlflow.chat.tokenUsage") != nullptr) return;
  for (const Convention& convention : kConventions) {
    const auto input = find_count(span, convention.input_tokens);
    const auto output = find_count(span, convention.output_tokens);
    if (!input || !output) continue;
    const std::int64_t total = find_count(span, convention.total_tokens).value_or(*input + *output);
    std::string json = fmt::format(
        R"({{"input_tokens": {}, "output_tokens": {}, "total_tokens": {})", *input, *output, total);
    if (const auto read = find_count(span, convention.cache_read_tokens))
      json += fmt::format(R"(, "cache_read_input_tokens": {})", *read);
    if (const auto created = find_count(span, convention.cache_creation_tokens))
      json += fmt::format(R"(, "cache_creation_input_tokens": {})", *created);
    span.set("mlflow.chat.tokenUsage", json + "}");
    return;
  }
}

void copy_first(Span& span, std::string_view to, Keys Convention::*from) {
  if (span.find(to) != nullptr) return;
  for (const Convention& convention : kConventions) {
    const std::string* found = find_any(span, convention.*from);
    if (found == nullptr) continue;
    span.set(to, std::string(*found));
    return;
  }
}

}  // namespace

void translate_conventions(Span& span) {
  translate_type(span);
  copy_first(span, "mlflow.spanInputs", &Convention::inputs);
  copy_first(span, "mlflow.spanOutputs", &Convention::outputs);
  copy_first(span, "mlflow.llm.model", &Convention::models);
  copy_first(span, "mlflow.llm.provider", &Convention::providers);
  translate_usage(span);
}

}  // namespace slipway::traces
