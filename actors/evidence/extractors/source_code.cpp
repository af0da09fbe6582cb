// Languages by their words, structure by braces or indentation, smells by patterns that cost nights.
#include "actors/evidence/extractors/source_code.hpp"

#include "protocol/base/text.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace fm::extractors {
namespace {

constexpr std::size_t bytes_looked_at = 4U << 20;
constexpr std::size_t line_bytes_looked_at = 2'000;
constexpr std::size_t units_max = 5'000;

struct trait {
  language lang;
  std::string_view extensions; ///< "|py|pyw|"
  std::array<std::string_view, 9> marks;
};
constexpr std::array traits{
  trait{language::python, "|py|pyw|pyi|", {"def ", "import ", "self.", "elif ", "except ", "None", "__init__", "    return ", "from "}},
  trait{language::javascript, "|js|mjs|cjs|jsx|", {"const ", "function ", "=> {", "require(", "let ", "===", "module.exports", "await ", "console."}},
  trait{language::typescript, "|ts|tsx|", {": string", "interface ", "export ", ": number", "=> {", "import {", "readonly ", "const ", ": Promise<"}},
  trait{language::java, "|java|", {"public class ", "private ", "import java", "@Override", "public static void", "new ", "package ", "throws ", "String "}},
  trait{language::kotlin, "|kt|kts|", {"fun ", "val ", "package ", "companion object", "data class ", "?.", "override fun", "when (", "suspend "}},
  trait{language::csharp, "|cs|", {"using System", "namespace ", "public class ", "async Task", "{ get; set; }", "string ", "var ", "private readonly", "public async"}},
  trait{language::go, "|go|", {"package ", "func ", ":= ", "if err != nil", "import (", "defer ", "type ", "struct {", "go func"}},
  trait{language::rust, "|rs|", {"fn ", "let mut ", "impl ", "pub fn", "::", "match ", "use std", ".unwrap()", "-> Result<"}},
  trait{language::c, "|c|h|", {"#include <", "int main(", "malloc(", "struct ", "->", "printf(", "NULL", "static ", "#define "}},
  trait{language::cpp, "|cpp|cc|cxx|hpp|hh|hxx|", {"#include <", "std::", "namespace ", "template", "class ", "const auto", "::", "public:", "nullptr"}},
  trait{language::ruby, "|rb|rake|", {"def ", "\nend", "require '", "do |", "puts ", "@", "attr_", "module ", ".each"}},
  trait{language::php, "|php|", {"<?php", "$this->", "function ", "=> ", "echo ", "namespace ", "public function", "array(", "use "}},
  trait{language::shell, "|sh|bash|zsh|ksh|", {"#!/bin/", "\nfi", "then", "echo ", "esac", "$(", "done", "set -", "if ["}},
  trait{language::sql, "|sql|", {"SELECT ", "FROM ", "WHERE ", "INSERT INTO", "CREATE TABLE", "JOIN ", "UPDATE ", "ALTER TABLE", "GROUP BY"}},
  trait{language::scala, "|scala|sc|", {"object ", "def ", "val ", "case class", "extends ", "trait ", "import scala", "=> ", "implicit "}},
  trait{language::swift, "|swift|", {"func ", "let ", "var ", "guard ", "import Foundation", "-> ", "if let ", "struct ", "override func"}},
};

bool braces(language l) { return l != language::python && l != language::ruby && l != language::shell && l != language::sql && l != language::unknown; }

std::size_t indent_of(std::string_view line) {
  std::size_t n = 0;
  for (char c : line) {
    if (c == ' ')
      ++n;
    else if (c == '\t')
      n += 4;
    else
      break;
  }
  return n;
}

std::string_view name_at(std::string_view line, std::size_t at) {
  while (at < line.size() && (line[at] == ' ' || line[at] == '*' || line[at] == '&'))
    ++at;
  auto end = at;
  while (end < line.size() && (is_word(line[end]) || line[end] == ':' || line[end] == '$' || line[end] == '~' || static_cast<unsigned char>(line[end]) >= 0x80))
    ++end;
  while (end > at && line[end - 1] == ':')
    --end;
  return line.substr(at, end - at);
}

/// "function name" when the line begins one.
std::optional<code_unit> unit_at(language l, std::string_view raw) {
  const auto line = trimmed(raw.substr(0, line_bytes_looked_at));
  if (line.empty() || line[0] == '#' || line.substr(0, 2) == "//" || line[0] == '*')
    return std::nullopt;
  const auto after = [&](std::string_view word) -> std::optional<std::size_t> {
    for (auto at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1))
      if (at == 0 || line[at - 1] == ' ' || line[at - 1] == '(' || line[at - 1] == '=')
        return at + word.size();
    return std::nullopt;
  };
  const auto unit = [&](std::string_view kind, std::size_t at) -> std::optional<code_unit> {
    const auto name = name_at(line, at);
    if (name.empty() || name.size() > 120)
      return std::nullopt;
    return code_unit{std::string{kind}, std::string{name}, 0, 0};
  };
  for (const std::string_view word : {"class ", "interface ", "struct ", "trait ", "enum ", "object ", "module "}) {
    if (const auto at = after(word); at && *at < 60 && (line.find('{') != std::string_view::npos || l == language::python || l == language::ruby || (line.find(';') == std::string_view::npos && line.find('(') == std::string_view::npos))) {
      if (l == language::sql || l == language::shell || (word == "module " && l != language::ruby) || (word == "object " && l != language::scala && l != language::kotlin))
        continue;
      return unit("class", *at);
    }
  }
  switch (l) {
  case language::python:
  case language::ruby:
    if (const auto at = after("def "))
      return unit("function", *at);
    return std::nullopt;
  case language::go:
    if (line.starts_with("func ")) {
      std::size_t at = 5;
      if (at < line.size() && line[at] == '(') { // a method: skip the receiver
        const auto close = line.find(')', at);
        at = close == std::string_view::npos ? line.size() : close + 1;
      }
      return unit("function", at);
    }
    if (line.starts_with("type ") && line.find("struct") != std::string_view::npos)
      return unit("class", 5);
    return std::nullopt;
  case language::rust:
    if (const auto at = after("fn "))
      return unit("function", *at);
    return std::nullopt;
  case language::kotlin:
    if (const auto at = after("fun "))
      return unit("function", *at);
    return std::nullopt;
  case language::swift:
    if (const auto at = after("func "))
      return unit("function", *at);
    return std::nullopt;
  case language::scala:
    if (const auto at = after("def "))
      return unit("function", *at);
    return std::nullopt;
  case language::php:
    if (const auto at = after("function "))
      return unit("function", *at);
    return std::nullopt;
  case language::shell: {
    const auto paren = line.find("()");
    if (line.starts_with("function "))
      return unit("function", 9);
    if (paren != std::string_view::npos && paren > 0 && line.find(' ') >= paren)
      return unit("function", 0);
    return std::nullopt;
  }
  case language::sql:
    for (const std::string_view word : {"create table ", "create or replace function ", "create function ", "create procedure ", "create view ", "create trigger ", "create index "})
      if (ibegins(line, word)) {
        auto at = word.size();
        if (ibegins(line.substr(at), "if not exists "))
          at += 14;
        return unit(word.find("table") != std::string_view::npos ? "class" : "function", at);
      }
    return std::nullopt;
  case language::javascript:
  case language::typescript:
    if (const auto at = after("function "))
      return unit("function", *at);
    if (const auto arrow = line.find("=>"); arrow != std::string_view::npos && (line.starts_with("const ") || line.starts_with("let ") || line.starts_with("export const ")) && line.back() == '{')
      return unit("function", line.find("const ") != std::string_view::npos ? line.find("const ") + 6 : line.find("let ") + 4);
    [[fallthrough]];
  case language::java:
  case language::csharp:
  case language::c:
  case language::cpp: {
    // "type name(args) {" and not a statement.
    const auto paren = line.find('(');
    if (paren == std::string_view::npos || paren == 0 || (line.back() != '{' && line.back() != ')' && line.find("throws") == std::string_view::npos) || line.find(';') != std::string_view::npos)
      return std::nullopt;
    auto end = paren;
    while (end > 0 && line[end - 1] == ' ')
      --end;
    auto begin = end;
    while (begin > 0 && (is_word(line[begin - 1]) || line[begin - 1] == ':' || line[begin - 1] == '~' || line[begin - 1] == '$'))
      --begin;
    const auto name = line.substr(begin, end - begin);
    for (const std::string_view word : {"if", "for", "while", "switch", "catch", "return", "else", "do", "sizeof", "new", "throw", "synchronized", "using", "lock", "foreach", "function", "await", "super", "this", "assert", "defer", "with", "try"})
      if (name == word)
        return std::nullopt;
    if (name.empty() || is_digit(name[0]) || line.substr(0, begin).find('=') != std::string_view::npos || line.substr(0, begin).find('.') != std::string_view::npos)
      return std::nullopt;
    const bool script = l == language::javascript || l == language::typescript;
    if (script ? line.back() != '{' : begin == 0 && indent_of(raw) > 0)
      return std::nullopt;
    return code_unit{"function", std::string{name.substr(0, 120)}, 0, 0};
  }
  case language::unknown: break;
  }
  return std::nullopt;
}

