import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'

const program = join(import.meta.dirname, '../testing/ksi-client/client.py')
const health = 'src/daemon/health.ts'

interface Told {
  minimal: number
  events: number
  completions: number
  results: number
  slowest_ms: number
  errors: string[]
}

/** Why there is nothing to run the program, if so. */
function missing(): string | false {
  try {
    execFileSync('python3', ['--version'], { stdio: 'ignore' })
    return false
  } catch {
    return 'python3 is not there'
  }
}

/*
 * The clients' own limit of 2 s for a health check is held by their timeout, which is an error here; what they really
 * waited is printed, since on a busy machine it is the machine's.
 */
test(
  "KSI's minimal client and its event client notice nothing of ten saves, a broken one and a kill",
  {
    skip: missing(),
  },
  async (t) => {
    using project = makeProject()
    await using ksi = await Ksi.start(project)
    const told = promisify(execFile)('python3', [program, ksi.socket])
    await delay(500)
    for (let save = 1; save <= 10; save++) {
      project.edit(health, (text) => `${text}\n// save ${save}\n`)
      await ksi.untilStatus(({ swaps, phase }) => swaps === save && phase === 'live')
    }
    project.edit(health, (text) => `${text}\nconst = 1\n`)
    await ksi.untilStatus(({ failed_swaps }) => failed_swaps === 1)
    project.edit(health, (text) => text.replace('\nconst = 1\n', ''))
    await ksi.untilStatus(({ swaps, phase }) => swaps >= 11 && phase === 'live')
    const { generation } = await ksi.status()
    process.kill(await ksi.livePid(), 'SIGKILL')
    await ksi.untilStatus((status) => status.phase === 'live' && status.generation !== generation)
    await delay(500)
    told.child.stdin?.end()
    const { stdout } = await told
    t.diagnostic(stdout.trim())
    const { minimal, completions, results, events, errors } = JSON.parse(stdout) as Told
    assert.deepEqual(errors, [])
    assert.equal(results, completions)
    assert.ok(minimal > 50 && events > 50 && completions > 10, stdout)
  },
)
