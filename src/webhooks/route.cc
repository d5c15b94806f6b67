#include "webhooks/route.h"

#include <cstdlib>

namespace slipway::webhooks {
namespace {

using types::YamlMap;
using types::YamlNode;

constexpr std::string_view kVariables = "SLIPWAY_ROUTE_";
constexpr std::string_view kAlertmanagerPath = "/api/v2/alerts";
constexpr std::pair<Format, std::string_view> kFormats[] = {
    {Format::kMlflow, "mlflow"}, {Format::kWebhook, "webhook"},
    {Format::kSlack, "slack"},   {Format::kAlertmanager, "alertmanager"},
    {Format::kEmail, "email"},   {Format::kOpenLineage, "openlineage"}};

// An address of a mail, without its display name: what goes into the envelope.
bool is_mail_address(std::string_view text) {
  const std::size_t at = text.find('@');
  return at != std::string_view::npos && at != 0 && at + 1 < text.size() &&
         text.find_first_of(" \t\r\n<>,\"") == std::string_view::npos;
}

Result<std::string> read_address(const YamlNode& node) {
  std::string address = TRY(node.text());
  if (is_mail_address(address)) return address;
  return node.error("no address of a mail, such as ops@example.org: got={}", address);
}

Result<bool> read_needs_tls(const YamlNode& node) {
  const Result<std::string> word = node.text();
  if (word && (*word == "required" || *word == "none")) return *word == "required";
  return node.error("tls must be required or none");
}

// What a mail needs beside its readers.
Result<void> read_mail(YamlMap& map, const YamlNode& to, Route& route) {
  if (to.text()) {
    route.mail.to.push_back(TRY(read_address(to)));
  } else {
    for (const YamlNode& item : TRY(to.list())) route.mail.to.push_back(TRY(read_address(item)));
  }
  if (route.mail.to.empty()) return to.error("a mail needs somebody who reads it");
  route.mail.from = TRY(read_address(TRY(map.get("from"))));
  const YamlNode smtp = TRY(map.get("smtp"));
  route.url = TRY(smtp.text());
  const bool is_known = route.url.starts_with("smtp://") || route.url.starts_with("smtps://");
  if (!is_known && !route.url.starts_with("${"))
    return smtp.error("must be smtp://HOST:PORT or smtps://HOST:PORT: got={}", route.url);
  if (const auto user = map.find("user")) route.mail.user = TRY(user->text());
  const auto password = map.find("password");
  if (password) route.secret = TRY(password->text());
  if (route.mail.user.empty() != route.secret.empty())
    return smtp.error("a login needs both user and password: route={}", route.name);
  if (const auto tls = map.find("tls")) route.mail.needs_tls = TRY(read_needs_tls(*tls));
  if (!route.mail.needs_tls && password)
    return password->error("a password is only sent over TLS: route={}", route.name);
  return {};
}

Result<Route> read_route(const std::string& name, const YamlNode& node) {
  Route route{.name = name};
  YamlMap map = TRY(node.map("route " + name));
  int kinds = 0;
  for (const auto& [format, key] : kFormats) {
    if (!is_route(format)) continue;
    const auto place = map.find(key);
    if (!place) continue;
    ++kinds;
    route.format = format;
    if (format == Format::kEmail) {
      TRY(read_mail(map, *place, route));
    } else {
      route.url = TRY(place->text());
    }
  }
  if (kinds != 1)
    return node.error("route {} needs exactly one of webhook, slack, alertmanager and email", name);
  if (const auto secret = map.find("secret")) {
    if (route.format != Format::kWebhook)
      return secret->error("only what goes to a webhook is signed: route={}", name);
    route.secret = TRY(secret->text());
  }
  TRY(map.finish());
  return route;
}

// A text, or a variable as the whole of it.
Result<void> check_reference(const std::string& text) {
  if (text.find("${") == std::string::npos) return {};
  const bool is_whole = text.starts_with("${") && text.find('}') == text.size() - 1;
  if (is_whole && std::string_view(text).substr(2).starts_with(kVariables)) return {};
  return base::error(Code::kInvalidArgument,
                     "a route may name a variable of the server, as the whole text, that begins "
                     "with {}: got={}",
                     kVariables, text);
}

}  // namespace

JsonObject MailOptions::to_json() const {
  JsonArray readers;
  for (const std::string& address : to) readers.emplace_back(address);
  return {{"to", std::move(readers)}, {"from", from}, {"user", user}, {"needs_tls", needs_tls}};
}

MailOptions MailOptions::from_text(std::string_view text) {
  MailOptions options;
  const auto object = base::parse_json_object(text);
  if (!object) return options;  // no mail
  const auto text_at = [&](std::string_view key) {
    const Json* member = object->if_contains(key);
    return member != nullptr && member->is_string() ? std::string(member->get_string()) : "";
  };
  if (const Json* readers = object->if_contains("to"); readers != nullptr && readers->is_array()) {
    for (const Json& address : readers->get_array()) {
      if (address.is_string()) options.to.emplace_back(std::string_view(address.get_string()));
    }
  }
  options.from = text_at("from");
  options.user = text_at("user");
  if (const Json* tls = object->if_contains("needs_tls"); tls != nullptr && tls->is_bool())
    options.needs_tls = tls->get_bool();
  return options;
}

std::string_view format_name(Format format) {
  for (const auto& [known, name] : kFormats) {
    if (known == format) return name;
  }
  return "";
}

Format parse_format(std::string_view name) {
  for (const auto& [format, known] : kFormats) {
    if (known == name) return format;
  }
  return Format::kMlflow;
}

Result<std::vector<Route>> parse_routes(const types::YamlSource& slipway_yaml) {
  std::vector<Route> routes;
  const YamlNode root = TRY(slipway_yaml.root());
  if (root.is_null()) return routes;
  YamlMap map = TRY(root.map("slipway.yaml"));
  const auto section = map.find("routes");
  if (!section) return routes;
  for (const auto& [name, node] : TRY(section->entries())) {
    if (name.empty()) return node.error("a route needs a name");
    Route route = TRY(read_route(name, node));
    for (const std::string* text : {&route.url, &route.secret}) {
      if (const auto checked = check_reference(*text); !checked)
        return node.error_of(checked.error());
    }
    routes.push_back(std::move(route));
  }
  return routes;
}

Result<std::string> resolve_reference(const std::string& text) {
  TRY(check_reference(text));
  if (!text.starts_with("${")) return text;
  const std::string name = text.substr(2, text.size() - 3);
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') {
    return base::error(Code::kFailedPrecondition,
                       "the variable is not set where the server runs: variable={}", name);
  }
  return std::string(value);
}

std::string address_of(Format format, std::string url) {
  if (format != Format::kAlertmanager || url.ends_with(kAlertmanagerPath)) return url;
  while (url.ends_with('/')) url.pop_back();
  return url + std::string(kAlertmanagerPath);
}

}  // namespace slipway::webhooks
