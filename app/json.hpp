// Writes JSON, with line breaks and indents, to a sink.
// Used by lsdev and bench. The caller keeps to the order of RFC 8259: commas are ours. Pure; any
// context.
#pragma once

#include <string_view>

#include <sluice/kernel/format.hpp>

namespace sluice::app {

class JsonWriter {
 public:
  explicit JsonWriter(Sink& out) : out_(out) {}

  // A member of an object has a name; an item of an array, and the outermost value, have none.
  void begin_object(std::string_view name = {});
  void end_object() { end('}'); }
  void begin_array(std::string_view name = {});
  void end_array() { end(']'); }
  void number(std::string_view name, u64 value);
  // A number that is written already ("12.345").
  void raw(std::string_view name, std::string_view value);
  void text(std::string_view name, std::string_view value);
  void text_item(std::string_view value);

 private:
  void begin_value(std::string_view name);
  void quoted(std::string_view value);
  void new_line();
  void begin(std::string_view name, char bracket);
  void end(char bracket);

  Sink& out_;
  u32 depth_ = 0;
  bool first_ = true;  // of what stands between the innermost brackets
};

}  // namespace sluice::app
