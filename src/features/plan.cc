#include "features/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>

namespace slipway::features {
namespace {

std::string_view view_of(std::string_view feature) { return feature.substr(0, feature.find('.')); }

// Whether a view on demand names a feature of the other one, of a source, in its expressions.
bool reads(const View& view, const View& other) {
  if (!view.is_on_demand() || other.is_on_demand()) return false;
  const std::string front = other.name + "__";
  const auto names_it = [&](const ViewColumn& column) {
    const std::string& text = column.expression;
    for (std::size_t at = text.find(front); at != text.npos; at = text.find(front, at + 1)) {
      const auto before = static_cast<unsigned char>(at == 0 ? ' ' : text[at - 1]);
      if (std::isalnum(before) == 0 && before != '_') return true;
    }
    return false;
  };
  return std::ranges::any_of(view.columns, names_it);
}

bool gives(const Service& service, const View& view) {
  return std::ranges::any_of(
      service.features, [&](const std::string& feature) { return view_of(feature) == view.name; });
}

// All that each feature of a view is computed from, by the feature's name.
std::map<std::string, std::string> texts(const Definitions& definitions, const View& view) {
  std::map<std::string, std::string> texts;
  const std::vector<std::string> names = view.feature_names();
  for (std::size_t i = 0; i < names.size(); ++i)
    texts[names[i]] = feature_text(definitions, view, i);
  return texts;
}

// Names of services that need the view.
std::vector<std::string> readers(const Definitions& definitions, const View& view) {
  std::vector<std::string> names;
  for (const Service& service : definitions.services)
    if (needs(definitions, service, view)) names.push_back(service.name);
  return names;
}

class Meaning {
 public:
  void add(std::string_view what, const std::vector<std::string>& names) {
    if (names.empty()) return;
    if (!text_.empty()) text_ += "; ";
    text_ += fmt::format("{}: {}", what, fmt::join(names, ", "));
  }
  bool is_empty() const { return text_.empty(); }
  std::string text() && { return std::move(text_); }

 private:
  std::string text_;
};

std::string meaning(const Definitions& before, const View* old, const Definitions& after,
                    const View* now) {
  const auto was = old == nullptr ? std::map<std::string, std::string>() : texts(before, *old);
  const auto is = now == nullptr ? std::map<std::string, std::string>() : texts(after, *now);
  std::vector<std::string> fresh, other, gone;
  for (const auto& [name, text] : is) {
    const auto known = was.find(name);
    if (known == was.end()) {
      fresh.push_back(name);
    } else if (known->second != text) {
      other.push_back(name);
    }
  }
  for (const auto& [name, text] : was)
    if (!is.contains(name)) gone.push_back(name);
  Meaning meaning;
  meaning.add("new", fresh);
  meaning.add("values change", other);
  meaning.add("gone", gone);
  if (meaning.is_empty()) return "values stay";
  meaning.add("read by", readers(now == nullptr ? before : after, now == nullptr ? *old : *now));
  std::string text = std::move(meaning).text();
  const bool is_loaded =
      now != nullptr && !now->is_on_demand() && !(fresh.empty() && other.empty());
  return is_loaded ? text + "; its rows are loaded again from what is materialized" : text;
}

std::string meaning(const Service* old, const Service* now) {
  if (old == nullptr || now == nullptr) return "";
  const auto lacks = [](const Service& service, const std::string& feature) {
    return std::ranges::find(service.features, feature) == service.features.end();
  };
  std::vector<std::string> fresh, gone;
  for (const std::string& feature : now->features)
    if (lacks(*old, feature)) fresh.push_back(feature);
  for (const std::string& feature : old->features)
    if (lacks(*now, feature)) gone.push_back(feature);
  Meaning meaning;
  meaning.add("gives more", fresh);
  meaning.add("no longer gives", gone);
  if (meaning.is_empty() && old->features != now->features) return "another order of values";
  return std::move(meaning).text();
}

template <typename T, typename Means>
void add(std::vector<DefinitionChange>& changes, std::string_view kind,
         const std::vector<T>& before, const std::vector<T>& after, const Means& means,
         const std::function<bool(const T&, const T&)>& is_same = std::equal_to<T>()) {
  const auto find = [](const std::vector<T>& all, const std::string& name) -> const T* {
    const auto at = std::ranges::find(all, name, &T::name);
    return at == all.end() ? nullptr : &*at;
  };
  for (const T& now : after) {
    const T* old = find(before, now.name);
    std::string change = old == nullptr ? "created" : is_same(*old, now) ? "unchanged" : "updated";
    std::string text = change == "unchanged" ? "" : means(old, &now);
    changes.push_back({std::string(kind), now.name, std::move(change), std::move(text)});
  }
  for (const T& old : before) {
    if (find(after, old.name) == nullptr)
      changes.push_back({std::string(kind), old.name, "removed", means(&old, nullptr)});
  }
}

}  // namespace

bool needs(const Definitions& definitions, const Service& service, const View& view) {
  return gives(service, view) || std::ranges::any_of(definitions.views, [&](const View& other) {
           return gives(service, other) && reads(other, view);
         });
}

std::vector<DefinitionChange> plan(const Definitions& before, const Definitions& after) {
  std::vector<DefinitionChange> changes;
  add(changes, "source", before.sources, after.sources,
      [](const Source*, const Source*) { return ""; });
  add<View>(
      changes, "view", before.views, after.views,
      [&](const View* old, const View* now) { return meaning(before, old, after, now); },
      // One may stand as it stood over a source that doesn't.
      [&](const View& old, const View& now) {
        return old == now && texts(before, old) == texts(after, now);
      });
  add(changes, "feature service", before.services, after.services,
      [](const Service* old, const Service* now) { return meaning(old, now); });
  return changes;
}

Definitions without(const Definitions& definitions, const std::set<std::string>& datasets) {
  Definitions rest = definitions;
  std::erase_if(rest.sources, [&](const Source& s) { return datasets.contains(s.dataset); });
  std::vector<View> lost;
  for (const View& view : definitions.views) {
    if (!view.is_on_demand() && rest.find_source(view.source) == nullptr) lost.push_back(view);
  }
  const auto is_any_lost = [&](const auto& is_wanted) {
    return std::ranges::any_of(lost, is_wanted);
  };
  std::erase_if(rest.services, [&](const Service& service) {
    return is_any_lost([&](const View& view) { return needs(definitions, service, view); });
  });
  std::erase_if(rest.views, [&](const View& view) {
    const bool is_unused =
        readers(rest, view).empty() && !readers(definitions, view).empty() && view.is_on_demand();
    return is_unused ||
           is_any_lost([&](const View& one) { return one == view || reads(view, one); });
  });
  return rest;
}

Definitions only(const Definitions& definitions, std::string_view service) {
  Definitions part;
  const Service* found = definitions.find_service(service);
  if (found == nullptr) return part;
  part.services = {*found};
  for (const View& view : definitions.views)
    if (needs(definitions, *found, view)) part.views.push_back(view);
  for (const Source& source : definitions.sources) {
    if (std::ranges::any_of(part.views, [&](const View& v) { return v.source == source.name; }))
      part.sources.push_back(source);
  }
  return part;
}

}  // namespace slipway::features
