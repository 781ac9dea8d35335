import { shellWord } from '../../../core/index.ts';
import {
  androidSettings,
  CONNECTION_PLACE,
  caFile,
  caPlace,
  dialText,
  fileName,
  LEAKS_IPV6,
  leaksIpv6,
  type ProfileFacts,
  routerosCommands,
  runDownloaded,
  storePasswordCommand,
} from '../../../profile/index.ts';
import { document, type Html, html } from './html.ts';

export interface SignInPage {
  readonly base: string;
  readonly token: string;
  /** As typed before. */
  readonly name: string;
  readonly error: string | undefined;
}

export function signInPage({ base, token, name, error }: SignInPage): string {
  return document(
    'Set up the VPN',
    html`<main>
<h1>Set up the VPN</h1>
<p>Sign in with the name and the password that you use for the VPN.</p>
${error === undefined ? '' : html`<p class="error" role="alert" id="error">${error}</p>`}
<form class="narrow" method="post" action="${base}/sign-in">
<input type="hidden" name="token" value="${token}">
<label for="name">Name</label>
<input id="name" name="name" value="${name}" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="256" required${error === undefined ? '' : html` aria-describedby="error"`}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="256" required>
<button>Sign in</button>
</form>
</main>`,
  );
}

/** A short page: what went wrong, and the way back. */
export function messagePage(base: string, title: string, text: string): string {
  return document(
    title,
    html`<main>
<h1>${title}</h1>
<p>${text}</p>
<p><a href="${base}">Back to the start</a></p>
</main>`,
  );
}

export interface HomePage {
  readonly base: string;
  readonly token: string;
  readonly user: string;
  readonly facts: ProfileFacts | undefined;
}

export function homePage({ base, token, user, facts }: HomePage): string {
  return document(
    'Set up the VPN',
    html`<header>
<p>Signed in as <strong>${user}</strong></p>
<form method="post" action="${base}/sign-out">
<input type="hidden" name="token" value="${token}">
<button class="quiet">Sign out</button>
</form>
</header>
<main>
<h1>Set up the VPN</h1>
${facts === undefined ? nothingToDial() : sections(base, facts)}
</main>`,
  );
}

function nothingToDial(): Html {
  return html`<p class="error">The administrator has to say first which name clients dial (<code>hosts</code> in the configuration).</p>`;
}

function sections(base: string, facts: ProfileFacts): Html {
  return html`<dl>
<dt>Server</dt><dd>${dialText(facts)}</dd>
<dt>User name</dt><dd>${facts.user}</dd>
<dt>Traffic</dt><dd>${trafficText(facts)}</dd>
</dl>
${leaksIpv6(facts) ? html`<p class="note">${LEAKS_IPV6.open} With each kind of client it says below what can be done.</p>` : ''}
<p class="note">None of the files holds your password: Windows and the apps ask for it.</p>
${windows(base, facts)}
${linux(base, facts)}
${android(base, facts)}
${apple(base, facts)}
${routeros(base, facts)}
`;
}

function trafficText(facts: ProfileFacts): string {
  if (facts.routes.length > 0) return `only to ${facts.routes.join(', ')}`;
  return leaksIpv6(facts) ? 'all IPv4 goes through the VPN' : 'all of it goes through the VPN';
}

/** A sentence for where all traffic is to take a VPN without IPv6. */
function ofIpv6(facts: ProfileFacts, sentence: Html): Html {
  return leaksIpv6(facts) ? html`<p class="note">IPv6: ${sentence}</p>` : html``;
}

function fileLink(base: string, name: string): Html {
  return html`<a href="${base}/files/${name}" download>${name}</a>`;
}

function windows(base: string, facts: ProfileFacts): Html {
  const name = fileName('ps1');
  const { alwaysOn, connection } = facts;
  const isForOne = alwaysOn && facts.caPem === undefined;
  const how = isForOne ? html`start it` : html`choose <em>Run as administrator</em>`;
  return html`<section aria-labelledby="windows">
<h2 id="windows">Windows 10 and 11</h2>
<ol>
<li><a class="button" href="${base}/files/${name}" download>Download ${name}</a></li>
<li>Open the Start menu, type <kbd>PowerShell</kbd> and ${how}. Paste this line and press Enter:
<pre tabindex="0"><code>${runDownloaded(name)}</code></pre></li>
<li>Open <em>Settings</em>, <em>Network &amp; internet</em>, <em>VPN</em>, and connect to <strong>${connection}</strong>.</li>
</ol>
<p>The script sets up the connection, tests the way to the server and says what is wrong if it finds something. With <code>-Uninstall</code> it takes everything back, with <code>-SelfTest</code> it only tests. Text at its top explains the rest. If Windows still does not connect, tell whoever runs the server when you tried: they can see why.</p>
<p class="note">If Windows asks for the password of <em>another account</em> when you run something as administrator: the line then looks in the downloads of that account, so put the path of your own folder in place of <code>$(…)</code>${alwaysOn ? '. This connection is for one account alone, so afterwards' : ', or'} run it in a PowerShell of your own account with <code>-CurrentUser</code> behind the line: that makes the connection for you alone and needs no administrator${facts.caPem === undefined ? '' : ' once one has run the script'}.</p>
${ofIpv6(facts, html`with <code>-CloseIpv6</code> behind the line the script has Windows send IPv6 into the VPN, where it ends. That has not been tried on Windows yet.`)}
<p class="note">For programs that dial by themselves there is a phone book, too: ${fileLink(base, fileName('pbk'))}. It has not been tried on Windows, and it holds neither certificates nor routes.</p>
</section>`;
}

