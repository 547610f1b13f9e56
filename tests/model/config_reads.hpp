// How the driver reads fields over 32 bits, which come in pieces: are the pieces of one generation,
// and did the driver look?
// Used by MmioDevice. Reference: virtio 1.2, 2.5.1, 2.5.4 (legacy).
#pragma once

#include <array>
#include <cstdint>
#include <map>

#include "judge.hpp"
#include "personality.hpp"

namespace referee {

class ConfigReads {
 public:
  // Bytes [first, first + bytes) of a field of 8 bytes were read, when the configuration was in
  // that generation.
  void note(const ConfigField& field, std::uint64_t first, unsigned bytes,
            std::uint32_t generation);
  void generation_read();
  // The driver goes on, and believes what it read: verdicts for what it did not make sure of.
  void check(bool legacy, Judge& judge);
  void clear() { *this = {}; }

 private:
  struct Field {
    std::array<std::uint32_t, 8> generation{};  // of each byte, when it was read last
    std::array<std::uint32_t, 8> times{};       // that it was read
    bool framed = false;                        // ConfigGeneration had been read before
    bool closed = false;                        // … and was read again behind
  };
  bool generation_known_ = false;
  std::map<const ConfigField*, Field> fields_;
};

}  // namespace referee
