#include "app/line_editor.hpp"

#include <string>

#include "tests/catch.hpp"

using namespace sluice;
using app::LineEditor;

namespace {

struct Screen final : Sink {
  std::string text;
  void put(std::string_view part) override { text += part; }
};

struct Typist {
  Screen screen;
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
  std::string line(std::string_view keys) {
    editor.begin();
    REQUIRE(type(keys) == LineEditor::Event::Line);
    return std::string(editor.line());
  }
};

}  // namespace

TEST_CASE("what is typed is shown and comes back as a line") {
  Typist typist;
  CHECK(typist.type("ls vda:/\r") == LineEditor::Event::Line);
  CHECK(typist.editor.line() == "ls vda:/");
  CHECK(typist.screen.text == "> ls vda:/\n");
}

TEST_CASE("backspace takes a whole character and stops at the beginning") {
  Typist typist;
  CHECK(typist.line("aö\x7f\x08"
                    "b\n") == "b");
  CHECK(typist.line("\x7f\x7fx\n") == "x");
  CHECK(typist.line("日本\x7f\n") == "日");
}

TEST_CASE("control keys clear, cancel and end") {
  Typist typist;
  CHECK(typist.line("abc\x15"
                    "d\n") == "d");
  CHECK(typist.type("abc\x03") == LineEditor::Event::Cancel);
  typist.editor.begin();
  CHECK(typist.editor.line().empty());
  CHECK(typist.type("a\x04") == LineEditor::Event::None);
  CHECK(typist.type("\x7f\x04") == LineEditor::Event::End);
}

TEST_CASE("arrows bring back earlier lines and other sequences do nothing") {
  Typist typist;
  typist.line("one\n");
  typist.line("two\n");
  typist.line("\n");
  CHECK(typist.line("\x1b[A\n") == "two");
  CHECK(typist.line("\x1b[A\x1b[A\x1b[A\n") == "one");
  CHECK(typist.line("x\x1b[A\x1b[B\x1b[By\n") == "y");
  CHECK(typist.line("a\x1b[C\x1b[1;5D\x1b[3~\x1bOb\n") == "ab");
  for (int i = 0; i < 40; ++i) {
    typist.line(std::to_string(i) + "\n");
  }
  std::string up;
  for (int i = 0; i < 60; ++i) {
    up += "\x1b[A";
  }
  CHECK(typist.line(up + "\n") == "24");
}

TEST_CASE("a line ends where its room ends") {
  Typist typist;
  const std::string line = typist.line(std::string(600, 'x') + "\n");
  CHECK(line == std::string(LineEditor::kMaxBytes, 'x'));
}