struct smell {
  std::string_view kind, title;
  weight heavy;
};

class source_report {
public:
  source_report(std::string_view name, std::string_view text, const std::vector<trace_line>& frames)
    : name_(name), all_(text.substr(0, bytes_looked_at), 200'000), guess_(language_of(name, text)), frames_(frames) {
    if (text.size() > bytes_looked_at)
      x_.shortened = "only the first 4 MiB are looked at";
  }

  extraction run() {
    const auto l = guess_.lang;
    x_.type = data_type::source_code;
    x_.format = to_string(l);
    units_ = structure_of(l, all_);
    for (std::size_t i = 0; i < all_.size(); ++i)
      smells_at(i);
    long_units();
    frames();
    std::stable_sort(x_.findings.begin(), x_.findings.end(), [](auto& a, auto& b) { return a.heavy != b.heavy ? a.heavy > b.heavy : a.score > b.score; });
    tell();
    finish(x_);
    return std::move(x_);
  }

private:
  std::string in_unit(std::size_t i) const {
    const code_unit* best = nullptr;
    for (auto& u : units_)
      if (u.first <= i && i <= u.last && (best == nullptr || u.first > best->first))
        best = &u;
    return best == nullptr ? std::string{} : best->name;
  }
  void say(std::size_t first, std::size_t last, weight heavy, std::string_view kind, std::string title, double score) {
    if (x_.findings.size() >= 300)
      return;
    finding f;
    f.kind = kind;
    f.heavy = heavy;
    f.where = in_unit(first);
    f.title = std::move(title) + (f.where.empty() ? "" : " In " + f.where + ".");
    f.at = all_.cite_lines(first, last);
    f.quote = all_.quote(f.at);
    f.score = score;
    x_.findings.push_back(std::move(f));
  }
  std::string_view at(std::size_t i) const { return i < all_.size() ? trimmed(all_[i].substr(0, line_bytes_looked_at)) : std::string_view{}; }
  std::size_t next_code(std::size_t i) const {
    for (auto n = i + 1; n < all_.size() && n < i + 6; ++n)
      if (const auto line = at(n); !line.empty() && line[0] != '#' && line.substr(0, 2) != "//")
        return n;
    return i;
  }

