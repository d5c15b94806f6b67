#include "api/own/training_set_routes.h"

#include "api/own/loop_wire.h"
#include "store/arrow_stream.h"
#include "store/parquet.h"

namespace slipway::api::own {
namespace {

using features::TrainingSets;
using http::Method;
using http::Request;
using http::Response;

constexpr std::string_view kArrow = "application/vnd.apache.arrow.stream";
constexpr std::string_view kParquet = "application/vnd.apache.parquet";

// "late = arr_delay > 15", or the expression alone, which is then called "label".
std::pair<std::string, std::string> split_label(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals + 1 >= text.size() || text[equals + 1] == '=' ||
      (equals > 0 && std::string_view("<>!").find(text[equals - 1]) != std::string_view::npos))
    return {"label", text};
  std::string name = text.substr(0, equals);
  while (!name.empty() && name.back() == ' ') name.pop_back();
  return {name, text.substr(equals + 1)};
}

// What `format` says, or the header Accept; Parquet.
Result<TrainingSets::Format> format_of(const Request& request, const std::string& format) {
  if (format == "arrow") return TrainingSets::Format::kArrowStream;
  if (format == "parquet") return TrainingSets::Format::kParquet;
  if (!format.empty())
    return base::error(Code::kInvalidArgument, "format must be parquet or arrow: {}", format);
  return request.header("Accept").find(kArrow) == std::string_view::npos
             ? TrainingSets::Format::kParquet
             : TrainingSets::Format::kArrowStream;
}

Result<Response> answer(TrainingSets& sets, const features::HistoryRequest& wanted,
                        TrainingSets::Format format, const std::string& mark) {
  const TrainingSets::Made made = TRY(sets.make(wanted, format, mark));
  Response response{.content_type = std::string(
                        format == TrainingSets::Format::kArrowStream ? kArrow : kParquet)};
  std::error_code failed;
  const std::uintmax_t bytes = std::filesystem::file_size(made.file, failed);
  if (failed)
    return base::error(Code::kInternal, "the training set can't be read: {}", failed.message());
  response.file = {.file = made.file, .bytes = bytes, .owner = made.owner};
  response.headers = {{"Slipway-Rows", std::to_string(made.rows)},
                      {"Slipway-Rows-Found", std::to_string(made.rows_found)},
                      {"Slipway-Unlabeled", std::to_string(made.unlabeled)},
                      {"Slipway-Service-Version", std::to_string(made.version)}};
  return response;
}

Result<Response> of_dataset(TrainingSets& sets, Masking& masking, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  features::HistoryRequest wanted;
  wanted.service = TRY(base::get_string(body, "service"));
  wanted.entities = TRY(base::get_string(body, "entities"));
  wanted.from = TRY(read_time(body, "from"));
  wanted.until = TRY(read_time(body, "until"));
  if (const auto label = TRY(base::find_string(body, "label")); label && !label->empty())
    std::tie(wanted.label_name, wanted.label) = split_label(*label);
  const auto as_of = TRY(read_time(body, "as_of"));
  if (!as_of) return base::error(Code::kInvalidArgument, "as_of is missing: what is known when?");
  wanted.as_of = *as_of;
  TRY(masking.check_training_set(request, wanted.service, wanted.entities, wanted.label));
  const auto format = TRY(format_of(request, TRY(base::find_string(body, "format")).value_or("")));
  return answer(sets, wanted, format, TRY(base::find_string(body, "mark")).value_or(""));
}

// The file goes with it.
struct PostedRows {
  std::filesystem::path file;
  ~PostedRows() {
    std::error_code ignored;
    if (!file.empty()) std::filesystem::remove(file, ignored);
  }
};

Result<Response> of_posted(TrainingSets& sets, base::Random& random,
                           const PostedRowsOptions& options, const Request& request) {
  const auto service = request.query("service");
  if (!service || service->empty())
    return base::error(Code::kInvalidArgument, "service is missing: of which features?");
  features::HistoryRequest wanted{.service = *service};
  // Every row that is posted is answered, unless one says otherwise.
  wanted.as_of = TRY(query_time(request, "as_of")).value_or(features::kEndOfTime);
  const auto format = TRY(format_of(request, std::string(request.query("format").value_or(""))));
  const std::string_view type = request.header("Content-Type");
  PostedRows converted;
  wanted.entity_file = request.body_file;
  if (type.starts_with(kArrow)) {
    converted.file = options.scratch / ("entity-rows-" + random.hex(8) + ".parquet");
    TRY(store::arrow_stream_to_parquet(
        request.body_file, converted.file, options.limits,
        [&](const types::Frame& columns) { return sets.accepts(*service, columns); }));
    wanted.entity_file = converted.file;
  } else if (!type.starts_with(kParquet)) {
    return base::error(Code::kInvalidArgument, "Content-Type must be {} or {}: {}", kArrow,
                       kParquet, type);
  }
  return answer(sets, wanted, format, request.query("mark").value_or(""));
}

Result<Response> progress(const TrainingSets& sets) {
  JsonArray running;
  for (const TrainingSets::Progress& of : sets.progress()) {
    running.push_back(JsonObject{{"mark", of.mark},
                                 {"service", of.service},
                                 {"entity_rows", of.entity_rows},
                                 {"entity_rows_done", of.entity_rows_done},
                                 {"rows", of.rows},
                                 {"rows_found", of.rows_found},
                                 {"seconds", of.seconds}});
  }
  return reply({{"running", std::move(running)}});
}

}  // namespace

std::vector<http::Route> training_set_routes(TrainingSets& sets, Masking& masking,
                                             base::Random& random,
                                             const PostedRowsOptions& options) {
  const std::string base = "/slipway/v1/features/history";
  return {
      {.method = Method::kPost,
       .pattern = base,
       .summary = "A training set as Parquet or an Arrow stream: a point-in-time join over a "
                  "dataset's rows. Asked for again after a restart it goes on where it ended.",
       .handler =
           answering([&sets, &masking](const Request& r) { return of_dataset(sets, masking, r); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = base + "/rows",
       .summary = "The same for entity rows in the body, as Parquet or an Arrow stream: their "
                  "columns, then the features of service.",
       .handler = answering([&sets, &masking, &random,
                             options](const Request& r) -> Result<Response> {
         TRY(masking.check_training_set(r, std::string(r.query("service").value_or("")), "", ""));
         return of_posted(sets, random, options, r);
       }),
       .body = http::Route::Body::kFile,
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = base,
       .summary = "Training sets that are being made, and how far they are.",
       .handler = answering([&sets](const Request&) { return progress(sets); }),
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
