/** What one check of the doctor found. */
export interface Finding {
  /** What was looked at, such as `certificate names`. */
  readonly check: string;
  /** `problem`: it would not work. `warning`: it works, but not for every client, not for long, or not well. */
  readonly result: 'ok' | 'warning' | 'problem';
  /** One sentence. */
  readonly text: string;
  /** What mends it: a command, a flag or a configuration key. Absent where all is well. */
  readonly fix?: string;
}

export function fine(check: string, text: string): Finding {
  return { check, result: 'ok', text };
}

export function warning(check: string, text: string, fix: string): Finding {
  return { check, result: 'warning', text, fix };
}

export function problem(check: string, text: string, fix: string): Finding {
  return { check, result: 'problem', text, fix };
}
