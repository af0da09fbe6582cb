// Fetch, compare, say. A profile is kept beside the case's files ("cases/<id>/profile.json") with the number of
// messages it was made of; it is only a cache, so a damaged one is made anew.
#include "actors/likeness/likeness.hpp"

#include "protocol/base/json_writer.hpp"
#include "protocol/base/logging.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <set>
#include <simdjson.h>

namespace fm {
namespace {
using evidence::case_profile;
constexpr std::size_t question_bytes_max = 1'500;

std::string key_of(const case_id& id) { return "cases/" + id.value + "/profile.json"; }

std::string profile_json(const case_profile& p, std::uint32_t messages) {
  std::string out;
  json_writer w{out};
  w.begin_object().member("v", 1).member("messages", messages).member("title", p.title).key("lines").begin_array();
  for (auto& l : p.lines)
    w.begin_object().member("text", l.text).member("weight", l.weight).end_object();
  w.end_array().key("kinds").begin_array();
  for (auto& k : p.identifier_kinds)
    w.value(k);
  w.end_array().key("terms").begin_object();
  for (auto& [t, n] : p.terms)
    w.member(t, n);
  w.end_object().end_object();
  return out;
}

std::optional<case_profile> read_profile(const case_id& id, std::string_view json, std::uint32_t messages) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::uint64_t version = 0, of = 0;
  std::string_view title;
  simdjson::dom::array lines, kinds;
  simdjson::dom::object terms;
  if (parser.parse(json.data(), json.size()).get(root) || root["v"].get_uint64().get(version) || version != 1 || root["messages"].get_uint64().get(of) || of != messages ||
      root["title"].get_string().get(title) || root["lines"].get_array().get(lines) || root["kinds"].get_array().get(kinds) || root["terms"].get_object().get(terms))
    return std::nullopt;
  case_profile p;
  p.id = id;
  p.title = title;
  for (auto e : lines) {
    std::string_view text;
    std::int64_t weight = 0;
    if (e["text"].get_string().get(text) || e["weight"].get_int64().get(weight))
      return std::nullopt;
    p.lines.push_back({std::string{text}, static_cast<int>(weight)});
  }
  for (auto k : kinds)
    if (std::string_view v; k.get_string().get(v) == simdjson::SUCCESS)
      p.identifier_kinds.emplace_back(v);
  for (auto [name, count] : terms) {
    std::uint64_t n = 0;
    if (count.get_uint64().get(n))
      return std::nullopt;
    p.terms[std::string{name}] = static_cast<std::uint32_t>(n);
  }
  return p;
}

/// Everybody who reads `mine` must be able to read `other` too: nothing about a case is learnt without permission.
bool all_readers_of(const case_record& mine, const case_record& other) {
  if (other.deleted_at)
    return false;
  if (other.visibility == case_visibility::public_)
    return true;
  if (mine.visibility == case_visibility::public_ || mine.visibility == case_visibility::team)
    return false;
  const auto reads = [&](const user_id& who) {
    return other.owner == who || std::any_of(other.participants.begin(), other.participants.end(), [&](auto& p) { return p.user == who; });
  };
  return reads(mine.owner) && std::all_of(mine.participants.begin(), mine.participants.end(), [&](auto& p) { return reads(p.user); });
}

std::set<std::string> words_of(const std::string& joined) {
  std::set<std::string> out;
  for (std::size_t at = 0; at < joined.size();) {
    const auto comma = std::min(joined.find(',', at), joined.size());
    out.insert(joined.substr(at, comma - at));
    at = comma + 1;
  }
  return out;
}

std::string one_line(std::string text, std::size_t characters) {
  for (auto& c : text)
    if (static_cast<unsigned char>(c) < 0x20)
      c = ' ';
  return cut_on_word(text, characters);
}

/// What the runbooks are searched for: the title, what people asked, and the troubled lines.
std::string question_of(const case_record& record, const std::vector<message>& messages, const case_profile& p) {
  std::string out = record.title_is_placeholder ? std::string{} : record.title + "\n";
  for (auto& m : messages)
    if (m.type == message_type::user_query && out.size() < question_bytes_max / 2 && !evidence::looks_like_log(m.content))
      out += m.content.substr(0, 400) + "\n";
  for (auto& l : p.lines)
    if (out.size() < question_bytes_max)
      out += l.text + "\n";
  out.resize(utf8_floor(out, std::min(out.size(), question_bytes_max)));
  return to_valid_utf8(out);
}

std::string percent(double share) { return std::to_string(static_cast<int>(share * 100 + 0.5)) + " %"; }
} // namespace