  void smells_at(std::size_t i) {
    const auto line = at(i);
    if (line.size() < 4 || line[0] == '*')
      return;
    const bool comment = line[0] == '#' || line.substr(0, 2) == "//" || line.substr(0, 2) == "--";
    for (const std::string_view word : {"FIXME", "XXX:", "HACK"})
      if (line.find(word) != std::string_view::npos) {
        say(i, i, weight::note, "marked_by_author", "The author marked a known problem.", 0.3);
        break;
      }
    if (comment)
      return;
    const auto has = [&](std::string_view part) { return line.find(part) != std::string_view::npos; };
    const auto next = next_code(i);
    switch (guess_.lang) {
    case language::python:
      if (line == "except:" || line.starts_with("except Exception") || line.starts_with("except BaseException")) {
        const auto body = at(next);
        if (body == "pass" || body == "continue" || body == "...")
          say(i, next, weight::danger, "swallowed_error", "Every error is swallowed here.", 3);
        else if (line == "except:")
          say(i, i, weight::warning, "catch_all", "A bare except also catches what should end the program.", 2);
      } else if (line.starts_with("except ") && at(next) == "pass") {
        say(i, next, weight::warning, "swallowed_error", "An error is ignored without a word.", 2.2);
      }
      if (has("requests.") && (has(".get(") || has(".post(") || has(".put(")) && !has("timeout") && line.back() == ')')
        say(i, i, weight::warning, "no_timeout", "An HTTP call without a timeout can wait for ever.", 1.8);
      if (has("verify=False"))
        say(i, i, weight::warning, "tls_unverified", "Certificates are not verified.", 1.5);
      if (line.starts_with("def ") && (has("=[]") || has("={}") || has("= []") || has("= {}")))
        say(i, i, weight::warning, "mutable_default", "A mutable default argument is shared by all calls.", 1);
      if (has("shell=True") || line.starts_with("eval(") || has(" eval("))
        say(i, i, weight::warning, "injection", "A command or an expression is built at run time.", 1.2);
      break;
    case language::java:
    case language::csharp:
    case language::kotlin:
    case language::scala:
    case language::javascript:
    case language::typescript:
    case language::cpp:
    case language::php:
    case language::swift:
      if (has("catch") && (has("{}") || has("{ }")))
        say(i, i, weight::danger, "swallowed_error", "An error is caught and forgotten.", 3);
      else if (has("catch") && line.back() == '{' && next > i && at(next).starts_with("}"))
        say(i, next, weight::danger, "swallowed_error", "An error is caught and forgotten.", 3);
      else if (has("catch") && (has("{ return null; }") || (line.back() == '{' && next > i && (at(next) == "return null;" || at(next) == "return null" || at(next) == "return nullptr;" || at(next) == "return undefined;" || at(next) == "return false;"))))
        say(i, line.back() == '{' ? next : i, weight::warning, "swallowed_error", "An error becomes an empty answer here; its cause is lost.", 2);
      else if (has("catch (Throwable") || has("catch(Throwable") || (has("catch (...)") && guess_.lang == language::cpp))
        say(i, i, weight::warning, "catch_all", "Everything is caught, also what should end the program.", 1.5);
      if (has("printStackTrace()"))
        say(i, i, weight::warning, "error_only_printed", "The error is printed, not handled and not logged.", 1.5);
      if (has(".catch(() => {})") || has(".catch(()=>{})") || has(".catch(_ => {})"))
        say(i, i, weight::danger, "swallowed_error", "A rejected promise is ignored.", 3);
      if (has("Thread.sleep(") && guess_.lang == language::java)
        say(i, i, weight::note, "sleep", "A thread sleeps.", 0.4);
      if (has("eval(") && (guess_.lang == language::javascript || guess_.lang == language::php))
        say(i, i, weight::warning, "injection", "An expression is built at run time.", 1.2);
      if (has("rejectUnauthorized: false"))
        say(i, i, weight::warning, "tls_unverified", "Certificates are not verified.", 1.5);
      if (has("synchronized") && has("(this)"))
        say(i, i, weight::note, "coarse_lock", "The whole object is locked.", 0.4);
      if (has("new Thread(") || has("newCachedThreadPool"))
        say(i, i, weight::note, "unbounded_threads", "Threads without a bound.", 0.9);
      break;
    case language::go:
      if (has("_ = ") || has(", _ := ") || has(", _ = "))
        if (has("(") && !has("range "))
          say(i, i, weight::warning, "ignored_error", "A result, perhaps the error, is thrown away.", 1.6);
      if (has("if err != nil") && at(next).starts_with("}"))
        say(i, next, weight::danger, "swallowed_error", "An error is looked at and forgotten.", 3);
      if (has("if err != nil") && at(next) == "return nil")
        say(i, next, weight::danger, "swallowed_error", "An error is turned into success.", 3);
      if (has("panic("))
        say(i, i, weight::warning, "panics", "The program ends here.", 1.2);
      if (has("http.Get(") || has("http.Post(") || has("&http.Client{}"))
        say(i, i, weight::warning, "no_timeout", "An HTTP call without a timeout can wait for ever.", 1.8);
      if (has("InsecureSkipVerify: true"))
        say(i, i, weight::warning, "tls_unverified", "Certificates are not verified.", 1.5);
      break;
    case language::rust:
      if (has(".unwrap()") || has(".expect("))
        say(i, i, weight::warning, "panics", "An error ends the thread here (unwrap).", 1.2);
      if (has("let _ = "))
        say(i, i, weight::note, "ignored_error", "A result is thrown away.", 1);
      break;
    case language::c:
      for (const std::string_view call : {"strcpy(", "gets(", "sprintf(", "strcat("})
        if (ifind_word(line, call) != std::string_view::npos)
          say(i, i, weight::warning, "unbounded_copy", "Copies without a bound.", 1.5);
      break;
    case language::ruby:
      if (has("rescue => ") || line == "rescue" || has("rescue nil")) {
        if (has("rescue nil") || at(next) == "end" || at(next) == "nil")
          say(i, next, weight::danger, "swallowed_error", "An error is rescued and forgotten.", 3);
      }
      break;
    case language::shell:
      if (has("|| true"))
        say(i, i, weight::warning, "swallowed_error", "A failure is turned into success.", 1.6);
      if (has("rm -rf $") || has("rm -rf \"$") || has("rm -rf ${"))
        say(i, i, weight::danger, "dangerous_delete", "Deletes what a variable names; an empty one deletes everything.", 2.5);
      if (has("curl ") && !has("--max-time") && !has("-m ") && !has("--connect-timeout"))
        say(i, i, weight::note, "no_timeout", "curl without a time limit.", 0.8);
      break;
    case language::sql:
      if (ibegins(line, "delete from") || ibegins(line, "update ")) {
        std::size_t end = i;
        bool where = false;
        for (; end < all_.size() && end < i + 20; ++end) {
          where = where || ifind_word(at(end), "where") != std::string_view::npos;
          if (at(end).find(';') != std::string_view::npos)
            break;
        }
        if (!where && end < all_.size() && at(end).find(';') != std::string_view::npos)
          say(i, end, weight::danger, "no_where", "Changes every row: there is no WHERE.", 3);
      }
      if (ifind(line, "select *") != std::string_view::npos)
        say(i, i, weight::note, "select_all", "Reads every column.", 0.3);
      if (ibegins(line, "create index") && ifind(line, "concurrently") == std::string_view::npos)
        say(i, i, weight::note, "locks_table", "Building the index locks writes.", 0.8);
      if (ibegins(line, "alter table") || ibegins(line, "drop table") || ibegins(line, "truncate"))
        say(i, i, weight::warning, "schema_change", "Changes the schema.", 1);
      if (ifind(line, "like '%") != std::string_view::npos)
        say(i, i, weight::note, "no_index_use", "A search that begins with % cannot use an index.", 0.6);
      break;
    case language::unknown: break;
    }
  }

