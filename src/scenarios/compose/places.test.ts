import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { Stack, skipWithoutEngine } from '../../testing/compose.ts'
import type { Project } from '../../testing/project.ts'

/** Its own name is ASCII: docs/containers.md, "Images and recreation". */
const parent = mkdtempSync(join(tmpdir(), 'späces и юникод '))
const folder = join(basename(parent), 'ksi of "mine" ')
after(() => rmSync(parent, { recursive: true, force: true }))

/** As `git clone` makes it under umask 077. */
function strict(project: Project): void {
  execFileSync('chmod', ['-R', 'go-rwx', project.root])
}

/** What the container says is to be done. */
function readable(project: Project): void {
  strict(project)
  execFileSync('chmod', ['-R', 'go+rX', 'src'], { cwd: project.root })
}

/** Takes all inotify instances that one account may have, as long as it runs. */
const hog = 'for i in $(seq "$(cat /proc/sys/fs/inotify/max_user_instances)"); do tail -f /etc/hosts & done; wait'

describe('places that make it hard', { skip: skipWithoutEngine() }, () => {
  // Whoever is user 1000 may read all of it.
  const isTheirs = process.getuid?.() === 1_000

  test('files that the container may not read: it says which, and what to do', { skip: isTheirs }, async () => {
    await assert.rejects(Stack.up({}, strict, folder), /\/app\/src may not be read .* chmod -R go\+rX src/)
  })

  test('a folder with spaces and unicode, umask 077, nothing that watches files: saves go live', async () => {
    await using stack = await Stack.up({}, readable, folder)
    assert.equal((await stack.status()).watch_problem, null)
    await stack.compose('stop', 'daemon', 'sidecar')
    await stack.compose('exec', '--detach', 'runner', 'sh', '-c', hog)
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    await stack.compose('start', 'daemon', 'sidecar')
    const { generation } = await stack.untilStatus(
      (status) => status.phase === 'live' && /max_user_instances/.test(status.watch_problem ?? ''),
    )
    stack.project.edit('src/daemon/health.ts', (text) => `${text}\n// saved\n`)
    await stack.untilStatus((status) => (status.generation ?? 0) > (generation ?? 0))
    stack.project.edit('src/sidecar/main.ts', (text) => text.replace('sidecar ready at', 'sidecar is new at'))
    const log = (): Promise<string> => stack.compose('logs', '--no-log-prefix', '--no-color', 'sidecar')
    for (let tries = 0; !(await log()).includes('sidecar is new'); tries++) {
      assert.ok(tries < 100, 'the sidecar goes on as its new code')
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    assert.match(await log(), /max_user_instances/)
  })
})
