#include "app/line_editor.hpp"

#include <random>
#include <string>

#include "terminal.hpp"
#include "tests/catch.hpp"

using namespace sluice;
using app::LineEditor;

namespace {

constexpr const char* kUp = "\x1b[A";
constexpr const char* kDown = "\x1b[B";
constexpr const char* kLeft = "\x1b[D";
constexpr const char* kHome = "\x1b[H";

struct Typist {
  test::Terminal screen;
  LineEditor editor{screen, "> "};
  Typist() { editor.begin(); }

  // Types all of it; gives what the last byte led to.
  LineEditor::Event type(std::string_view keys) {
    LineEditor::Event event = LineEditor::Event::None;
    for (const char key : keys) {
      if (event != LineEditor::Event::None) {
        editor.begin();
      }
      event = editor.feed(static_cast<u8>(key));
    }
    return event;
  }
  std::string line(const std::string& keys) {
    screen.put("\n");
    editor.begin();
    REQUIRE(type(keys + "\n") == LineEditor::Event::Line);
    return std::string(editor.line());
  }
  // Begins a line, types, and tells what the terminal shows, with a bar at the cursor.
  std::string shown(const std::string& keys) {
    screen.put("\n");
    editor.begin();
    REQUIRE(type(keys) == LineEditor::Event::None);
    std::string row = screen.row();
    row.resize(std::max(row.size(), screen.column()), ' ');
    return row.insert(screen.column(), "|");  // ASCII rows alone
  }
};

std::string times(u32 count, std::string_view keys) {
  std::string all;
  for (u32 i = 0; i < count; ++i) {
    all += keys;
  }
  return all;
}

}  // namespace

TEST_CASE("what is typed is shown and comes back as a line, and no more than that is written") {
  Typist typist;
  CHECK(typist.type("ls vda:/\r") == LineEditor::Event::Line);
  CHECK(typist.editor.line() == "ls vda:/");
  CHECK(typist.screen.written == "> ls vda:/\n");
}

TEST_CASE("backspace takes a whole character and stops at the beginning") {
  Typist typist;
  CHECK(typist.line("aö\x7f\x08"
                    "b") == "b");
  CHECK(typist.line("\x7f\x7fx") == "x");
  CHECK(typist.line("日本\x7f") == "日");
}

TEST_CASE("the cursor moves by characters and stops at both ends") {
  Typist typist;
  CHECK(typist.shown("abc\x1b[D") == "> ab|c");
  CHECK(typist.shown("abc\x1bOD\x02\x1b[C") == "> ab|c");
  CHECK(typist.shown(times(5, kLeft) + "abc" + times(5, kLeft)) == "> |abc");
  CHECK(typist.shown("abc\x01") == "> |abc");
  CHECK(typist.shown("abc\x1b[H\x06") == "> a|bc");
  CHECK(typist.shown("abc\x1b[1~\x1b[4~") == "> abc|");
  CHECK(typist.shown("abc\x1b[7~\x1b[8~") == "> abc|");
  CHECK(typist.shown("abc\x1bOH\x1bOF\x1b[C") == "> abc|");
  CHECK(typist.shown("abc\x1b[1;5D") == "> ab|c");
  CHECK(typist.line("aü日c" + times(3, kLeft) + "x") == "axü日c");
  CHECK(typist.line("日本\x01语") == "语日本");
}

TEST_CASE("what is typed in the middle goes there, and the cursor stays behind it") {
  Typist typist;
  CHECK(typist.shown("ac\x1b[Db") == "> ab|c");
  CHECK(typist.shown("bc\x01"
                     "a") == "> a|bc");
}

TEST_CASE("a terminal's cursor stands right beside characters of two columns") {
  Typist typist;
  typist.type("日本x\x1b[D\x1b[D");
  CHECK(typist.screen.column() == 4);
  CHECK(typist.screen.row() == "> 日本x");
}

TEST_CASE("characters, words and rests are erased on both sides of the cursor") {
  Typist typist;
  CHECK(typist.shown("abc\x1b[D\x1b[3~") == "> ab|");
  CHECK(typist.shown("abc\x1b[D\x1b[D\x04") == "> a|c");
  CHECK(typist.shown("abc\x1b[3~") == "> abc|");
  CHECK(typist.shown("abc\x1b[D\x7f") == "> a|c");
  CHECK(typist.shown("abc\x1b[D\x15") == "> |c");
  CHECK(typist.shown("abc\x1b[D\x0b") == "> ab|");
  CHECK(typist.shown("cat vda:/x  \x17y") == "> cat y|");
  CHECK(typist.shown("cat vda:/x\x1b[D\x17") == "> cat |x");
  CHECK(typist.shown("   \x17") == "> |");
  CHECK(typist.shown("\x17\x15\x0b") == "> |");
}

