// What an image is made of: its name, buses and drivers, in the order in which they come.
// Defined by the file that sluice_add_image generates; read by start-up. No constructor registers
// anything.
#pragma once

#include <span>
#include <string_view>

#include <sluice/drivers/base/bus.hpp>

namespace sluice::boot {

struct Image {
  std::string_view name;
  std::span<dev::Bus* const> buses;
  std::span<dev::Driver* const> drivers;
};

extern const Image image;

}  // namespace sluice::boot
