#include "cli/stream_commands.h"

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>

#include "cli/commands.h"
#include "cli/verb.h"

namespace slipway::cli {
namespace {

constexpr std::size_t kMessagesAtOnce = 1000;

const std::vector<TableColumn> kStreamColumns = {{"STREAM", "name"},
                                                 {"ENDPOINT", "endpoint"},
                                                 {"STATE", "state"},
                                                 {"LAG", "lag"},
                                                 {"RATE", "rate_per_second"},
                                                 {"ANSWERS", "answers"},
                                                 {"DEAD LETTERS", "dead_letter_count"},
                                                 {"WHY", "reason"}};

std::string show_stream(const Json& stream) {
  std::string out = table({stream}, kStreamColumns);
  out += fmt::format("\nfrom {}\nto {}\n", cell(member_at(stream, "from")),
                     cell(member_at(stream, "to")));
  return out + table(member_at(stream, "partitions").as_array(), {{"PARTITION", "partition"},
                                                                  {"NEXT", "next_offset"},
                                                                  {"END", "end_offset"},
                                                                  {"LAG", "lag"}});
}

// One message a line, each as it stands.
Result<Json> write_lines(Client& client, const std::string& topic, std::istream& in) {
  Json receipt;
  std::int64_t written = 0;
  for (bool more = true; more;) {
    JsonArray messages;
    std::string line;
    while (messages.size() < kMessagesAtOnce && (more = static_cast<bool>(std::getline(in, line))))
      if (!line.empty()) messages.push_back(JsonObject{{"value", line}});
    if (messages.empty() && !receipt.is_null()) break;
    written += static_cast<std::int64_t>(messages.size());
    receipt = TRY(client.post(path_of("/slipway/v1/topics/{}/messages", {topic}),
                              {{"messages", std::move(messages)}}));
  }
  receipt.as_object()["messages"] = written;
  receipt.as_object().erase("first_offset");
  return receipt;
}

void add_streams(CLI::App& root, Context& context, int& exit_code) {
  CLI::App* streams =
      root.add_subcommand("streams", "Streams that have messages of a topic scored");
  streams->require_subcommand(1);
  CLI::App* list = streams->add_subcommand("list", "Every stream: state, lag, rate, dead letters");
  list->callback([&context, &exit_code] {
    exit_code = finish_table(context, Client(context).get("/slipway/v1/streams"), "streams",
                             kStreamColumns);
  });
  auto name = std::make_shared<std::string>();
  CLI::App* show = streams->add_subcommand("show", "One stream with its partitions");
  show->add_option("stream", *name)->required();
  show->callback([&context, &exit_code, name] {
    exit_code = finish(context, Client(context).get(path_of("/slipway/v1/streams/{}", {*name})),
                       show_stream);
  });
  for (const auto& [verb, help] : {std::pair("pause", "Reads nothing more until it is resumed"),
                                   std::pair("resume", "Goes on where it was paused")}) {
    CLI::App* change = streams->add_subcommand(verb, help);
    change->add_option("stream", *name)->required();
    change->callback([&context, &exit_code, name, verb = verb] {
      exit_code = finish(
          context, Client(context).post(path_of("/slipway/v1/streams/{}/{}", {*name, verb}), {}),
          show_stream);
    });
  }
}

}  // namespace

void add_stream_commands(CLI::App& root, Context& context, int& exit_code) {
  add_streams(root, context, exit_code);

  CLI::App* topics = root.add_subcommand("topics", "Topics of the embedded log");
  topics->require_subcommand(1);
  CLI::App* list = topics->add_subcommand("list", "Every topic with its offsets");
  list->callback([&context, &exit_code] {
    exit_code = finish_table(context, Client(context).get("/slipway/v1/topics"), "topics",
                             {{"TOPIC", "name"}, {"FIRST", "first_offset"}, {"END", "end_offset"}});
  });
  struct Options {
    std::string topic, file;
    std::int64_t offset = 0, limit = 100;
  };
  auto options = std::make_shared<Options>();
  CLI::App* write = topics->add_subcommand("write", "Appends messages, one a line");
  write->add_option("topic", options->topic)->required();
  write->add_option("file", options->file, "Lines; without it stdin");
  write->callback([&context, &exit_code, options] {
    Client client(context);
    std::ifstream file;
    if (!options->file.empty()) {
      file.open(options->file);
      if (!file) {
        exit_code =
            fail(base::error(Code::kNotFound, "can't read the file: {}", options->file), context);
        return;
      }
    }
    exit_code = finish(
        context, write_lines(client, options->topic, options->file.empty() ? std::cin : file),
        [](const Json& receipt) {
          return fmt::format("{} messages written to {}\n", cell(member_at(receipt, "messages")),
                             cell(member_at(receipt, "topic")));
        });
  });
  CLI::App* read = topics->add_subcommand("read", "Messages from an offset on");
  read->add_option("topic", options->topic)->required();
  read->add_option("--offset", options->offset, "The first to show")->capture_default_str();
  read->add_option("--limit", options->limit, "At most so many")->capture_default_str();
  read->callback([&context, &exit_code, options] {
    exit_code = finish_table(
        context,
        Client(context).get(path_of(
            "/slipway/v1/topics/{}/messages?offset={}&limit={}",
            {options->topic, std::to_string(options->offset), std::to_string(options->limit)})),
        "messages", {{"OFFSET", "offset"}, {"TIME", "time"}, {"KEY", "key"}, {"VALUE", "value"}});
  });
}

}  // namespace slipway::cli