TEST_CASE("the screen is cleared and the line stays") {
  Typist typist;
  CHECK(typist.shown("abc\x1b[D\x0c") == "> ab|c");
  CHECK(typist.screen.clears == 1);
}

TEST_CASE("control keys cancel and end") {
  Typist typist;
  CHECK(typist.type("abc\x03") == LineEditor::Event::Cancel);
  typist.editor.begin();
  CHECK(typist.editor.line().empty());
  CHECK(typist.type("a\x04") == LineEditor::Event::None);
  CHECK(typist.type("\x7f\x04") == LineEditor::Event::End);
}

TEST_CASE("arrows bring back earlier lines, and the one that was begun") {
  Typist typist;
  typist.line("one");
  typist.line("two");
  typist.line("two");
  typist.line("");
  CHECK(typist.line(kUp) == "two");
  CHECK(typist.line(times(5, kUp)) == "one");
  CHECK(typist.line("\x10\x10\x0e") == "one");
  CHECK(typist.shown(std::string("begun") + kUp + kDown) == "> begun|");
  CHECK(typist.line(std::string("x") + kUp + kDown + kDown + "y") == "xy");
  for (int i = 0; i < 40; ++i) {
    typist.line(std::to_string(i));
  }
  CHECK(typist.line(times(60, kUp)) == "24");
}

TEST_CASE("a line of history that is changed stays as it was in history") {
  Typist typist;
  typist.line("one");
  CHECK(typist.line(std::string(kUp) + "!") == "one!");
  CHECK(typist.line(times(2, kUp)) == "one");
}

TEST_CASE("a line wider than the terminal is shown around the cursor") {
  Typist typist;
  std::string digits;
  for (u32 i = 0; i < 20; ++i) {
    digits += "0123456789";
  }
  CHECK(typist.shown(digits) == "> " + digits.substr(200 - 77) + "|");
  CHECK(typist.shown(digits + kHome) == "> |" + digits.substr(0, 77));
  CHECK(typist.shown(digits + times(100, kLeft)) == "> |" + digits.substr(100, 77));
  CHECK(typist.shown(digits + times(150, "\x7f")) == "> " + digits.substr(0, 50) + "|");
  CHECK(typist.line(digits + kHome + "x") == "x" + digits);
  typist.shown(times(60, "日"));
  CHECK(typist.screen.row() == "> " + times(38, "日"));
}

TEST_CASE("a line ends where its room ends, and a bell says so") {
  Typist typist;
  CHECK(typist.line(std::string(600, 'x')) == std::string(LineEditor::kMaxBytes, 'x'));
  CHECK(typist.screen.bells == 600 - LineEditor::kMaxBytes);
  CHECK(typist.line(std::string(LineEditor::kMaxBytes - 1, 'x') + "ö") ==
        std::string(LineEditor::kMaxBytes - 1, 'x'));
}

TEST_CASE("bytes that are no character are dropped, and so are sequences that nobody knows") {
  Typist typist;
  CHECK(typist.line("a\x80\xff\xc0\xaf\xf5\xfe"
                    "b") == "ab");
  CHECK(typist.line("a\xe6\x97"
                    "b") == "ab");
  CHECK(typist.line("a\xe6\x97\x7f"
                    "b") == "b");
  CHECK(typist.line("a\xc2\x9b"
                    "b\xc2\xa0") == "ab\xc2\xa0");
  CHECK(typist.line("a\x1b[200~\x1b[99999999999999999999~\x1b[;3~\x1b[?25h\x1bx\x1bOz\tb") == "ab");
  CHECK(typist.line("a\x1b[1") == "a");
  CHECK(typist.line("a\x1b\x1b[Db") == "ba");
}

TEST_CASE("whatever is typed, the terminal gets whole characters and a row that fits") {
  std::mt19937 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same in every run
  constexpr std::string_view kLikely =
      "a \x1b[ABCDHF3~O\x7f\x01\x05\x0b\x17\x15\x10\x0e\xe6\x97\xa5\xc3\xbc\r";
  Typist typist;
  for (u32 i = 0; i < 200'000; ++i) {
    const auto byte = random() % 4 == 0 ? static_cast<u8>(random())
                                        : static_cast<u8>(kLikely[random() % kLikely.size()]);
    if (typist.editor.feed(byte) != LineEditor::Event::None) {
      typist.screen.put("\n");
      typist.editor.begin();
    }
  }
}
