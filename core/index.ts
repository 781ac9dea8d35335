/** What two layers share: time, log, IP addresses. A file needs two importing folders to be here. Imports nothing of ours. */
export * from './address.ts';
export * from './alarm.ts';
export * from './builtins.ts';
export * from './clock.ts';
export * from './effective-user.ts';
export * from './event-queue.ts';
export * from './finding.ts';
export * from './groups.ts';
export * from './host-mistake.ts';
export * from './log.ts';
export * from './package.ts';
export * from './scope.ts';
export * from './secret-text.ts';
export * from './system-clock.ts';
export * from './system-command.ts';
export * from './system-error.ts';
export * from './user-name.ts';