  void long_units() {
    for (auto& u : units_)
      if (u.kind == "function" && u.last - u.first > 150)
        say(u.first, u.first, weight::note, "long_function", u.name + " is " + std::to_string(u.last - u.first + 1) + " lines long.", 0.2);
  }

  void frames() {
    std::size_t told = 0;
    for (auto& f : frames_) {
      if (!same_file(f.file, name_) || f.line == 0 || told >= 12)
        continue;
      ++told;
      if (f.line > all_.size()) {
        x_.insights.push_back({"A stack trace names line " + std::to_string(f.line) + ", but the file has " + std::to_string(all_.size()) + ": it is another version.", {}});
        continue;
      }
      const std::size_t i = f.line - 1;
      // Error handling next to the named line weighs more.
      for (auto& other : x_.findings)
        if (other.at.first_line + 15 >= f.line && other.at.first_line <= f.line + 15 && other.kind != "named_by_trace")
          other.score += 2;
      say(i, i, weight::danger, "named_by_trace", "Line " + std::to_string(f.line) + " stands in a stack trace.", 10 - static_cast<double>(told) * 0.1);
    }
  }

  void tell() {
    std::size_t functions = 0, classes = 0, code = 0, comments = 0;
    for (auto& u : units_)
      ++(u.kind == "function" ? functions : classes);
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const auto line = at(i);
      if (line.empty())
        continue;
      const bool comment = line.substr(0, 2) == "//" || line[0] == '*' || line.substr(0, 2) == "/*" || (line[0] == '#' && !line.starts_with("#include") && !line.starts_with("#define") && !line.starts_with("#if")) || line.substr(0, 2) == "--";
      ++(comment ? comments : code);
    }
    x_.summary = "Source code (" + x_.format + "), " + std::to_string(all_.size()) + " lines, " + std::to_string(functions) + " functions, " + std::to_string(classes) + " types. ";
    x_.summary += x_.findings.empty() ? "No error-handling smells found." : std::to_string(x_.findings.size()) + " places to look at. First: " + x_.findings.front().title + " (line " + std::to_string(x_.findings.front().at.first_line) + ")";
    x_.facts.emplace_back("language", x_.format);
    x_.facts.emplace_back("lines", std::to_string(all_.size()));
    x_.facts.emplace_back("functions", std::to_string(functions));
    x_.facts.emplace_back("types", std::to_string(classes));
    for (auto& f : x_.findings)
      if (x_.insights.size() < 7)
        x_.insights.push_back({f.title, f.at});
    std::string names;
    for (auto& u : units_)
      if (names.size() < 200)
        names += (names.empty() ? "" : ", ") + u.name;
    x_.insights.push_back({units_.empty() ? "No functions or types recognised." : "Contains " + names + ".", {}});
    x_.insights.push_back({std::to_string(code) + " lines of code, " + std::to_string(comments) + " of comments.", {}});
    while (x_.insights.size() < 3)
      x_.insights.push_back({"Language " + x_.format + " (confidence " + short_number(guess_.confidence) + ").", {}});
    if (!x_.findings.empty()) {
      x_.full += "Look at\n";
      for (auto& f : x_.findings)
        if (x_.full.size() < full_bytes_max / 2) {
          x_.full += "  line " + std::to_string(f.at.first_line) + ": " + f.title + "\n";
          if (f.kind == "named_by_trace") // what stands around it
            for (auto i = f.at.first_line > 4 ? f.at.first_line - 4 : 1; i <= std::min<std::size_t>(f.at.first_line + 3, all_.size()); ++i)
              x_.full += (i == f.at.first_line ? "   > " : "     ") + std::to_string(i) + "  " + to_valid_utf8(all_[i - 1].substr(0, 160)) + "\n";
        }
    }
    x_.full += "Structure\n";
    for (auto& u : units_)
      if (x_.full.size() < full_bytes_max)
        x_.full += "  " + std::string(std::min<std::size_t>(indent_of(all_[u.first]), 16), ' ') + u.kind + " " + u.name + " (lines " + std::to_string(u.first + 1) + "-" + std::to_string(u.last + 1) + ")\n";
    x_.confidence = std::max(0.4, guess_.confidence);
  }

  std::string_view name_;
  lines all_;
  language_guess guess_;
  const std::vector<trace_line>& frames_;
  std::vector<code_unit> units_;
  extraction x_;
};

} // namespace

