// Streams over the serial line, plain or as records.
#include <sluice/kernel/console.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/lock.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice::console {
namespace {

constexpr usize kRecordBytes = 1024;
constexpr u64 kTakeOverNs = 100'000'000;

struct State {
  std::atomic<Device*> device{nullptr};
  std::atomic<u32> records{0};
  SpinLock lock;  // what goes out: the record below, and the device's write()
  std::atomic<Hart*> taken_over_by{nullptr};
  // The record on its way, kept here so that a panic in the middle of it can still send the rest.
  std::array<char, kRecordBytes + 7> record{};
  usize record_bytes = 0;
  usize record_sent = 0;
};

constinit State state;

// The line for a scope, interrupts off: an interrupt's log line must not fall into a record.
class Turn {
 public:
  Turn() {
    if (taken_over_by() != &port::this_hart()) {
      state.lock.lock();
      locked_ = true;
    }
    if (!locked_ || taken_over_by() == nullptr) {
      device_ = state.device.load(std::memory_order_acquire);
    }
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (locked_) {
      state.lock.unlock();
    }
  }
  // Null: there is none, or another hart has taken it over.
  Device* device() const { return device_; }

 private:
  static Hart* taken_over_by() { return state.taken_over_by.load(std::memory_order_relaxed); }
  IrqGuard irqs_off_;
  bool locked_ = false;
  Device* device_ = nullptr;
};

void send_rest_of_record(Device& device) {
  constexpr usize kPiece = 16;  // sent is counted after each piece: at worst one is sent twice
  while (state.record_sent < state.record_bytes) {
    const usize at = state.record_sent;
    const usize now = std::min(kPiece, state.record_bytes - at);
    device.write({state.record.data() + at, now});
    state.record_sent = at + now;
  }
}

// Puts the bytes without ends of line to `to`; returns where they end. At most twice as many.
char* put_escaped(char* to, std::string_view bytes) {
  constexpr char kEscape = '\x10';
  for (const char c : bytes) {
    if (c == '\n' || c == kEscape) {
      *to++ = kEscape;
    }
    *to++ = c == '\n' ? 'n' : c;
  }
  return to;
}

// Sends what fits of the bytes, and returns how many that is.
usize send_record(Device& device, Stream stream, std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  constexpr usize kHeaderBytes = 7;
  char* const payload = state.record.data() + kHeaderBytes;
  char letter = static_cast<char>(stream);
  usize payload_bytes = 0;
  if (device.is_transparent()) {
    bytes = bytes.substr(0, kRecordBytes);
    std::memcpy(payload, bytes.data(), bytes.size());
    payload_bytes = bytes.size();
  } else {
    bytes = bytes.substr(0, kRecordBytes / 2);
    payload_bytes = static_cast<usize>(put_escaped(payload, bytes) - payload);
    letter = static_cast<char>(letter - 'a' + 'A');
  }
  char* to = state.record.data();
  *to++ = '\x01';
  *to++ = letter;
  for (int shift = 12; shift >= 0; shift -= 4) {
    *to++ = kDigits[(payload_bytes >> shift) & 0xf];
  }
  *to = '\x02';
  state.record_sent = 0;
  state.record_bytes = kHeaderBytes + payload_bytes;
  send_rest_of_record(device);
  return bytes.size();
}

}  // namespace

void set_device(Device* device) {
  state.device.store(device, std::memory_order_release);
}
Device* device() {
  return state.device.load(std::memory_order_acquire);
}
void use_records(bool on) {
  state.records.store(on ? 1 : 0, std::memory_order_relaxed);
}
bool uses_records() {
  return state.records.load(std::memory_order_relaxed) != 0;
}

void take_over() {
  const u64 last = clock::now_ns() + kTakeOverNs;
  while (!state.lock.try_lock() && clock::now_ns() < last) {
    port::relax();
  }
  state.taken_over_by.store(&port::this_hart(), std::memory_order_relaxed);
}

void give_back() {
  state.taken_over_by.store(nullptr, std::memory_order_relaxed);
  state.lock.unlock();
}

void finish_interrupted_record() {
  if (Device* const to = device(); to != nullptr) {
    send_rest_of_record(*to);
  }
}

void write(Stream stream, std::string_view bytes) {
  if (stream == Stream::Exit && !uses_records()) {
    return;
  }
  while (!bytes.empty()) {
    const Turn turn;
    if (turn.device() == nullptr) {
      return;
    }
    usize sent = std::min(bytes.size(), kRecordBytes);
    if (uses_records()) {
      sent = send_record(*turn.device(), stream, bytes);
    } else {
      turn.device()->write(bytes.substr(0, sent));
    }
    bytes.remove_prefix(sent);
  }
}

void write_log(std::string_view text) {
  const Turn turn;
  if (turn.device() != nullptr) {
    turn.device()->write(text);
  }
}

int read_byte() {
  if (device() == nullptr) {
    return -1;
  }
  device()->enable_input();
  int byte = -1;
  wait_until([&byte] {
    byte = device()->read();
    return byte >= 0;
  });
  return byte;
}

void Writer::put(std::string_view text) {
  while (!text.empty()) {
    if (used_ == sizeof(buffer_)) {
      flush();
    }
    const usize now = std::min(text.size(), sizeof(buffer_) - used_);
    std::memcpy(buffer_ + used_, text.data(), now);
    used_ += now;
    text.remove_prefix(now);
  }
}

void Writer::flush() {
  if (used_ > 0) {
    write(stream_, {buffer_, used_});
    used_ = 0;
  }
}

}  // namespace sluice::console
