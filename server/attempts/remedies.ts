/** Commands that mend something, ready to be typed. */

/** `sstpd user passwd ann`; NAME stands for a user that is not known. The name is quoted for a POSIX shell. */
export function userCommand(verb: string, user: string | undefined, options = ''): string {
  const head = `sstpd user ${verb}`;
  if (user === undefined) return `${head} NAME${options}`;
  // What begins with a dash would be taken for an option.
  return user.startsWith('-') ? `${head}${options} -- ${shellWord(user)}` : `${head} ${shellWord(user)}${options}`;
}

/** POSIX 2.2.2: between single quotes everything stands for itself but the quote. */
function shellWord(word: string): string {
  return /^[\w.@%+=:,/-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
