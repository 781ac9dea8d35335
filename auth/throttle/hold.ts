import type { Instant } from '../../core/index.ts';
import { gateBefore } from './name-gates.ts';
import type { Hold, Place } from './place.ts';
import type { Slot } from './source.ts';
import { sourceNames } from './sources.ts';

/** Why a place waits that may not go yet. */
export function holdOf(place: Place, now: Instant): Hold {
  const { origin, shownAs, slots } = place;
  const lacking = gateBefore(place);
  if (lacking !== undefined) {
    const { limit } = lacking.of;
    const { failures } = lacking.record(now);
    const lots = Math.max(limit === 'loopback' ? lacking.waitingPlaces : lacking.waitingNetworks, 1);
    return { cause: limit, of: shownAs.slice(1), at: origin.address, failures, ms: undefined, lots };
  }
  const longest = slots.reduce<Slot | undefined>(
    (a, b) => (a === undefined || b.notBefore > a.notBefore ? b : a),
    undefined,
  );
  const of = sourceNames(origin)[longest === undefined ? 0 : slots.indexOf(longest)] ?? origin.address;
  const failures = Math.max(1, Math.round(longest?.source.failures(now) ?? 0));
  const ms = Math.ceil(Math.max(place.notBefore - now, 0));
  return { cause: 'address', of, at: origin.address, failures, ms, lots: 1 };
}
