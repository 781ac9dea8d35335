/** What the system says in codes, said in words. */

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'no permission',
  EPERM: 'no permission',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is not a directory',
  EEXIST: 'there is something of that name already',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  ELOOP: 'too many symbolic links',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files',
  EIO: 'the disk reports an error',
  EAI_AGAIN: 'its name could not be looked up: no DNS server answers',
  ENOTFOUND: 'there is no such name in DNS',
  ENODATA: 'the name has no address in DNS',
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was cut',
  ECONNABORTED: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ETIMEDOUT: 'no answer',
  EHOSTUNREACH: 'no way leads there',
  ENETUNREACH: 'no way leads there: this machine has no route',
  EHOSTDOWN: 'the machine is down',
  EADDRNOTAVAIL: 'this machine has no address of that kind',
  EAFNOSUPPORT: 'this machine has no address of that kind',
};

/** @returns words without a full stop, to follow a colon; of an error without a code that is known, its own message */
export function systemErrorWords(error: unknown): string {
  const code = systemErrorCode(error);
  const words = code === undefined ? undefined : WORDS[code];
  if (words !== undefined) return words;
  const message = error instanceof Error ? error.message : String(error);
  return message === '' ? (code ?? 'it is not known why') : message;
}

/** `ECONNREFUSED` and the like; of several attempts, as for a name with several addresses, that of the first. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error instanceof AggregateError ? systemErrorCode(error.errors[0]) : undefined;
}
