// The interactive prompt on the console.
#include <memory>
#include <new>

#include "command.hpp"
#include "line_editor.hpp"

namespace sluice::app {
namespace {

// Every byte is shown at once.
struct Terminal final : Sink {
  void put(std::string_view text) override { console::write(console::Stream::Output, text); }
};

}  // namespace

int run_shell(Session& session) {
  Terminal terminal;
  const std::unique_ptr<LineEditor> editor(new (std::nothrow) LineEditor(terminal, "sluice> "));
  if (editor == nullptr) {
    return failure("sluice", "the prompt", to_string(Errc::NoMemory));
  }
  terminal.put("Sluice. `help` lists the commands; ^D or `poweroff` ends it.\n");
  int status = kSucceeded;
  editor->begin();
  while (true) {
    const int byte = console::read_byte();
    if (byte < 0) {
      return status;
    }
    switch (editor->feed(static_cast<u8>(byte))) {
      case LineEditor::Event::None:
        break;
      case LineEditor::Event::Line:
        status = run_line(session, editor->line());
        editor->begin();
        break;
      case LineEditor::Event::Cancel:
        editor->begin();
        break;
      case LineEditor::Event::End:
        return status;
    }
  }
}

}  // namespace sluice::app
