// The functions that the compiler and the standard library's headers call by name: copying,
// filling, comparing. Words where both sides are aligned alike, bytes elsewhere: RISC-V need not do
// misaligned accesses fast.
#include <cstddef>
#include <cstdint>

namespace {

using Word = std::uint64_t __attribute__((may_alias));
constexpr std::size_t kWord = sizeof(Word);

bool same_alignment(const void* a, const void* b) {
  return ((reinterpret_cast<std::uintptr_t>(a) ^ reinterpret_cast<std::uintptr_t>(b)) % kWord) == 0;
}
bool aligned(const void* a) {
  return reinterpret_cast<std::uintptr_t>(a) % kWord == 0;
}

// From the lowest byte up: right also where the target begins below an overlapping source.
void copy_up(void* to, const void* from, std::size_t bytes) {
  auto* out = static_cast<unsigned char*>(to);
  const auto* in = static_cast<const unsigned char*>(from);
  if (same_alignment(out, in)) {
    for (; bytes > 0 && !aligned(out); --bytes) {
      *out++ = *in++;
    }
    auto* out_word = reinterpret_cast<Word*>(out);
    const auto* in_word = reinterpret_cast<const Word*>(in);
    for (; bytes >= 8 * kWord; bytes -= 8 * kWord, out_word += 8, in_word += 8) {
      const Word a = in_word[0], b = in_word[1], c = in_word[2], d = in_word[3];
      const Word e = in_word[4], f = in_word[5], g = in_word[6], h = in_word[7];
      out_word[0] = a, out_word[1] = b, out_word[2] = c, out_word[3] = d;
      out_word[4] = e, out_word[5] = f, out_word[6] = g, out_word[7] = h;
    }
    for (; bytes >= kWord; bytes -= kWord) {
      *out_word++ = *in_word++;
    }
    out = reinterpret_cast<unsigned char*>(out_word);
    in = reinterpret_cast<const unsigned char*>(in_word);
  }
  for (; bytes > 0; --bytes) {
    *out++ = *in++;
  }
}

}  // namespace

extern "C" {

void* memcpy(void* __restrict to, const void* __restrict from, std::size_t bytes) {
  copy_up(to, from, bytes);
  return to;
}

void* memmove(void* to, const void* from, std::size_t bytes) {
  auto* out = static_cast<unsigned char*>(to);
  const auto* in = static_cast<const unsigned char*>(from);
  if (out <= in || out >= in + bytes) {
    copy_up(to, from, bytes);
  } else {
    while (bytes > 0) {
      --bytes;
      out[bytes] = in[bytes];
    }
  }
  return to;
}

void* memset(void* to, int value, std::size_t bytes) {
  auto* out = static_cast<unsigned char*>(to);
  const auto byte = static_cast<unsigned char>(value);
  for (; bytes > 0 && !aligned(out); --bytes) {
    *out++ = byte;
  }
  const Word word = byte * std::uint64_t{0x0101010101010101};
  auto* out_word = reinterpret_cast<Word*>(out);
  for (; bytes >= 8 * kWord; bytes -= 8 * kWord, out_word += 8) {
    out_word[0] = word, out_word[1] = word, out_word[2] = word, out_word[3] = word;
    out_word[4] = word, out_word[5] = word, out_word[6] = word, out_word[7] = word;
  }
  for (; bytes >= kWord; bytes -= kWord) {
    *out_word++ = word;
  }
  out = reinterpret_cast<unsigned char*>(out_word);
  for (; bytes > 0; --bytes) {
    *out++ = byte;
  }
  return to;
}

int memcmp(const void* a, const void* b, std::size_t bytes) {
  const auto* left = static_cast<const unsigned char*>(a);
  const auto* right = static_cast<const unsigned char*>(b);
  for (; bytes > 0; --bytes, ++left, ++right) {
    if (*left != *right) {
      return *left < *right ? -1 : 1;
    }
  }
  return 0;
}

void* memchr(const void* in, int value, std::size_t bytes) {
  const auto* at = static_cast<const unsigned char*>(in);
  for (; bytes > 0; --bytes, ++at) {
    if (*at == static_cast<unsigned char>(value)) {
      return const_cast<unsigned char*>(at);
    }
  }
  return nullptr;
}

std::size_t strlen(const char* text) {
  std::size_t bytes = 0;
  while (text[bytes] != '\0') {
    ++bytes;
  }
  return bytes;
}

}  // extern "C"
