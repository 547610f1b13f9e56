// Streams over the serial line, plain or as records.
#include <sluice/kernel/console.hpp>

#include <algorithm>
#include <array>
#include <cstring>

#include <sluice/kernel/work.hpp>

namespace sluice::console {
namespace {

constexpr usize kRecordBytes = 1024;

struct State {
  Device* device = nullptr;
  bool records = false;
  // The record on its way, kept here so that a panic in the middle of it can still send the rest.
  std::array<char, kRecordBytes + 7> record{};
  usize record_bytes = 0;
  usize record_sent = 0;
};

constinit State state;

void send_record(Stream stream, std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  char* to = state.record.data();
  *to++ = '\x01';
  *to++ = static_cast<char>(stream);
  for (int shift = 12; shift >= 0; shift -= 4) {
    *to++ = kDigits[(bytes.size() >> shift) & 0xf];
  }
  *to++ = '\x02';
  std::memcpy(to, bytes.data(), bytes.size());
  state.record_sent = 0;
  state.record_bytes = 7 + bytes.size();
  finish_interrupted_record();
}

}  // namespace

void set_device(Device* device) {
  state.device = device;
}
Device* device() {
  return state.device;
}
void use_records(bool on) {
  state.records = on;
}
bool uses_records() {
  return state.records;
}

void finish_interrupted_record() {
  constexpr usize kPiece = 16;  // sent is counted after each piece: at worst one is sent twice
  while (state.record_sent < state.record_bytes) {
    const usize at = state.record_sent;
    const usize now = std::min(kPiece, state.record_bytes - at);
    if (state.device != nullptr) {
      state.device->write({state.record.data() + at, now});
    }
    state.record_sent = at + now;
  }
}

void write(Stream stream, std::string_view bytes) {
  if (!state.records) {
    if (stream != Stream::Exit && state.device != nullptr) {
      state.device->write(bytes);
    }
    return;
  }
  while (!bytes.empty()) {
    // An interrupt's log line must not fall into the record.
    const IrqGuard irqs_off;
    const usize now = std::min(bytes.size(), kRecordBytes);
    send_record(stream, bytes.substr(0, now));
    bytes.remove_prefix(now);
  }
}

void write_log(std::string_view text) {
  if (state.device != nullptr) {
    state.device->write(text);
  }
}

int read_byte() {
  if (state.device == nullptr) {
    return -1;
  }
  state.device->enable_input();
  int byte = -1;
  wait_until([&byte] {
    byte = state.device->read();
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
