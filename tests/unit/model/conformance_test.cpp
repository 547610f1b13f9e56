// docs/virtio-conformance.md is complete and true: its rules and tests exist, no rule is missing,
// no cell is empty, and the count is right.
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "text_files.hpp"

namespace {

using tiny::text_of;

constexpr std::string_view kUnseen = "the device cannot see it";
constexpr std::string_view kOtherTransport = "another transport";
constexpr std::string_view kNeverNegotiated = "a feature we never negotiate";

struct Row {
  std::string section;
  std::vector<std::string> cells;
  bool of_clauses() const { return cells.size() == 5; }
  const std::string& clause() const { return cells[0]; }
  const std::string& word() const { return cells[1]; }
  const std::string& rule() const { return cells[of_clauses() ? 3 : 1]; }
  const std::string& test() const { return cells.back(); }
};

struct Rule {
  std::string clause;
  bool should;
};

// By id.
std::map<std::string, Rule> rules() {
  const std::string source = text_of("/tests/model/rules.hpp");
  const std::regex rule(
      R"re(Rule \w+\{\s*"([a-z_0-9.]+)",\s*"([0-9.]+)",\s*("[^"]*"\s*)+(,\s*true)?\};)re");
  std::map<std::string, Rule> all;
  for (std::sregex_iterator at(source.begin(), source.end(), rule), end; at != end; ++at) {
    all[at->str(1)] = {at->str(2), (*at)[4].matched};
  }
  return all;
}

// Each test's source, by its name.
std::map<std::string, std::string> tests() {
  const std::regex head(R"re(TEST_CASE\("(.*)"\))re");
  std::map<std::string, std::string> all;
  for (const auto& file :
       std::filesystem::directory_iterator(SLUICE_SOURCE_DIR "/tests/unit/model")) {
    const std::string source = text_of("/tests/unit/model/" + file.path().filename().string());
    for (std::sregex_iterator at(source.begin(), source.end(), head), end; at != end; ++at) {
      const auto begin = static_cast<std::size_t>(at->position());
      all[at->str(1)] = source.substr(begin, source.find("\n}\n", begin) - begin);
    }
  }
  return all;
}

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  for (std::size_t at = line.find("| "); at != std::string::npos && at + 2 < line.size();) {
    const std::size_t end = line.find(" |", at + 1);
    cells.push_back(end <= at + 1 ? "" : line.substr(at + 2, end - at - 2));
    at = end == std::string::npos ? end : end + 1;
  }
  return cells;
}

// The rows of all tables, without their heads.
std::vector<Row> rows_of(const std::string& page) {
  std::vector<Row> rows;
  std::string section;
  std::istringstream lines(page);
  bool head = true;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("## ")) {
      section = line.substr(3);
      head = true;
    } else if (line.starts_with("| ---")) {
      head = false;
    } else if (line.starts_with("|") && !head) {
      rows.push_back({section, cells_of(line)});
    }
  }
  return rows;
}

// As a whole word: split.next is not in split.next_one.
bool names(const std::string& text, const std::string& rule) {
  constexpr std::string_view kOfIds = "abcdefghijklmnopqrstuvwxyz0123456789_.";
  for (std::size_t at = text.find(rule); at != std::string::npos; at = text.find(rule, at + 1)) {
    const std::size_t behind = at + rule.size();
    if (behind == text.size() || kOfIds.find(text[behind]) == std::string_view::npos) {
      return true;
    }
  }
  return false;
}

bool is_reason(const std::string& rule) {
  return rule == kUnseen || rule == kOtherTransport || rule == kNeverNegotiated;
}

std::string without_quotes(const std::string& rule) {
  CHECK((rule.size() > 2 && rule.front() == '`' && rule.back() == '`'));
  return rule.size() > 2 ? rule.substr(1, rule.size() - 2) : "";
}

std::vector<Row> rows_to_check() {
  return rows_of(text_of("/docs/virtio-conformance.md"));
}

}  // namespace

TEST_CASE("Each row of the conformance table has a rule and a test that names it, or a reason") {
  const auto known = rules();
  const auto written = tests();
  REQUIRE(known.size() > 100);
  const std::set<std::string> words{"MUST", "MUST NOT", "SHOULD", "SHOULD NOT"};
  for (const Row& row : rows_to_check()) {
    REQUIRE((row.cells.size() == 4 || row.cells.size() == 5));
    INFO(row.section << ": " << row.clause() << ", " << row.rule() << ", " << row.test());
    for (const std::string& cell : row.cells) {
      CHECK_FALSE(cell.empty());
    }
    CHECK((!row.of_clauses() || words.contains(row.word())));
    if (row.of_clauses() && is_reason(row.rule())) {
      CHECK(row.test() == "—");
      continue;
    }
    const auto rule = known.find(without_quotes(row.rule()));
    REQUIRE(rule != known.end());
    const auto test = written.find(row.test());
    REQUIRE(test != written.end());
    CHECK(names(test->second, rule->first));
    if (row.of_clauses()) {
      CHECK(rule->second.should == row.word().starts_with("SHOULD"));
    } else {
      CHECK(rule->second.clause == row.clause());
    }
  }
}

TEST_CASE("Each rule stands in the conformance table, and none in both of its parts") {
  std::set<std::string> of_clauses;
  std::set<std::string> others;
  for (const Row& row : rows_to_check()) {
    (row.of_clauses() ? of_clauses : others).insert(row.rule());
  }
  for (const auto& [id, rule] : rules()) {
    INFO(id);
    CHECK(of_clauses.contains("`" + id + "`") != others.contains("`" + id + "`"));
  }
}

TEST_CASE("The conformance table's count is right, and nine of ten clauses have a rule") {
  std::size_t clauses = 0;
  std::size_t visible = 0;
  std::size_t ruled = 0;
  for (const Row& row : rows_to_check()) {
    if (row.of_clauses()) {
      ++clauses;
      visible += row.rule() == kUnseen || row.rule() == kOtherTransport ? 0 : 1;
      ruled += is_reason(row.rule()) ? 0 : 1;
    }
  }
  const std::string count = std::to_string(clauses) + " clauses; a device can see " +
                            std::to_string(visible) + " of them; " + std::to_string(ruled) +
                            " have a rule, " + std::to_string(ruled * 100 / visible) +
                            " % of those.";
  INFO(count);
  CHECK(text_of("/docs/virtio-conformance.md").find(count) != std::string::npos);
  CHECK(ruled * 10 >= visible * 9);
}
