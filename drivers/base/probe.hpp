// When devices are probed: again, where they wait for something, and beside one another.
//
// A driver that prefers it is probed asynchronously: on a machine of several harts as a job of one
// that did not boot, beside whatever the others do; on a machine of one, when the hart that booted
// has registered all it has. Either way it is a task, which may wait, and what the model does after
// it (state, uevents, retries) is done by the hart that booted, in the order in which the probes
// began: names and orders are the same from boot to boot. Such a probe uses its own device alone:
// devices come and go on the hart that booted (a checked crash elsewhere). The first file of an
// image is not in the way of a slow device, but main is: boot waits before it.
#pragma once

namespace sluice::dev {

// Until no asynchronous probe is under way (Linux: of the same name). Boot calls it before main;
// binding, unbinding, suspending and the end of a device begin with it. Task, on the hart that
// booted.
void wait_for_device_probe();

// Probes deferred devices again, on every bus, until none of them binds. Called whenever a probe
// has succeeded; by hand where what they wait for comes otherwise. Task, on the hart that booted.
void retry_deferred();

}  // namespace sluice::dev