std::string_view to_string(language l) noexcept {
  constexpr std::array<std::string_view, 17> names{"unknown", "python", "javascript", "typescript", "java", "kotlin", "csharp", "go", "rust", "c", "cpp", "ruby", "php", "shell", "sql", "scala", "swift"};
  return names[static_cast<std::size_t>(l)];
}

language_guess language_of(std::string_view name, std::string_view text) {
  const auto head = text.substr(0, 32 << 10);
  const auto dot = name.rfind('.');
  const auto extension = dot == std::string_view::npos ? std::string{} : "|" + ascii_lower(name.substr(dot + 1)) + "|";
  language_guess best;
  double second = 0;
  for (auto& t : traits) {
    double score = 0;
    for (auto& mark : t.marks) {
      std::size_t hits = 0;
      for (auto at = head.find(mark); at != std::string_view::npos && hits < 6; at = head.find(mark, at + mark.size()))
        hits += at == 0 || !is_word(head[at - 1]) || !is_word(mark[0]) ? 1 : 0;
      // One word often is worth less than many words once: prose repeats itself too.
      score += hits == 0 ? 0 : 0.6 + 0.1 * static_cast<double>(hits);
    }
    if (extension.size() > 2 && t.extensions.find(extension) != std::string_view::npos)
      score += 3.5;
    if (head.starts_with("#!")) {
      const auto first = head.substr(0, head.find('\n'));
      if (first.find(t.lang == language::shell ? "sh" : t.lang == language::javascript ? "node" : to_string(t.lang)) != std::string_view::npos)
        score += 4;
    }
    if (score > best.confidence) {
      second = best.confidence;
      best = {t.lang, score};
    } else {
      second = std::max(second, score);
    }
  }
  const auto semicolons = static_cast<double>(std::count(head.begin(), head.end(), ';') + std::count(head.begin(), head.end(), '{') + std::count(head.begin(), head.end(), '(')) /
                          static_cast<double>(1 + std::count(head.begin(), head.end(), '\n'));
  const double raw = best.confidence;
  best.confidence = std::clamp(raw / 7.0, 0.0, 1.0) * (semicolons > 0.4 || best.lang == language::shell || best.lang == language::sql ? 1.0 : 0.6);
  if (raw - second < 0.3 && raw < 3)
    best.confidence *= 0.7;
  if (raw < 1.2)
    best = {};
  return best;
}