outcome<case_profile> likeness_finder::profile(const case_id& id, std::uint32_t message_count) const {
  if (auto json = deps_.blobs->read(key_of(id), 0, 1U << 20))
    if (auto p = read_profile(id, *json, message_count))
      return std::move(*p);
  auto record = deps_.store->get(id);
  if (!record)
    return record.error();
  auto said = deps_.store->messages(id, 0, settings_.messages_max, true);
  if (!said)
    return said.error();
  auto marks = deps_.marks(id);
  if (!marks)
    return marks.error();
  auto p = evidence::profile_of(*record, said->messages, *marks);
  const auto json = profile_json(p, record->message_count);
  if (auto w = deps_.blobs->put(key_of(id), "application/json"); !w)
    log::warn("likeness", "a profile is not kept: " + w.error().detail);
  else if (auto written = (*w)->write(json); !written)
    log::warn("likeness", "a profile is not kept: " + written.error().detail);
  else if (auto finished = (*w)->finish(); !finished)
    log::warn("likeness", "a profile is not kept: " + finished.error().detail);
  return p;
}

outcome<std::vector<case_profile>> likeness_finder::earlier(const case_record& mine) const {
  std::vector<case_profile> out;
  case_query q;
  q.viewer = mine.owner;
  q.include_archived = true;
  q.limit = 100;
  while (out.size() < settings_.cases_max) {
    auto page = deps_.store->list(q);
    if (!page)
      return page.error();
    for (auto& c : page->cases) {
      if (c.id == mine.id || c.created_at > mine.created_at || out.size() >= settings_.cases_max)
        continue;
      auto p = profile(c.id, c.message_count);
      if (p) {
        p->title = c.title;
        out.push_back(std::move(*p));
      } else if (p.error().code != errc::not_found) {
        return p.error();
      }
    }
    if (page->next_cursor.empty())
      break;
    q.cursor = page->next_cursor;
  }
  return out;
}

outcome<std::optional<add_note>> likeness_finder::look(const case_id& id) const {
  auto record = deps_.store->get(id);
  if (!record)
    return record.error();
  if (record->deleted_at || is_terminal(record->status))
    return std::optional<add_note>{};
  auto said = deps_.store->messages(id, 0, settings_.messages_max, true);
  if (!said)
    return said.error();
  std::set<std::string> told;
  std::size_t notes = 0;
  for (auto& m : said->messages)
    if (const auto kind = m.metadata.find("kind"); kind != m.metadata.end() && kind->second == "likeness") {
      ++notes;
      for (const char* name : {"similar_cases", "runbooks"})
        if (const auto list = m.metadata.find(name); list != m.metadata.end())
          told.merge(words_of(list->second));
    }
  if (notes >= settings_.notes_max)
    return std::optional<add_note>{};
  auto mine = profile(id, record->message_count);
  if (!mine)
    return mine.error();
  if (mine->empty())
    return std::optional<add_note>{};
  auto others = earlier(*record);
  if (!others)
    return others.error();
  auto limits = settings_.limits;
  limits.shown_max = settings_.cases_max; // what was told or may not be told goes first
  std::string text, cases, runbooks;
  std::size_t shown = 0;
  for (auto& like : evidence::likest(*mine, *others, limits)) {
    if (shown >= settings_.limits.shown_max)
      break;
    if (told.contains(like.id.value))
      continue;
    auto other = deps_.store->get(like.id);
    if (!other || !all_readers_of(*record, *other))
      continue;
    ++shown;
    text += (text.empty() ? "Earlier cases like this one:\n" : "");
    text += "\n- **" + one_line(other->title, 120) + "** [" + like.id.value + "], " + std::string{name_of(other->status)} + ", likeness " + percent(like.score) + ": ";
    for (std::size_t i = 0; i < like.reasons.size(); ++i)
      text += (i == 0 ? "" : "; ") + one_line(like.reasons[i], 300);
    text += ".";
    if (!other->solution_summary.empty())
      text += " What helped then: " + one_line(other->solution_summary, 300);
    cases += (cases.empty() ? "" : ",") + like.id.value;
  }
  if (deps_.runbooks) {
    std::size_t books = 0;
    for (auto& hit : deps_.runbooks(record->owner, question_of(*record, said->messages, *mine))) {
      // One's own documents are one's own: who takes part in the case might not read them.
      if (books >= settings_.limits.shown_max)
        break;
      if (told.contains(hit.document.id) || (!hit.document.scope.global() && (!record->participants.empty() || record->visibility != case_visibility::private_)))
        continue;
      if (books++ == 0)
        text += std::string{text.empty() ? "" : "\n\n"} + "Runbooks that may help:\n";
      text += "\n- **" + one_line(hit.document.title, 120) + "** [" + hit.document.id + "]";
      for (std::size_t i = 0; i < hit.reasons.size(); ++i)
        text += (i == 0 ? ": " : "; ") + one_line(hit.reasons[i], 300);
      text += ".";
      runbooks += (runbooks.empty() ? "" : ",") + hit.document.id;
    }
  }
  if (text.empty())
    return std::optional<add_note>{};
  add_note note;
  note.who.user = record->owner;
  note.type = message_type::system_event;
  note.content = text;
  note.metadata = {{"kind", "likeness"}, {"similar_cases", cases}, {"runbooks", runbooks}};
  return std::optional{std::move(note)};
}

} // namespace fm
