/** `npm run bench -- NAME [options]`: figures as ratios to a reference of the same run; absolute times are noise. */
import { parseArgs } from 'node:util';
import { benchSessions } from './sessions.ts';

const USAGE = `usage: npm run bench -- sessions [--quick]

  sessions   server CPU per connect and memory per idle session, beside those of a bare node:tls server
  --quick    a few sessions only, to see that it works: its figures mean nothing`;

const { positionals, values } = parseArgs({ allowPositionals: true, options: { quick: { type: 'boolean' } } });
if (positionals.length === 1 && positionals[0] === 'sessions') {
  process.exitCode = await benchSessions({ isQuick: values.quick === true });
} else {
  console.error(USAGE);
  process.exitCode = 2;
}
