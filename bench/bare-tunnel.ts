/** A tunnel that does nothing but carry packets (tools/bare.cc): what every tunnel in user space costs at least. */
import { type Lab, SERVER_ADDRESS } from './lab.ts';
import { LineProcess, run, SERVER_CORE } from './processes.ts';
import { servingOf, TUNNEL_MTU, TUNNEL_SERVER, type Vpn } from './vpn.ts';

const PORT = '4434';
const DEVICE = 'bare0';
const CLIENT = '10.64.0.2';

/** For one client. */
export function bareTunnel(lab: Lab): Vpn {
  const words = (role: 'listen' | 'connect'): string[] => [lab.tools, 'bare', role, SERVER_ADDRESS, PORT, DEVICE];
  return {
    name: 'bare tunnel',
    missing: undefined,
    over: 'tcp',
    serve: async (server) => {
      const child = new LineProcess(words('listen'), { netns: server, core: SERVER_CORE });
      await child.hear((line) => line === 'ready');
      await setUp(server, TUNNEL_SERVER, CLIENT);
      return servingOf(child, async (client) => {
        const dialled = new LineProcess(words('connect'), { netns: client });
        await dialled.hear((line) => line === 'ready');
        await setUp(client, CLIENT, TUNNEL_SERVER);
        return dialled;
      });
    },
  };
}

async function setUp(netns: string, own: string, peer: string): Promise<void> {
  await run(['ip', '-n', netns, 'address', 'add', own, 'peer', peer, 'dev', DEVICE]);
  await run(['ip', '-n', netns, 'link', 'set', 'dev', DEVICE, 'mtu', String(TUNNEL_MTU), 'up']);
}
