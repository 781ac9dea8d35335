import { createHash } from 'node:crypto';

/** HTML that is ready to be sent: values in it have been escaped. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A template in which each text is escaped, and HTML stays. */
export function html(
  strings: TemplateStringsArray,
  ...values: readonly (string | number | Html | readonly Html[])[]
): Html {
  return new Html(strings.map((string, i) => (i === 0 ? string : `${asText(values[i - 1] ?? '')}${string}`)).join(''));
}

function asText(value: string | number | Html | readonly Html[]): string {
  if (value instanceof Html) return value.text;
  if (typeof value === 'object') return value.map((each) => each.text).join('');
  return escapeHtml(String(value));
}

/** Safe between tags and in quoted attributes. What would hide, or turn the text around it, is shown by its number. */
export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text
    .replace(/[&<>"']/g, (sign) => entities[sign] ?? sign)
    .replace(
      /[^\P{Cc}\n\t]|[\p{Cf}\p{Zl}\p{Zp}]/gu,
      (sign) => `&lt;U+${sign.codePointAt(0)?.toString(16).toUpperCase()}&gt;`,
    );
}

const STYLE = `
:root{color-scheme:light dark;--line:light-dark(#d5d9e0,#3a3f4a);--soft:light-dark(#f3f5f8,#22262e);--accent:light-dark(#1a56b0,#8db8ff);--on:light-dark(#fff,#0d1522);--back:light-dark(#fff,#16191f);--ink:light-dark(#1c2027,#e6e9ef);--dim:light-dark(#555d6b,#a3abb9);--bad:light-dark(#a01c1c,#ffa9a3)}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);font:1rem/1.55 system-ui,sans-serif}
header,main{max-width:46rem;margin:0 auto;padding:0 1rem}
header{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center;justify-content:space-between;padding-top:1.25rem;padding-bottom:.75rem;border-bottom:1px solid var(--line)}
header p{margin:0;overflow-wrap:anywhere}
main{padding-bottom:3rem}
h1{font-size:1.6rem;line-height:1.25;margin:1.5rem 0 .5rem}
h2{font-size:1.2rem;margin:2rem 0 .5rem}
section{border-top:1px solid var(--line);margin-top:2rem}
section h2{margin-top:1.25rem}
p,li,dd{overflow-wrap:anywhere}
li{margin:.6rem 0}
a{color:var(--accent)}
label{display:block;font-weight:600;margin:1rem 0 .25rem}
input{width:100%;font:inherit;color:inherit;background:var(--back);border:1px solid var(--dim);border-radius:.4rem;padding:.55rem .7rem}
button,.button{display:inline-block;font:inherit;font-weight:600;text-decoration:none;cursor:pointer;color:var(--on);background:var(--accent);border:1px solid var(--accent);border-radius:.4rem;padding:.55rem 1.1rem}
button.quiet{color:var(--accent);background:none;padding:.35rem .8rem}
form.narrow{max-width:24rem}
form.narrow button{margin-top:1.25rem}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
pre{background:var(--soft);border:1px solid var(--line);border-radius:.4rem;padding:.75rem;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere;font:.9rem/1.5 ui-monospace,monospace}
code{font:.92em ui-monospace,monospace}
p code{white-space:nowrap}
dl{display:grid;grid-template-columns:minmax(8rem,max-content) 1fr;gap:.35rem 1rem;margin:.75rem 0}
dt{color:var(--dim)}
dd{margin:0;font-weight:600}
.error{border-left:.25rem solid var(--bad);background:var(--soft);padding:.6rem .8rem;border-radius:.2rem}
.note{color:var(--dim)}
@media (max-width:30rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}h1{font-size:1.35rem}}
`.trim();

/** No script, nothing from elsewhere, in nobody's frame; forms go to this server alone. */
export const PORTAL_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  // 'no-referrer' would have browsers send "Origin: null" with our own forms.
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'x-robots-tag': 'noindex',
  'cache-control': 'no-store',
};

export function document(title: string, body: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
${body}
</body>
</html>
`.text;
}
