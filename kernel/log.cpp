// The log ring: records one after the other in a byte array, the oldest overwritten.
#include <sluice/kernel/log.hpp>

#include <algorithm>
#include <array>
#include <cstring>

#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/lock.hpp>

namespace sluice::log {
namespace {

constexpr usize kRingBytes = 32 * 1024;
constexpr usize kLineBytes = 240;

struct Header {
  u64 time_ns;
  u16 text_bytes;
  Level level;
};

// Positions count bytes since start and are reduced modulo the ring when used.
struct Ring {
  std::array<char, kRingBytes> bytes{};
  u64 head = 0;  // where the next record goes
  u64 tail = 0;  // the oldest record
  SpinLock lock;
};

constinit Ring ring;  // all zeroes at start: it takes no room in the image
// Under the ring's lock, too.
constinit Level shown_level = Level::Info;
constinit Show show = nullptr;

void copy_in(u64 position, const void* from, usize bytes) {
  const usize at = position % kRingBytes;
  const usize first = std::min(bytes, kRingBytes - at);
  std::memcpy(ring.bytes.data() + at, from, first);
  std::memcpy(ring.bytes.data(), static_cast<const char*>(from) + first, bytes - first);
}

void copy_out(u64 position, void* to, usize bytes) {
  const usize at = position % kRingBytes;
  const usize first = std::min(bytes, kRingBytes - at);
  std::memcpy(to, ring.bytes.data() + at, first);
  std::memcpy(static_cast<char*>(to) + first, ring.bytes.data(), bytes - first);
}

Header header_at(u64 position) {
  Header header;
  copy_out(position, &header, sizeof(header));
  return header;
}

// The line at `position`, which moves to the next one; its text is in `text`.
Line read_line(u64& position, std::array<char, kLineBytes>& text) {
  const Header header = header_at(position);
  // No more than there is room for, also where a panic found it half written.
  const usize text_bytes = std::min<usize>(header.text_bytes, text.size());
  copy_out(position + sizeof(header), text.data(), text_bytes);
  position += sizeof(header) + text_bytes;
  return {header.time_ns, header.level, {text.data(), text_bytes}};
}

void append(const Line& line) {
  const usize record = sizeof(Header) + line.text.size();
  while (ring.head + record - ring.tail > kRingBytes) {
    ring.tail += sizeof(Header) + header_at(ring.tail).text_bytes;
  }
  const Header header{line.time_ns, static_cast<u16>(line.text.size()), line.level};
  copy_in(ring.head, &header, sizeof(header));
  copy_in(ring.head + sizeof(header), line.text.data(), line.text.size());
  ring.head += record;
}

bool is_control(char c) {
  return (static_cast<u8>(c) < ' ' && c != '\t') || c == '\x7f';
}

}  // namespace

void vwrite(Level level, std::string_view format, std::span<const FormatArg> args) {
  std::array<char, kLineBytes> text;
  BufferSink sink(text);
  vformat(sink, format, args);
  std::replace_if(text.begin(), text.begin() + sink.text().size(), is_control, '?');

  const LockGuard guard(ring.lock);
  const Line line{clock::now_ns(), level, sink.text()};
  append(line);
  if (show != nullptr && level <= shown_level) {
    show(line);
  }
}

void put_line(Sink& out, const Line& line) {
  format_to(out, "[{:>5}.{:06}] {}{}\n", line.time_ns / 1'000'000'000,
            line.time_ns / 1000 % 1'000'000, line.level <= Level::Error ? "error: " : "",
            line.text);
}

void set_level(Level level) {
  const LockGuard guard(ring.lock);
  shown_level = level;
}

void set_show(Show new_show) {
  const LockGuard guard(ring.lock);
  show = new_show;
  if (show == nullptr) {
    return;
  }
  std::array<char, kLineBytes> text;
  for (u64 position = ring.tail; position < ring.head;) {
    const Line line = read_line(position, text);
    if (line.level <= shown_level) {
      show(line);
    }
  }
}

void for_each(void (*visit)(const Line& line, void* context), void* context) {
  std::array<char, kLineBytes> text;
  u64 position = 0;
  u64 end = ~u64{0};
  while (true) {
    Line line{};
    {
      const LockGuard guard(ring.lock);
      end = std::min(end, ring.head);
      position = std::max(position, ring.tail);
      if (position >= end) {
        return;
      }
      line = read_line(position, text);
    }
    visit(line, context);  // not under the lock: it may log, wait and take its time
  }
}

// Whoever holds the lock is this hart, further out, or has had its time to stop. A line counts once
// it is whole.
void take_over() {
  ring.lock.unlock();
}

}  // namespace sluice::log
