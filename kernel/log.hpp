// The log: lines with a level and a time, kept in a ring for `dmesg` and shown on the console up to
// a level. Used by everyone. Lines longer than 240 bytes are cut; control characters become '?', so
// that text from a disk or a device tree cannot pose as console records. Any context of any hart.
#pragma once

#include <string_view>

#include <sluice/kernel/format.hpp>

namespace sluice::log {

enum class Level : u8 { Error = 3, Warning = 4, Info = 6, Debug = 7 };  // Linux's numbers

struct Line {
  u64 time_ns;
  Level level;
  std::string_view text;  // without an end of line
};

// "[    0.012345] error: text", with an end of line: as the console shows it.
void put_line(Sink& out, const Line& line);

// Shows a line; called with interrupts off, by one hart at a time. It logs nothing itself.
using Show = void (*)(const Line& line);

void vwrite(Level level, std::string_view format, std::span<const FormatArg> args);

template <class... Args>
void write(Level level, FormatString<Args...> format, const Args&... args) {
  const FormatArg erased[] = {FormatArg(args)..., FormatArg(0u)};
  vwrite(level, format.text(), std::span(erased, sizeof...(Args)));
}

template <class... Args>
void error(FormatString<Args...> format, const Args&... args) {
  write<Args...>(Level::Error, format, args...);
}
template <class... Args>
void warning(FormatString<Args...> format, const Args&... args) {
  write<Args...>(Level::Warning, format, args...);
}
template <class... Args>
void info(FormatString<Args...> format, const Args&... args) {
  write<Args...>(Level::Info, format, args...);
}
template <class... Args>
void debug(FormatString<Args...> format, const Args&... args) {
  write<Args...>(Level::Debug, format, args...);
}

// Lines of `level` and more serious ones are shown from now on (`loglevel=` on the command line).
void set_level(Level level);

// Shows every line from now on, and those that the ring holds already. Null: nothing is shown.
void set_show(Show show);

// Calls `visit` for every line that the ring holds now, oldest first; lines that are overwritten
// meanwhile are left out.
void for_each(void (*visit)(const Line& line, void* context), void* context);

// For a panic, when all else stands still: the log can be read, and written, even where a line was
// on its way. Any context.
void take_over();

}  // namespace sluice::log
