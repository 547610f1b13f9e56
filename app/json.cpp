// The JSON writer. Reference: RFC 8259.
#include "json.hpp"

namespace sluice::app {

void JsonWriter::begin_object(std::string_view name) {
  begin(name, '{');
}
void JsonWriter::begin_array(std::string_view name) {
  begin(name, '[');
}

void JsonWriter::begin(std::string_view name, char bracket) {
  begin_value(name);
  out_.put({&bracket, 1});
  ++depth_;
  first_ = true;
}

void JsonWriter::end(char bracket) {
  --depth_;
  if (!first_) {
    new_line();
  }
  out_.put({&bracket, 1});
  first_ = false;
}

void JsonWriter::number(std::string_view name, u64 value) {
  begin_value(name);
  format_to(out_, "{}", value);
}

void JsonWriter::raw(std::string_view name, std::string_view value) {
  begin_value(name);
  out_.put(value);
}

void JsonWriter::text(std::string_view name, std::string_view value) {
  begin_value(name);
  quoted(value);
}

void JsonWriter::text_item(std::string_view value) {
  text({}, value);
}

void JsonWriter::begin_value(std::string_view name) {
  if (!first_) {
    out_.put(",");
  }
  if (depth_ > 0) {
    new_line();
  }
  first_ = false;
  if (!name.empty()) {
    quoted(name);
    out_.put(" : ");
  }
}

void JsonWriter::new_line() {
  out_.put("\n");
  for (u32 i = 0; i < depth_; ++i) {
    out_.put("  ");
  }
}

void JsonWriter::quoted(std::string_view value) {
  out_.put("\"");
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      out_.put("\\");
      out_.put({&c, 1});
    } else if (static_cast<u8>(c) < 0x20) {
      format_to(out_, "\\u{:04x}", static_cast<u8>(c));
    } else {
      out_.put({&c, 1});
    }
  }
  out_.put("\"");
}

}  // namespace sluice::app
