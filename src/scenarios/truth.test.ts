import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { renameSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { statusDocument } from '../contracts/status.ts'
import type { StatusDocument } from '../contracts/status.ts'
import { freePort } from '../lib/free-port.ts'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import type { Project } from '../testing/project.ts'

let project: Project
let ksi: Ksi
let sidecar: ChildProcess
let url: string

before(async () => {
  project = makeProject()
  ksi = await Ksi.start(project)
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  // One that outlives the daemon, as in a container of its own.
  sidecar = fork(project.path('src/sidecar/main.ts'), [], {
    env: { ...process.env, KSI_ROOT: project.root, KSI_MODE: 'dev', KSI_SIDECAR_PORT: String(port) },
    stdio: 'ignore',
  })
  await until(({ status }) => status === 'pass')
})

after(async () => {
  sidecar.kill('SIGTERM')
  await once(sidecar, 'exit')
  await ksi[Symbol.asyncDispose]()
  project[Symbol.dispose]()
})

/** Asks for the status until it is so. */
async function until(test: (document: StatusDocument) => boolean): Promise<StatusDocument> {
  let last: StatusDocument | undefined
  for (let n = 0; n < 200; n++) {
    try {
      last = statusDocument.parse(await (await fetch(`${url}/status`)).json())
      if (test(last)) return last
    } catch {
      // It does not listen yet.
    }
    await delay(50)
  }
  throw new Error(`it did not come to be so; the last was ${JSON.stringify(last)?.slice(0, 2_000)}`)
}

const commandsOf = ({ notes }: StatusDocument): (string | null)[] => notes.map(({ command }) => command)

test('a broken save has its words and the way back, and its repair takes them away', async () => {
  project.edit('src/daemon/health.ts', (text) => `${text}\nconst = 1\n`)
  const broken = await until(({ status }) => status === 'warn')
  assert.match(broken.notes[0]?.text ?? '', /src\/daemon\/health\.ts\) did not become live/)
  assert.deepEqual([broken.notes[0]?.kind, commandsOf(broken)], ['failure', ['ksi rollback']])
  assert.equal(broken.unknown_since, null)
  project.edit('src/daemon/health.ts', (text) => text.replace('\nconst = 1\n', ''))
  assert.deepEqual((await until(({ status }) => status === 'pass')).notes, [])
})

test('an edit of what does not reload itself waits for a restart; taken back it waits no more', async () => {
  project.edit('src/supervisor/banner.ts', (text) => `${text}\n// edited\n`)
  const waiting = await until(({ status }) => status === 'warn')
  assert.match(waiting.notes[0]?.text ?? '', /banner\.ts\) wait for a restart/)
  assert.deepEqual(commandsOf(waiting), ['ksi restart'])
  project.edit('src/supervisor/banner.ts', (text) => text.replace('\n// edited\n', ''))
  assert.deepEqual((await until(({ status }) => status === 'pass')).notes, [])
})

test('a journal that is moved aside is found again where the daemon goes on with it', async () => {
  const journal = project.path('var/db/dev_checkpoint.db')
  renameSync(journal, `${journal}.aside`)
  using client = await ksi.client()
  await client.request('completion:async', { request_id: 'later', prompt: 'Hello' })
  const document = await until(({ journal: { ok, facts } }) => ok && (facts?.counts.completed ?? 0) > 0)
  assert.equal(document.unknown_since, null)
})

test('a daemon that hangs is told from one that is not there', async () => {
  const { pid } = await ksi.status()
  process.kill(pid, 'SIGSTOP')
  try {
    const document = await until(({ status }) => status === 'fail')
    assert.equal(document.phase, 'unreachable')
    assert.match(document.lead, /connected, but no reply within 1000 ms/)
    assert.notEqual(document.unknown_since, null)
    assert.match(document.notes[0]?.text ?? '', /hangs, is stopped, or stands at a breakpoint/)
  } finally {
    process.kill(pid, 'SIGCONT')
  }
  assert.equal((await until(({ status }) => status === 'pass')).unknown_since, null)
})

test('a daemon that is cut off, and what is left of its journal, are told with the next step', async () => {
  ksi.process.kill('SIGKILL')
  const dead = await until(({ status, lead }) => status === 'fail' && lead.includes('(connection refused)'))
  assert.match(dead.lead, /^No answer from the daemon since .*; the journal says generation \d+ ended cleanly/)
  assert.deepEqual(commandsOf(dead), ['npm run dev'])
  assert.notEqual(dead.unknown_since, null)
  await delay(500)
  const journal = project.path('var/db/dev_checkpoint.db')
  for (const end of ['', '-wal', '-shm']) renameSync(`${journal}${end}`, `${journal}${end}.kept`)
  writeFileSync(journal, 'no journal '.repeat(1_000))
  const garbled = await until(({ journal: { ok, error } }) => !ok && error?.includes('not a database') === true)
  assert.match(garbled.journal.error ?? '', /The journal cannot be read/)
  for (const end of ['', '-wal', '-shm']) renameSync(`${journal}${end}.kept`, `${journal}${end}`)
})