function linux(base: string, facts: ProfileFacts): Html {
  const nm = fileName('nm');
  const ca = caFile(facts);
  const commands = [
    ...(ca === undefined ? [] : [`sudo install -m 644 ${ca.name} ${caPlace(facts)}`]),
    `sudo install -m 600 ${nm} ${CONNECTION_PLACE}`,
    'sudo nmcli connection reload',
  ].join('\n');
  const files = ca === undefined ? fileLink(base, nm) : html`${fileLink(base, ca.name)} and ${fileLink(base, nm)}`;
  return html`<section aria-labelledby="linux">
<h2 id="linux">Linux</h2>
<p>With NetworkManager and its package <code>network-manager-sstp</code>: download ${files}, then</p>
<pre tabindex="0"><code>${commands}</code></pre>
<p>A desktop asks for the password when you connect. On a machine without one nothing does, so store it there, for root alone:</p>
<pre tabindex="0"><code>${storePasswordCommand()}</code></pre>
<p class="note">The same in one line, but others on that machine can see the password while it runs, and the shell keeps it:</p>
<pre tabindex="0"><code>sudo nmcli connection modify ${shellWord(facts.connection)} +vpn.data password-flags=0 vpn.secrets password=PASSWORD</code></pre>
<p>This connects (after a wrong password it says “Unknown reason”):</p>
<pre tabindex="0"><code>sudo nmcli connection up ${shellWord(facts.connection)}</code></pre>
<p>Without NetworkManager: ${fileLink(base, fileName('sstpc'))} connects with <code>sstpc</code> of the package <code>sstp-client</code>:</p>
<pre tabindex="0"><code>sh ${fileName('sstpc')}</code></pre>
${linuxIpv6(facts)}
</section>`;
}

/** The plug-in's connection leaves IPv6 to the kernel, whose default route is a worse one than NetworkManager's own. */
function linuxIpv6(facts: ProfileFacts): Html {
  if (facts.routes.length > 0) return html``;
  const script = leaksIpv6(facts) ? 'makes it unreachable while it is up' : 'sends it into the VPN';
  return html`<p class="note">IPv6: <code>${fileName('sstpc')}</code> ${script}. With NetworkManager that of your own network goes past the VPN; turn it off in the connection of that network (<code>ipv6.method disabled</code>).</p>`;
}

function android(base: string, facts: ProfileFacts): Html {
  const ca = caFile(facts);
  return html`<section aria-labelledby="android">
<h2 id="android">Android</h2>
<p>Install the app <a href="https://github.com/kittoku/Open-SSTP-Client" rel="noreferrer">Open SSTP Client</a>${ca === undefined ? '' : html`, save ${fileLink(base, ca.name)} in a folder of its own`}, and enter</p>
<dl>
${androidSettings(facts).map(({ setting, value }) => html`<dt>${setting}</dt><dd>${value}</dd>\n`)}</dl>
${ofIpv6(facts, html`Android keeps a kind of addresses that a VPN app has not set up from leaving beside it, unless the app allows that.`)}
</section>`;
}

function apple(base: string, facts: ProfileFacts): Html {
  const ca = caFile(facts);
  return html`<section aria-labelledby="apple">
<h2 id="apple">macOS, iPhone and iPad</h2>
<p>They have no client for this kind of VPN (SSTP): what Apple builds in is IKEv2, L2TP and IPsec. Apps of others speak it, such as SSTP Connect for iPhone, and <code>sstpc</code> from MacPorts (<code>sstp-client</code>) on a Mac; we have tried none of them, and there is no file for them here. Enter the server and the user name from above${ca === undefined ? '' : html`, and have the device trust ${fileLink(base, ca.name)}`}.</p>
</section>`;
}

function routeros(base: string, facts: ProfileFacts): Html {
  const ca = caFile(facts);
  return html`<section aria-labelledby="routeros">
<h2 id="routeros">MikroTik RouterOS</h2>
<p>${ca === undefined ? '' : html`Upload ${fileLink(base, ca.name)} to the router, then `}paste this into its terminal, with your password in place of PASSWORD:</p>
<pre tabindex="0"><code>${routerosCommands(facts)}</code></pre>
${ofIpv6(facts, html`these commands send IPv4 into the VPN alone, and leave the IPv6 of the router's network as it is.`)}
</section>`;
}
