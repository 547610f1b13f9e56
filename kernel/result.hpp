// Errors of set-up: what can fail says so in its type, and TRY passes the failure on.
// Used by everyone. A finished request has its own vocabulary (drivers/block/bio.hpp), and so has
// queue_rq (drivers/block/tag_set.hpp).
#pragma once

#include <expected>
#include <string_view>
#include <utility>

#include <sluice/kernel/types.hpp>

namespace sluice {

enum class [[nodiscard]] Errc : u8 {
  NoMemory,      // an allocation failed
  NotFound,      // no such file, device, node or property
  NotSupported,  // valid, but beyond what this code does
  Invalid,       // an argument of the caller that makes no sense
  OutOfRange,    // beyond the end of a device, file or table
  Malformed,     // data from outside that breaks its own format
  Io,            // the device said that it failed
  Medium,        // the device cannot read or write that place
  NoSpace,       // the device has no room left
  Removed,       // the device is gone
  Busy,          // in use, or full for now
  Exists,        // the name is taken
  Defer,         // something that a probe needs is not there yet
  Timeout,       // a bound of time or of attempts was reached
  NotADirectory,
  IsADirectory,
  ReadOnly,
};

// The error in words, for a message.
constexpr std::string_view to_string(Errc error) {
  switch (error) {
    case Errc::NoMemory:
      return "out of memory";
    case Errc::NotFound:
      return "not found";
    case Errc::NotSupported:
      return "not supported";
    case Errc::Invalid:
      return "invalid argument";
    case Errc::OutOfRange:
      return "out of range";
    case Errc::Malformed:
      return "malformed data";
    case Errc::Io:
      return "I/O error";
    case Errc::Medium:
      return "medium error";
    case Errc::NoSpace:
      return "no space";
    case Errc::Removed:
      return "device removed";
    case Errc::Busy:
      return "busy";
    case Errc::Exists:
      return "already exists";
    case Errc::Defer:
      return "deferred";
    case Errc::Timeout:
      return "timed out";
    case Errc::NotADirectory:
      return "not a directory";
    case Errc::IsADirectory:
      return "is a directory";
    case Errc::ReadOnly:
      return "read-only";
  }
  return "unknown error";
}

template <class T>
using Result = std::expected<T, Errc>;

constexpr std::unexpected<Errc> fail(Errc error) {
  return std::unexpected<Errc>(error);
}

}  // namespace sluice

// Evaluates to the value of a Result, or returns its error from the enclosing function.
#define TRY(expression)                             \
  ({                                                \
    auto&& try_result = (expression);               \
    if (!try_result.has_value()) [[unlikely]] {     \
      return ::std::unexpected(try_result.error()); \
    }                                               \
    *::std::move(try_result);                       \
  })