std::vector<code_unit> structure_of(language l, const lines& all) {
  std::vector<code_unit> out;
  if (l == language::unknown)
    return out;
  struct open_unit {
    std::size_t index;
    long depth;        ///< braces before it
    std::size_t indent;
    bool entered = false;
  };
  std::vector<open_unit> open;
  long depth = 0;
  bool in_comment = false;
  for (std::size_t i = 0; i < all.size() && out.size() < units_max; ++i) {
    const auto raw = all[i].substr(0, line_bytes_looked_at);
    const auto line = trimmed(raw);
    if (!braces(l)) {
      if (line.empty() || line[0] == '#')
        continue;
      const auto indent = indent_of(raw);
      while (!open.empty() && indent <= open.back().indent) {
        if (l != language::python && (line == "end" || line == "}" || line == "fi" || line == "done") && indent == open.back().indent)
          out[open.back().index].last = i;
        open.pop_back();
      }
      for (auto& o : open)
        out[o.index].last = i;
      if (auto u = unit_at(l, raw)) {
        u->first = u->last = i;
        out.push_back(std::move(*u));
        if (open.size() < 200)
          open.push_back({out.size() - 1, 0, indent, false});
      }
      continue;
    }
    if (!in_comment)
      if (auto u = unit_at(l, raw)) {
        u->first = u->last = i;
        out.push_back(std::move(*u));
        if (open.size() < 200)
          open.push_back({out.size() - 1, depth, 0, false});
      }
    // Braces outside strings and comments.
    char quote = '\0';
    for (std::size_t c = 0; c < raw.size(); ++c) {
      if (in_comment) {
        if (raw[c] == '*' && c + 1 < raw.size() && raw[c + 1] == '/') {
          in_comment = false;
          ++c;
        }
        continue;
      }
      if (quote != '\0') {
        if (raw[c] == '\\')
          ++c;
        else if (raw[c] == quote)
          quote = '\0';
        continue;
      }
      if (raw[c] == '/' && c + 1 < raw.size() && raw[c + 1] == '/')
        break;
      if (raw[c] == '/' && c + 1 < raw.size() && raw[c + 1] == '*') {
        in_comment = true;
        ++c;
        continue;
      }
      if (raw[c] == '"' || raw[c] == '`' || (raw[c] == '\'' && l != language::rust)) {
        quote = raw[c];
        continue;
      }
      if (raw[c] == '{') {
        ++depth;
        if (!open.empty() && depth == open.back().depth + 1)
          open.back().entered = true;
      }
      if (raw[c] == '}') {
        --depth;
        while (!open.empty() && open.back().entered && depth <= open.back().depth) {
          out[open.back().index].last = i;
          open.pop_back();
        }
      }
    }
    // A declaration whose block never came.
    while (!open.empty() && !open.back().entered && i > out[open.back().index].first + 3)
      open.pop_back();
  }
  for (auto& o : open)
    if (o.entered)
      out[o.index].last = all.size() - 1;
  return out;
}

