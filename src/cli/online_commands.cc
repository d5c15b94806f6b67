#include "cli/online_commands.h"

#include <CLI/CLI.hpp>
#include <atomic>
#include <thread>

#include "cli/progress.h"
#include "cli/verb.h"

namespace slipway::cli {
namespace {

constexpr const char* kMaterialize = "/slipway/v1/features/materialize";

struct LoadOptions {
  std::string as_of, from, until;
  bool is_incremental = false;
  std::int64_t rows_per_second = 0;
};

JsonObject body_of(const LoadOptions& options) {
  JsonObject body;
  for (const auto& [name, text] :
       {std::pair("as_of", &options.as_of), std::pair("from", &options.from),
        std::pair("until", &options.until)}) {
    if (!text->empty()) body[name] = *text;
  }
  if (options.is_incremental) body["incremental"] = true;
  if (options.rows_per_second > 0) body["rows_per_second"] = options.rows_per_second;
  return body;
}

// Says how far the server is until `done` is set.
void follow(const Context& context, const std::atomic<bool>& done) {
  Client client(context);
  std::optional<Progress> progress;
  std::int64_t all = 0;
  while (true) {
    for (int i = 0; i < 10 && !done; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (done) return;
    const Result<Json> reply = client.get(kMaterialize);
    if (!reply || member_at(*reply, "running") != Json(true)) continue;
    const auto rows = member_at(*reply, "rows_all").to_number<std::int64_t>();
    if (rows == 0) continue;
    if (rows != all) progress.emplace("rows", rows);  // another source has been opened
    all = rows;
    progress->at(member_at(*reply, "rows_done").to_number<std::int64_t>(),
                 cell(member_at(*reply, "source")));
  }
}

int materialize(Context& context, const LoadOptions& options) {
  std::atomic<bool> done = false;
  std::thread follower([&] { follow(context, done); });
  const Result<Json> reply = Client(context).post(kMaterialize, body_of(options));
  done = true;
  follower.join();
  return finish(context, reply,
                [](const Json& json) { return cell(member_at(json, "rows")) + " rows\n"; });
}

std::string show_views(const Json& reply) {
  const Json& online = member_at(reply, "online");
  return fmt::format("store         {}\nmaterialized  {}\nmemory        {}\ndisk          {}\n\n",
                     cell(member_at(online, "store")), cell(member_at(online, "materialized")),
                     short_bytes(member_at(online, "memory_bytes").to_number<std::int64_t>()),
                     short_bytes(member_at(online, "disk_bytes").to_number<std::int64_t>())) +
         table(member_at(reply, "views").as_array(), {{"VIEW", "name"},
                                                      {"SOURCE", "source"},
                                                      {"NEWEST", "newest"},
                                                      {"AGE_SECONDS", "age_seconds"},
                                                      {"OWNER", "owner"}});
}

}  // namespace

void add_online_commands(CLI::App& features, Context& context, int& exit_code) {
  auto options = std::make_shared<LoadOptions>();
  CLI::App* load = features.add_subcommand(
      "materialize", "Load for online reads what the datasets knew at a time, or a range again");
  CLI::Option* as_of = load->add_option("--as-of", options->as_of, "Rows that had arrived by then");
  CLI::Option* incremental =
      load->add_flag("--incremental", options->is_incremental,
                     "Only what arrived since the last time; now when --as-of is not given");
  for (CLI::Option* range :
       {load->add_option("--from", options->from,
                         "Look again for rows with an event time from here on"),
        load->add_option("--until", options->until, "and before this")})
    range->excludes(as_of)->excludes(incremental);
  load->add_option("--rows-per-second", options->rows_per_second, "At most")
      ->check(CLI::Range(1, 1'000'000'000));
  load->callback([&context, &exit_code, options] { exit_code = materialize(context, *options); });

  CLI::App* show = features.add_subcommand(
      "show", "What is loaded for online reads, and how old each view's newest row is");
  show->callback([&context, &exit_code] {
    exit_code = finish(context, Client(context).get("/slipway/v1/features"), show_views);
  });
}

}  // namespace slipway::cli
