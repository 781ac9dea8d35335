// The data path for JavaScript: path.h behind checked arguments, one poll handle and one timer.
#pragma once

#include <node_api.h>

namespace tun {

// All throw for a handle or slot that is not there (EBADF, syscall 'tun' or 'slot') and for wrong arguments. What a
// function does not return is undefined. Slots are numbers; a stale one is refused.

// (handle, isolates: 0 | 1, mostBytes, ready: Int32Array, callback(count, error | undefined)). Starts reading the
// device. The callback runs when there is something to do: ready[0, count) are slots whose `pathPending` had said 0 and
// that may have more by now; there may be events. With an error the device is gone.
napi_value PathOpen(napi_env env, napi_callback_info info);
// (handle, isFromServer: 0 | 1, mostBytes, serverLinkLocal: 16 bytes) -> slot
napi_value PathAttach(napi_env env, napi_callback_info info);
// (handle, slot, fd, congestionControl: '' for the system's) -> 0, or the errno that the socket answered. BBR is not
// chosen before the path is known not to be local.
napi_value PathSocket(napi_env env, napi_callback_info info);
napi_value PathDetach(napi_env env, napi_callback_info info);   // (handle, slot)
napi_value PathDefault(napi_env env, napi_callback_info info);  // (handle, slot): takes whatever the device sends
// (handle, slot, isOpen: 0 | 1, address)
napi_value PathIpv4(napi_env env, napi_callback_info info);
// (handle, slot, isOpen: 0 | 1, hasPrefix: 0 | 1, prefix: 16 bytes, linkLocal: 16 bytes)
napi_value PathIpv6(napi_env env, napi_callback_info info);
napi_value PathMru(napi_env env, napi_callback_info info);  // (handle, slot, bytes)
// (handle, slot, kind: 4 | 6 | 10, address: 16 bytes, of which an IPv4 address takes the first four, adds: 0 | 1)
napi_value PathRoute(napi_env env, napi_callback_info info);
// (handle, kind: 4 | 6, network: 16 bytes, prefixLength, own: 16 bytes, ownPrefixLength): where clients of other devices
// are, for a path that keeps clients apart; `own` in it is no client.
napi_value PathNetwork(napi_env env, napi_callback_info info);
// (handle, slot) -> bytes for the next write; 0: none, the callback will name the slot. To be asked when no write of
// the slot is outstanding.
napi_value PathPending(napi_env env, napi_callback_info info);
// (handle, slot, out, offset) -> bytes written to out from offset on, at most what pathPending said
napi_value PathTake(napi_env env, napi_callback_info info);
// (handle, slot, chunks: Buffer[], position: Int32Array, frame) -> 0: all taken; 1: a control packet, 2: a PPP frame,
// copied to `frame` (4,095 bytes); 3 to 5: the stream is broken. position: [chunk, offset] where to begin, and where to
// go on; then out: [length of the frame, whole frames seen, events waiting]. The chunks' bytes may change; after 0 those
// that have their memory for themselves have lost it (length 0).
napi_value PathReceive(napi_env env, napi_callback_info info);
napi_value PathInject(napi_env env, napi_callback_info info);  // (handle, slot, packet): to the client
napi_value PathWrite(napi_env env, napi_callback_info info);   // (handle, packet): to the device
// (handle, out, place: Int32Array) -> bytes of the next event's packet in out, 0 if there is none; place: [slot, kind]
napi_value PathNextEvent(napi_env env, napi_callback_info info);
napi_value PathReadStats(napi_env env, napi_callback_info info);   // (handle, slot, Float64Array)
napi_value PathReadTotals(napi_env env, napi_callback_info info);  // (handle, Float64Array)
// (handle, microseconds): the path's clock stands there from now on; 0 lets it go. For tests.
napi_value PathSetClock(napi_env env, napi_callback_info info);
// (samples: Float64Array of rows [inPipe, rate, rttUs, minRttUs, mss, hasProbed, nowUs, window, delivered, tcpMinRttUs,
// isRepairing], out: Float64Array of rows [may, cap, writeBytes, targetUs, isRemote, renews]): runs one PipeModel over the
// samples. For tests.
napi_value PipeRun(napi_env env, napi_callback_info info);
// (turns: Int32Array of rows [packets, bytes, written, microseconds since the last], out: Int32Array of milliseconds until
// the next): runs one ReadPacer over the turns. For tests.
napi_value PacerRun(napi_env env, napi_callback_info info);

}  // namespace tun
