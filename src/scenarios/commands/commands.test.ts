import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Checkout, Toolbox } from '../../testing/checkout.ts'
import { freePort } from '../../lib/free-port.ts'
import { childrenOf, signal } from '../../testing/processes.ts'

/*
 * The README's commands on a machine that has only just got Node. By default with the Node of this machine and with an
 * npm that does not link the pinned one; KSI_COMMANDS=all: every pair of the versions that are to work;
 * KSI_COMMANDS=26/12.2.0: that pair.
 */
const npms = ['10.8.2', '10.9.9', '11.0.0', '11.19.1', '12.2.0']
const nodes = ['20', '22', '24', '26']
/** An npm that refuses a Node is not this project's matter. */
const refuses = (npm: string, node: string): boolean => npm.startsWith('12.') && node === '20'

const all = nodes.flatMap((node) => npms.filter((npm) => !refuses(npm, node)).map((npm) => ({ node, npm })))
const asked = process.env.KSI_COMMANDS ?? ''
const some = all.filter(({ node, npm }) => asked === 'all' || asked.split(',').includes(`${node}/${npm}`))
const pairs: { node?: string; npm: string }[] = asked === '' ? [{ npm: '10.8.2' }] : some

/** For all of them to end, in ms. */
const limitMs = 15_000

const toolbox = new Toolbox()
after(() => toolbox[Symbol.dispose]())

for (const { node, npm } of pairs) {
  const names = `Node ${node ?? 'of this machine'}, npm ${npm}`
  test(`${names}: after npm ci, dev serves and ends as a whole, lint and a test run, no file changes`, async (t) => {
    const tools = { node: await toolbox.node(node), npm: await toolbox.npm(npm) }
    const ports = { KSI_PORT: String(await freePort()), KSI_SIDECAR_PORT: String(await freePort()) }
    using checkout = await Checkout.clone(tools, ports)
    const installed = await checkout.npm('ci')
    assert.equal(installed.code, 0, installed.output)
    assert.doesNotMatch(installed.output, /EBADENGINE/)
    t.diagnostic(await devServesAndEnds(checkout, 'run', 'dev'))
    t.diagnostic(await devServesAndEnds(checkout, 'exec', '--', 'ksi', 'dev'))
    for (const args of [
      ['run', 'lint'],
      ['run', 'typecheck'],
      ['run', 'test:file', '--', 'src/lib/statistics.test.ts'],
    ]) {
      const { code, output } = await checkout.npm(...args)
      assert.equal(code, 0, `npm ${args.join(' ')}: ${output}`)
    }
    assert.equal(await checkout.changes(), '')
  })
}

/** `npm run dev` or its like, `npx ksi health`, SIGTERM to npm. */
async function devServesAndEnds(checkout: Checkout, ...command: string[]): Promise<string> {
  const began = performance.now()
  const dev = checkout.startNpm(...command)
  let output = ''
  for (const stream of [dev.stdout, dev.stderr]) stream?.on('data', (text: Buffer) => (output += text.toString()))
  const ended = once(dev, 'close')
  let health = await checkout.npm('exec', '--', 'ksi', 'health')
  while (health.code !== 0 && dev.exitCode === null && performance.now() - began < 30_000)
    health = await checkout.npm('exec', '--', 'ksi', 'health')
  const servedMs = performance.now() - began
  const family = descendantsOf(dev.pid ?? 0)
  dev.kill('SIGTERM')
  await Promise.race([ended, delay(limitMs, undefined, { ref: false })])
  const left = await leftOf(family)
  for (const pid of left) signal(pid, 'SIGKILL')
  assert.match(health.output, /healthy: generation \d/, output)
  assert.ok(family.length >= 4, `supervisor, generation, runner and sidecar ran: ${family.length}`)
  assert.deepEqual(left, [], `nobody is left behind: ${output}`)
  return `healthy ${Math.round(servedMs)} ms after npm ${command.join(' ')}`
}

/** Those of them that do not end. */
async function leftOf(pids: readonly number[]): Promise<number[]> {
  const isThere = (pid: number): boolean => signal(pid, 'SIGCONT')
  for (const limit = performance.now() + limitMs; pids.some(isThere) && performance.now() < limit;) await delay(50)
  return pids.filter(isThere)
}

function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child.pid, ...descendantsOf(child.pid)])
}
