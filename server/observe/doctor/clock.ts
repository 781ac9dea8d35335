import { type Finding, fine, problem, warning } from '../../../core/index.ts';

/** Files made within it are of now: clocks of file systems are coarse. */
const TOLERANCE_MS = 60_000;

/**
 * Compares the clock with what is known to have happened.
 *
 * @param options.notBefore of the certificate @param options.newest of the files that the server made
 */
export function examineClock(options: {
  readonly now: Date;
  readonly notBefore: Date | undefined;
  readonly newest: { readonly name: string; readonly at: Date } | undefined;
}): Finding {
  const { now, notBefore, newest } = options;
  const check = 'clock';
  const fix = 'set it, and have it kept right: timedatectl set-ntp true';
  if (notBefore !== undefined && now < notBefore) {
    return problem(
      check,
      `it says ${now.toISOString()}, before the certificate begins (${notBefore.toISOString()})`,
      fix,
    );
  }
  if (newest !== undefined && now.getTime() + TOLERANCE_MS < newest.at.getTime()) {
    const text = `it says ${now.toISOString()}, but ${newest.name} was written at ${newest.at.toISOString()}`;
    return warning(check, `${text}: it has gone back, or was wrong then`, fix);
  }
  const beyond = [notBefore && "the certificate's beginning", newest?.name].filter(Boolean).join(' and ');
  const said = beyond === '' ? 'nothing to compare it with' : `not before ${beyond}`;
  return fine(check, `${now.toISOString()}, ${said}; nobody was asked what time it really is`);
}
