import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Ksi } from '../../testing/ksi.ts'
import { childrenOf, signal } from '../../testing/processes.ts'
import { makeProject } from '../../testing/project.ts'
import type { Project } from '../../testing/project.ts'
import { randomFrom } from '../../lib/random.ts'
import { chooseSeed } from '../../testing/random.ts'
import { assertAllDone, sendWork, untilAllDone } from '../../testing/work.ts'

const health = 'src/daemon/health.ts'
const register = 'export function registerHealth(core: Core, liveAt: number): void {\n'
const acts = Number(process.env.KSI_SOAK_ACTS ?? '150')

type Act = (project: Project, ksi: Ksi, n: number) => void | Promise<void>

const git = (project: Project, ...args: string[]): void => {
  const who = ['-c', 'user.name=ksi', '-c', 'user.email=ksi@localhost', '-c', 'commit.gpgsign=false']
  execFileSync('git', [...who, ...args], { cwd: project.root, stdio: 'pipe' })
}

/** Health as it was, with code of ours in its registration, and a number. */
function saveHealth(project: Project, whole: string, n: number, code = ''): void {
  const text = whole.replace('boot_id: core.bootId,', `boot_id: core.bootId, save: ${n},`)
  writeFileSync(project.path(health), text.replace(register, `${register}${code}\n`))
}

/** Kills a process of ksi whose command has this in it: the live one, a spare, one that boots, the watch. */
const killOne =
  (what: string, how: NodeJS.Signals = 'SIGKILL'): Act =>
  (_, ksi, n) => {
    const found = childrenOf(ksi.process.pid ?? 0).filter(({ command }) => command.includes(what))
    signal(found[n % Math.max(1, found.length)]?.pid ?? 0, how)
  }

function actsOn(whole: string): Act[] {
  const save =
    (code = ''): Act =>
    (project, _, n) =>
      saveHealth(project, whole, n, code)
  return [
    save(),
    save(),
    save(),
    save('const = 1'),
    save("throw new Error('not today')"),
    save("  setTimeout(() => { throw new Error('dies young') }, 300)"),
    save("  core.router.on('system:startup', () => new Promise(() => {}), { service: 'x' })"),
    save('  setTimeout(() => { for (;;) {} }, 500)'),
    async (project, _, n) => {
      for (let i = 0; i < 5; i++) {
        saveHealth(project, whole, n + i)
        await delay(20)
      }
    },
    (project, _, n) => {
      writeFileSync(
        `${project.path(health)}.tmp`,
        whole.replace('boot_id: core.bootId,', `boot_id: core.bootId, save: ${n},`),
      )
      renameSync(`${project.path(health)}.tmp`, project.path(health))
    },
    async (project) => {
      const text = readFileSync(project.path(health))
      writeFileSync(project.path(health), '')
      await delay(5)
      writeFileSync(project.path(health), text)
    },
    async (project) => {
      for (let i = 0; i < 5; i++) {
        git(project, 'checkout', '--quiet', '--force', i % 2 === 0 ? 'other' : 'main')
        await delay(100)
      }
    },
    async (project) => {
      renameSync(project.path('src/daemon/housekeeping.ts'), project.path('src/daemon/tidying.ts'))
      await delay(100)
      renameSync(project.path('src/daemon/tidying.ts'), project.path('src/daemon/housekeeping.ts'))
    },
    async (project) => {
      symlinkSync('.', project.path('src/daemon/self'))
      await delay(200)
      unlinkSync(project.path('src/daemon/self'))
    },
    (project, _, n) => appendFileSync(project.path('src/daemon/warm-up.ts'), `\n// ${n}\n`),
    (project, _, n) => appendFileSync(project.path('src/lib/time.ts'), `\n// ${n}\n`),
    (project, _, n) => appendFileSync(project.path('package.json'), n % 2 === 0 ? '\n' : ' '),
    killOne('daemon/main'),
    killOne('daemon/main'),
    killOne('watch/main'),
    killOne('watch/main', 'SIGSTOP'),
    async (_, ksi) => {
      using client = await ksi.client()
      await client.request('system:rollback')
    },
    async (_, ksi) => {
      using client = await ksi.client()
      await client.request('system:reload')
    },
  ]
}

test('saves, kills and roll-backs at random: in the end the last save is live, and all work is done', async (t) => {
  const seed = chooseSeed()
  t.diagnostic(`KSI_SEED=${seed}`)
  const random = randomFrom(seed)
  using project = makeProject({ changesReplies: true })
  const whole = project.read(health)
  git(project, 'init', '--quiet', '--initial-branch=main')
  appendFileSync(project.path('.git/info/exclude'), 'node_modules\nvar/\n')
  git(project, 'add', '--all')
  git(project, 'commit', '--quiet', '--message', 'as it is')
  git(project, 'checkout', '--quiet', '-b', 'other')
  for (const file of [health, 'src/lib/time.ts', 'src/daemon/core.ts'])
    appendFileSync(project.path(file), '\n// other\n')
  git(project, 'commit', '--all', '--quiet', '--message', 'other')
  git(project, 'checkout', '--quiet', 'main')
  const env = { KSI_BOOT_TIMEOUT_MS: '3000', KSI_HEARTBEAT_MS: '1000' }
  await using ksi = await Ksi.start(project, env)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['completion:*'] })
  const sent = await sendWork(client, { conversations: 20, perConversation: 20, latencyMs: 500 })
  const all = actsOn(whole)
  const told: number[] = []
  for (let n = 0; n < acts; n++) {
    const which = Math.floor(random() * all.length)
    told.push(which)
    await all[which]?.(project, ksi, n)
    await delay(random() < 0.5 ? random() * 60 : random() * 1_500)
    assert.equal(ksi.process.exitCode, null, `${told.join(' ')}\n${ksi.output()}`)
  }
  git(project, 'checkout', '--quiet', '--force', 'main')
  rmSync(project.path('src/daemon/self'), { force: true })
  saveHealth(project, whole, 1_000_000)
  for (const limit = Date.now() + 60_000; ; await delay(50)) {
    const reply = await client.request('system:health')
    if (reply.save === 1_000_000) break
    assert.ok(Date.now() < limit, `${told.join(' ')}\n${JSON.stringify(await ksi.status())}\n${ksi.output()}`)
  }
  const status = await ksi.untilStatus(
    ({ phase, problem, last_failure }) => phase === 'live' && problem === null && last_failure === null,
  )
  t.diagnostic(`${acts} acts, ${status.swaps} taken over, ${status.failed_swaps} failed, ${status.crashes} crashes`)
  await untilAllDone(client, sent)
  assertAllDone(client, sent, await ksi.runsByRequest())
})