std::vector<trace_line> frames_in(std::string_view text, std::size_t most) {
  std::vector<trace_line> out;
  std::set<std::pair<std::string, std::uint32_t>> seen;
  const auto put = [&](std::string_view file, std::string_view digits) {
    std::uint32_t line = 0;
    for (char c : digits.substr(0, 7))
      line = line * 10 + static_cast<std::uint32_t>(c - '0');
    if (line == 0 || file.size() < 3 || file.size() > 300 || out.size() >= most)
      return;
    if (seen.emplace(std::string{file}, line).second)
      out.push_back({to_valid_utf8(file), line});
  };
  const auto file_char = [](char c) { return is_word(c) || c == '.' || c == '/' || c == '-' || c == '\\' || c == '@' || c == '+'; };
  for (std::size_t at = 0; at < text.size() && out.size() < most; ++at) {
    // Python: File "x.py", line 12
    if (text[at] == '"' && text.substr(at, 8) == "\", line ") {
      auto begin = at;
      while (begin > 0 && at - begin < 300 && text[begin - 1] != '"' && text[begin - 1] != '\n')
        --begin;
      auto end = at + 8;
      while (end < text.size() && is_digit(text[end]))
        ++end;
      put(text.substr(begin, at - begin), text.substr(at + 8, end - at - 8));
      continue;
    }
    // file.ext:12 (Java, Go, Node, C++, Ruby, Rust)
    if (text[at] == ':' && at + 1 < text.size() && is_digit(text[at + 1]) && at > 2 && file_char(text[at - 1])) {
      auto begin = at;
      while (begin > 0 && at - begin < 300 && file_char(text[begin - 1]))
        --begin;
      auto end = at + 1;
      while (end < text.size() && is_digit(text[end]))
        ++end;
      const auto file = text.substr(begin, at - begin);
      const auto dot = file.rfind('.');
      if (dot == std::string_view::npos || dot + 1 >= file.size() || file.size() - dot > 6 || !is_alpha(file[dot + 1]))
        continue;
      for (auto& t : traits)
        if (t.extensions.find("|" + ascii_lower(file.substr(dot + 1)) + "|") != std::string_view::npos) {
          put(file, text.substr(at + 1, end - at - 1));
          break;
        }
    }
  }
  return out;
}

bool same_file(std::string_view frame_file, std::string_view name) {
  const auto base = [](std::string_view s) {
    const auto slash = s.find_last_of("/\\");
    return slash == std::string_view::npos ? s : s.substr(slash + 1);
  };
  if (base(frame_file).empty() || base(frame_file) != base(name))
    return false;
  // Both have folders: the innermost must agree.
  const auto a = frame_file.size() - base(frame_file).size(), b = name.size() - base(name).size();
  if (a < 2 || b < 2)
    return true;
  return base(frame_file.substr(0, a - 1)) == base(name.substr(0, b - 1));
}

extraction extract_source(std::string_view name, std::string_view text, const std::vector<trace_line>& frames) { return source_report{name, text, frames}.run(); }

} // namespace fm::extractors
