// How an endpoint answers a request.
#include <chrono>
#include <cmath>

#include "base/hash.h"
#include "base/json.h"
#include "serving/endpoints.h"
#include "serving/gather.h"
#include "serving/logged_answer.h"

namespace slipway::serving {
namespace {

// An atomic id source: unique in this process; the random part makes it unique beyond.
std::string make_id(base::Random& random) {
  static const std::string prefix = random.hex(6);
  static std::atomic<std::uint64_t> next{0};
  return fmt::format("{}-{:x}", prefix, next.fetch_add(1, std::memory_order_relaxed));
}

double micros_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
      .count();
}

std::uint64_t to_ns(double micros) { return static_cast<std::uint64_t>(micros * 1e3); }

}  // namespace

int slot_of(std::string_view salt, std::string_view key) {
  fmt::basic_memory_buffer<char, 256> text;
  text.append(salt);
  text.push_back('\x1f');
  text.append(key);
  return static_cast<int>(base::hash64({text.data(), text.size()}) % kSlots);
}

// What is quick is done here and now, by whatever thread it is; the rest may wait in line.
Result<Batcher::Receipt> Endpoints::score(const Variant& variant, const Batcher::Request& request,
                                          std::chrono::steady_clock::time_point start,
                                          std::vector<Output>& outputs) const {
  if (start >= request.call.deadline)
    return base::error(Code::kDeadlineExceeded, "the request's time was over before it was scored");
  const bool is_quick =
      !variant.model->may_block() &&
      static_cast<double>(request.call.rows) * variant.row_cost_us <= options_.inline_budget_us;
  if (!is_quick) return variant.batcher->score(request, outputs);
  TRY(variant.model->predict(request.call, outputs));
  return Batcher::Receipt{.scored = std::chrono::steady_clock::now() - start,
                          .rows = request.call.rows};
}

Result<std::vector<std::string>> Endpoints::variants_of(std::string_view endpoint,
                                                        std::span<const std::string_view> keys) {
  const auto serving = TRY(awake(endpoint, Deadline::max()));
  std::vector<std::string> names;
  for (const std::string_view key : keys) {
    const int slot = slot_of(serving->spec.salt, key);
    std::string& name = names.emplace_back();
    for (const VariantSpec& variant : serving->spec.variants) {
      if (!variant.is_shadow && variant.has_slot(slot)) name = variant.name;
    }
  }
  return names;
}

Result<Explained> Endpoints::explain(const PredictRequest& request) {
  const auto serving = TRY(awake(request.endpoint, request.deadline));
  const Batch& batch = request.batch;
  if (batch.rows == 0) return base::error(Code::kInvalidArgument, "the request has no rows");
  const std::string id = request.id.empty() ? make_id(random_) : std::string(request.id);
  const int slot = slot_of(serving->spec.salt, request.route_key.empty() ? id : request.route_key);
  const Variant& variant = *TRY(choose_variant(*serving, request, slot));
  Explained answer;
  if (Result<void> can = variant.model->can_explain(); !can) {
    answer.refusal = std::move(can).error();
    return answer;
  }
  thread_local Scratch scratch;
  scratch.reset(batch.rows, serving->inputs, serving->schema->size());
  TRY(gather(*serving, request, request.event_time.value_or(event_clock_.now()), features_,
             scratch));
  answer.prediction.id = id;
  answer.prediction.variant = variant.spec.name;
  answer.prediction.revision = serving->spec.revision;
  answer.prediction.model_version = variant.spec.model_version;
  answer.prediction.rows = batch.rows;
  scratch.model_inputs.clear();
  for (const int input : variant.inputs) {
    scratch.model_inputs.push_back(scratch.views[static_cast<std::size_t>(input)]);
    answer.inputs.push_back(serving->inputs[static_cast<std::size_t>(input)].name);
  }
  const ModelCall call{.rows = batch.rows,
                       .inputs = scratch.model_inputs,
                       .params = request.params,
                       .deadline = request.deadline,
                       .explained_max = options_.explained_values_max};
  if (std::chrono::steady_clock::now() > request.deadline)
    return base::error(Code::kDeadlineExceeded, "the deadline passed before the request was read");
  TRY(variant.model->predict(call, answer.prediction.outputs));
  TRY(variant.model->explain(call, answer.explanation));
  return answer;
}

