// Extensions in the two properties that list them.
#include <sluice/kernel/isa.hpp>

namespace sluice::isa {
namespace {

// Is `extension` one of an ISA string's multi-letter ones: "rv64imafdc_zicsr_sstc"?
bool string_has(std::string_view isa, std::string_view extension) {
  while (true) {
    const usize underscore = isa.find('_');
    if (underscore == std::string_view::npos) {
      return false;
    }
    isa.remove_prefix(underscore + 1);
    if (isa.substr(0, isa.find('_')) == extension) {
      return true;
    }
  }
}

}  // namespace

bool has_extension(fdt::Node cpu, std::string_view extension) {
  for (u32 i = 0; cpu.text_at("riscv,isa-extensions", i); ++i) {
    if (cpu.text_at("riscv,isa-extensions", i) == extension) {
      return true;
    }
  }
  return string_has(cpu.text("riscv,isa").value_or(""), extension);
}

}  // namespace sluice::isa
