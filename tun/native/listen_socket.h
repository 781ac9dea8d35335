// A port for one of several processes, made by the one that has the right to.
#pragma once

#include <node_api.h>

namespace tun {

// (address, port, congestionControl: '' for the system's) -> [fd, port]: a TCP socket that is bound, with SO_REUSEPORT,
// and does not listen yet. '::' takes IPv4 too. What it accepts has its congestion control, also one that only a
// privileged process may choose; one that the kernel does not have is left out. Port 0 takes a free one.
napi_value BindSocket(napi_env env, napi_callback_info info);

// (fd: a socket that listens and never waits, most) -> [fd, ...]: up to so many of the connections that have come, each
// with O_NONBLOCK. None if there is none, or no descriptor left.
napi_value AcceptWaiting(napi_env env, napi_callback_info info);

}  // namespace tun