Result<Prediction> Endpoints::predict(const PredictRequest& request) {
  const auto start = std::chrono::steady_clock::now();
  auto serving = find(request.endpoint);
  if (serving == nullptr || !serving->is_awake)
    serving = TRY(awake(request.endpoint, request.deadline));
  serving->requests->add();
  const auto fail = [&](Error error) {
    serving->errors->add();
    serving->minutes->add_error(wall_clock_.now());
    return error;
  };
  const Batch& batch = request.batch;
  if (batch.rows == 0) return fail(base::error(Code::kInvalidArgument, "the request has no rows"));
  Prediction answer{.id = request.id.empty() ? make_id(random_) : std::string(request.id),
                    .revision = serving->spec.revision,
                    .rows = batch.rows};
  const std::string_view key = request.route_key.empty() ? answer.id : request.route_key;
  const int slot = slot_of(serving->spec.salt, key);
  const Result<const Variant*> choice = choose_variant(*serving, request, slot);
  if (!choice) return fail(choice.error());
  const Variant* const chosen = *choice;
  answer.variant = chosen->spec.name;
  answer.model_version = chosen->spec.model_version;
  VersionTally& tally = *chosen->tally;
  const auto fail_version = [&](Error error) {
    tally.add_failure(to_ns(micros_since(start)));
    return fail(std::move(error));
  };

  const base::Timestamp event_time = request.event_time.value_or(event_clock_.now());
  const base::Timestamp arrival_time = wall_clock_.now();
  thread_local Scratch scratch;
  scratch.reset(batch.rows, serving->inputs, serving->schema->size());
  const std::span<const RowOrigin> origins = request.origins;
  if (batch.rows > 1 && origins.empty()) {
    scratch.row_ids.resize(batch.rows);
    for (std::size_t row = 0; row < batch.rows; ++row)
      scratch.row_ids[row] = fmt::format("{}/{}", answer.id, row);
  }
  const auto row_id = [&](std::size_t row) {
    return !origins.empty()  ? origins[row].id
           : batch.rows == 1 ? std::string_view(answer.id)
                             : std::string_view(scratch.row_ids[row]);
  };
  const auto time_of = [&](std::size_t row) {
    return origins.empty() ? event_time : origins[row].event_time;
  };
  const auto log_rejected = [&](std::size_t row, std::string_view error, std::string_view broken,
                                std::span<const InputView> features) {
    scratch.logged.push_back(
        {.request_id = row_id(row),
         .variant = chosen->spec.name,
         .role = "live",
         .error = error,
         .traffic = request.traffic.empty() ? kRejectedTraffic : request.traffic,
         .revision = answer.revision,
         .model_version = answer.model_version,
         .latency_us = static_cast<std::int64_t>(micros_since(start)),
         .event_time = time_of(row),
         .arrival_time = arrival_time,
         .prediction = std::nan(""),
         .values = {},
         .input_violations = broken,
         .features = features,
         .row = row});
  };
  // Messages of a stream that are refused together are asked one by one then.
  const bool is_asked_again = origins.size() > 1;
  const Result<void> gathered = gather(*serving, request, event_time, features_, scratch);
  // Wrong input is its sender's fault. A lookup that failed is the endpoint's: it is logged, so
  // that the endpoint's monitors count it.
  if (!gathered && gathered.error().code == Code::kInvalidArgument) {
    if (scratch.mistyped && serving->policy != nullptr && !is_asked_again) {
      const Mistyped& wrong = *scratch.mistyped;
      serving->policy->count(wrong, time_of(wrong.row), row_id(wrong.row));
      log_rejected(wrong.row, gathered.error().message,
                   scratch.kept.emplace_back(base::to_text(JsonObject{{wrong.column, "type"}})),
                   {});
      log_.append(serving->spec.endpoint, serving->log_schema, scratch.logged);
    }
    return fail_version(gathered.error());
  }
  gather_logged(*serving, batch, scratch);
  const bool is_checked = serving->policy != nullptr && gathered;
  if (is_checked) serving->policy->check(batch.rows, scratch.logged_views, scratch.violations);
  if (!scratch.violations.empty()) {
    const InputPolicy& policy = *serving->policy;
    const auto gravest = policy.judge(scratch.violations, batch.rows, scratch.verdicts);
    const bool is_rejected = gravest == types::OnViolation::kReject;
    if (is_rejected && is_asked_again)
      return fail_version(policy.refusal(scratch.violations, scratch.logged_views, batch.rows));
    if (is_rejected) {
      policy.count(scratch.violations, scratch.verdicts, scratch.logged_views, time_of, row_id);
      Error refusal = policy.refusal(scratch.violations, scratch.logged_views, batch.rows);
      for (std::size_t row = 0; row < batch.rows; ++row) {
        const RowVerdict& verdict = scratch.verdicts[row];
        if (verdict.is_violated)
          log_rejected(row, refusal.message, verdict.broken, scratch.logged_views);
      }
      log_.append(serving->spec.endpoint, serving->log_schema, scratch.logged);
      return fail_version(std::move(refusal));
    }
  }
  const double prepared_us = micros_since(start);
  Batcher::Receipt receipt;
  std::optional<Error> failure;
  std::size_t first_chosen = 0;  // of the rows to log
  double shadows_us = 0;
  for (const Variant& variant : serving->variants) {
    const bool shadows = gathered && variant.spec.is_shadow &&
                         (variant.spec.slots.empty() || variant.spec.has_slot(slot));
    if (&variant != chosen && !shadows) continue;
    const auto scoring = std::chrono::steady_clock::now();
    scratch.model_inputs.clear();
    for (const int input : variant.inputs)
      scratch.model_inputs.push_back(scratch.views[static_cast<std::size_t>(input)]);
    std::vector<Output>& outputs = &variant == chosen ? answer.outputs : scratch.shadow_outputs;
    const Batcher::Request asked{.call = {.rows = batch.rows,
                                          .inputs = scratch.model_inputs,
                                          .params = request.params,
                                          .deadline = request.deadline},
                                 .priority = request.priority};
    const Result<Batcher::Receipt> scored =
        gathered ? score(variant, asked, scoring, outputs) : gathered.error();
    if (!scored && &variant == chosen) failure = scored.error();
    const std::string_view error =
        scored ? std::string_view() : scratch.kept.emplace_back(scored.error().message);
    const double scoring_us =
        scored ? std::chrono::duration<double, std::micro>(scored->waited + scored->scored).count()
               : micros_since(scoring);
    if (scored && &variant == chosen) receipt = *scored;
    const double latency_us = prepared_us + scoring_us / static_cast<double>(batch.rows);
    if (&variant == chosen) first_chosen = scratch.logged.size();
    if (&variant != chosen) shadows_us += micros_since(scoring);
    const bool has_values = scored && !outputs.empty() && !is_one_number(outputs);
    for (std::size_t row = 0; row < batch.rows; ++row) {
      const RowVerdict* verdict = scratch.verdicts.empty() ? nullptr : &scratch.verdicts[row];
      const bool is_apart = verdict != nullptr && verdict->is_violated &&
                            verdict->on_violation == types::OnViolation::kQuarantine;
      scratch.logged.push_back(
          {.request_id = row_id(row),
           .variant = variant.spec.name,
           .role = variant.spec.is_shadow ? "shadow" : "live",
           .error = error,
           .traffic = is_apart && request.traffic.empty() ? kQuarantinedTraffic : request.traffic,
           .revision = answer.revision,
           .model_version = variant.spec.model_version,
           .latency_us = static_cast<std::int64_t>(latency_us),
           .event_time = time_of(row),
           .arrival_time = arrival_time,
           .prediction = scored ? logged_number(outputs, row) : std::nan(""),
           .values = has_values ? std::string_view(scratch.kept.emplace_back(
                                      logged_values(outputs, row, options_.logged_values_max)))
                                : std::string_view(),
           .input_violations = verdict != nullptr ? std::string_view(verdict->broken)
                               : is_checked       ? std::string_view("")
                                                  : std::string_view(),
           .features = scratch.logged_views,
           .row = row});
    }
  }
  // The answer leaves when its shadows are scored: that is how long whoever asked has waited.
  for (std::size_t row = 0; row < batch.rows; ++row) {
    scratch.logged[first_chosen + row].latency_us +=
        static_cast<std::int64_t>(shadows_us / static_cast<double>(batch.rows));
  }
  // Messages of a stream that weren't scored are asked again: then they are counted and logged.
  if (failure && !origins.empty()) return fail_version(std::move(*failure));
  const bool taken = log_.append(serving->spec.endpoint, serving->log_schema, scratch.logged);
  // What is asked again because it could not be logged counts when it is.
  if (!scratch.violations.empty() && (taken || !serving->spec.durable_log))
    serving->policy->count(scratch.violations, scratch.verdicts, scratch.logged_views, time_of,
                           row_id);
  if (failure) return fail_version(std::move(*failure));
  if (serving->spec.durable_log) {
    if (!taken) {
      return fail_version(
          base::error(Code::kUnavailable,
                      "the request log is full and this endpoint answers nothing unlogged: "
                      "endpoint={}",
                      request.endpoint));
    }
    if (Result<void> flushed = log_.flush(); !flushed)
      return fail_version(std::move(flushed).error());
  }
  if (answer.outputs.size() == 1 && !serving->spec.output.empty())
    answer.outputs.front().name = serving->spec.output;
  const double total_us = micros_since(start);
  serving->latency->observe(total_us * 1e-6);
  serving->minutes->add(total_us, arrival_time);
  tally.seconds().observe(total_us * 1e-6);
  tally.add(batch.rows,
            {.gather_ns = to_ns(prepared_us),
             .queue_ns = static_cast<std::uint64_t>(receipt.waited.count()),
             .score_ns = static_cast<std::uint64_t>(receipt.scored.count()),
             .total_ns = to_ns(total_us),
             .call_rows = receipt.rows,
             .made_call = receipt.counts_call},
            arrival_time);
  return answer;
}

}  // namespace slipway::serving
