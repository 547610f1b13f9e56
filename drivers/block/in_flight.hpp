// What is in flight in a disk, in words: for lsblk and for a panic's report.
#pragma once

#include <sluice/kernel/format.hpp>

namespace sluice::blk {

class Disk;
class HwQueue;

// A line for each request of the disk that has a tag of the queue. Any context.
void put_in_flight(Sink& out, const Disk& disk, const HwQueue& queue);

// From now on a panic tells what is in flight in every disk. Task.
void tell_in_flight_in_panics();

}  // namespace sluice::blk
