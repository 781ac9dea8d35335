import { type Finding, fine, warning } from '../../../core/index.ts';

const CHECK = 'API tokens';
const MOST_NAMED = 5;

/** @param tokens all that there are, also those that are over */
export function judgeTokens(
  tokens: readonly { readonly id: string; readonly name: string; readonly expiresAt?: Date | string | undefined }[],
): Finding {
  const endless = tokens.filter(({ expiresAt }) => expiresAt === undefined);
  if (endless.length === 0) return fine(CHECK, tokens.length === 0 ? 'none' : `each of ${tokens.length} expires`);
  const named = endless.slice(0, MOST_NAMED).map(({ id, name }) => `${name} (${id})`);
  const more = endless.length > MOST_NAMED ? ` and ${endless.length - MOST_NAMED} more` : '';
  return warning(
    CHECK,
    `never expire: ${named.join(', ')}${more}; whoever has read one may use it for ever`,
    'sstpd token add NAME --scope SCOPE makes one that expires, sstpd token remove ID takes the old one back',
  );
}
