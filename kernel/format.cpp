// The formatter behind format.hpp.
#include <sluice/kernel/format.hpp>

#include <algorithm>
#include <array>
#include <cstring>

namespace sluice {
namespace {

struct Spec {
  char align = 0;  // '<', '>' or 0: text to the left, numbers to the right
  bool alternate = false;
  bool zero = false;
  bool hex = false;
  usize width = 0;
};

Spec parse_spec(std::string_view text) {
  Spec spec;
  usize i = text.starts_with(':') ? 1 : 0;
  if (i < text.size() && (text[i] == '<' || text[i] == '>')) {
    spec.align = text[i++];
  }
  if (i < text.size() && text[i] == '#') {
    spec.alternate = true;
    ++i;
  }
  if (i < text.size() && text[i] == '0') {
    spec.zero = true;
    ++i;
  }
  for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
    spec.width = spec.width * 10 + static_cast<usize>(text[i] - '0');
  }
  spec.hex = i < text.size() && text[i] == 'x';
  return spec;
}

void pad(Sink& sink, char fill, usize count) {
  std::array<char, 16> block;
  block.fill(fill);
  while (count > 0) {
    const usize now = std::min(count, block.size());
    sink.put({block.data(), now});
    count -= now;
  }
}

void put_padded(Sink& sink, std::string_view text, const Spec& spec, bool right) {
  const usize missing = spec.width > text.size() ? spec.width - text.size() : 0;
  if (right) {
    pad(sink, ' ', missing);
  }
  sink.put(text);
  if (!right) {
    pad(sink, ' ', missing);
  }
}

void put_number(Sink& sink, const FormatArg& arg, const Spec& spec) {
  std::array<char, 24> digits;
  u64 magnitude = arg.number();
  const bool negative = arg.kind() == FormatArg::Kind::Signed && static_cast<i64>(magnitude) < 0;
  if (negative) {
    magnitude = ~magnitude + 1;
  }
  usize first = digits.size();
  do {
    const u64 base = spec.hex ? 16 : 10;
    digits[--first] = "0123456789abcdef"[magnitude % base];
    magnitude /= base;
  } while (magnitude != 0);
  const std::string_view body(digits.data() + first, digits.size() - first);

  std::array<char, 48> text;
  BufferSink out(text);
  if (negative) {
    out.put("-");
  }
  if (spec.hex && spec.alternate) {
    out.put("0x");
  }
  if (spec.zero) {
    const usize used = out.text().size() + body.size();
    pad(out, '0', spec.width > used ? std::min<usize>(spec.width - used, 16) : 0);
  }
  out.put(body);
  put_padded(sink, out.text(), spec, spec.align != '<');
}

void put_arg(Sink& sink, const FormatArg& arg, const Spec& spec) {
  switch (arg.kind()) {
    case FormatArg::Kind::Text:
      put_padded(sink, arg.text(), spec, spec.align == '>');
      break;
    case FormatArg::Kind::Character: {
      const char c = static_cast<char>(arg.number());
      put_padded(sink, {&c, 1}, spec, spec.align == '>');
      break;
    }
    default:
      put_number(sink, arg, spec);
  }
}

}  // namespace

void BufferSink::put(std::string_view text) {
  const usize fits = std::min(text.size(), buffer_.size() - used_);
  std::memcpy(buffer_.data() + used_, text.data(), fits);
  used_ += fits;
}

void vformat(Sink& sink, std::string_view format, std::span<const FormatArg> args) {
  usize next = 0;
  while (!format.empty()) {
    const usize brace = format.find_first_of("{}");
    sink.put(format.substr(0, brace));
    if (brace == std::string_view::npos) {
      return;
    }
    format.remove_prefix(brace);
    if (format.size() > 1 && format[1] == format[0]) {  // {{ and }}
      sink.put(format.substr(0, 1));
      format.remove_prefix(2);
      continue;
    }
    const usize close = format.find('}');
    if (close == std::string_view::npos) {
      return;
    }
    if (format[0] == '{' && next < args.size()) {
      put_arg(sink, args[next++], parse_spec(format.substr(1, close - 1)));
    }
    format.remove_prefix(close + 1);
  }
}

}  // namespace sluice
