import assert from 'node:assert/strict'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { migrationHashes } from '../store/migrate.ts'
import { openForReading } from '../store/open.ts'
import { EditMatrix, untilReply } from '../testing/edit-matrix.ts'
import type { Edit, Situation } from '../testing/edit-matrix.ts'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import type { Project } from '../testing/project.ts'

const health = 'src/daemon/health.ts'
const journal = 'var/db/dev_checkpoint.db'
const register = 'export function registerHealth(core: Core, liveAt: number): void {\n'

const importZod = "import { z } from 'zod'\n"
/** Adds a line to where health registers its handlers. */
const addLine = (project: Project, line: string): void =>
  project.edit(health, (text) => {
    const head = text.startsWith(importZod) ? '' : importZod
    return `${head}${replaced(text, register, `${register}${line}\n`)}`
  })
/** An event that is in no contract: what it takes and answers stands with it. */
const added = (name: string, reply: string): string =>
  `  core.router.add('${name}', { summary: '', data: z.looseObject({}), reply: () => z.unknown() }, ` +
  `() => (${reply}), 'health')`
const migration = (project: Project, name: string, sql: string): void => writeFileSync(project.path(fileOf(name)), sql)
/** What there is before the first of ours. */
const before = Object.keys(migrationHashes()).length
/** The name of our nth. */
const nth = (n: number, name: string): string => `${String(before + n).padStart(4, '0')}_${name}`
const fileOf = (name: string): string => `src/store/migrations/${name}.sql`
const schemaOf = (project: Project): number => {
  const db = openForReading(project.path(journal))
  const version = Number(db.pragma('user_version', { simple: true }))
  db.close()
  return version
}
/** The runner that took over is the only one left, and is not the one before. */
const hasNewRunner = async ({ ksi, before }: Situation): Promise<void> => {
  await ksi.untilStatus(
    ({ runners }) => runners.length === 1 && runners[0]?.accepting === true && runners[0].id !== before.runners[0]?.id,
  )
}
/** Replaces text that must be there. */
function replaced(text: string, from: string, to: string): string {
  assert.ok(text.includes(from), `not in the file: ${from}`)
  return text.replace(from, to)
}

const edits: Edit[] = [
  {
    name: 'a comment',
    expect: 'taken over',
    edit: (project) => project.edit(health, (text) => `${text}\n// a comment\n`),
  },
  {
    name: 'the body of a handler',
    expect: 'taken over',
    edit: (project) =>
      project.edit(health, (text) => replaced(text, 'boot_id: core.bootId,', 'boot_id: core.bootId, edited: true,')),
    probe: async ({ client }) => assert.equal((await client.request('system:health')).edited, true),
  },
  {
    name: 'a handler added',
    expect: 'taken over',
    edit: (project) => addLine(project, added('matrix:ping', '{ pong: 1 }')),
    probe: async ({ client }) => assert.equal((await client.request('matrix:ping')).pong, 1),
  },
  {
    name: 'a handler renamed',
    expect: 'taken over',
    edit: (project) => project.edit(health, (text) => replaced(text, 'matrix:ping', 'matrix:pong')),
    probe: async ({ client }) => {
      assert.equal((await client.request('matrix:pong')).pong, 1)
      assert.match(String((await client.request('matrix:ping')).error), /Unknown event: matrix:ping/)
    },
  },
  {
    name: 'a handler removed',
    expect: 'taken over',
    edit: (project) => project.edit(health, (text) => text.replace(/^.*matrix:pong.*\n/m, '')),
    probe: async ({ client }) =>
      assert.match(String((await client.request('matrix:pong')).error), /Unknown event: matrix:pong/),
  },
  {
    name: 'a type error that runs all the same',
    expect: 'taken over',
    edit: (project) => addLine(project, `  const wrong: number = 'text'\n${added('matrix:wrong', '{ wrong }')}`),
    probe: async ({ client }) => assert.equal((await client.request('matrix:wrong')).wrong, 'text'),
  },
  {
    // The supervisor runs on with the contracts it was started with: what the front answers by itself stays as it was.
    name: 'the schema of an event',
    expect: 'taken over',
    edit: (project) =>
      project.edit('src/contracts/events/system.ts', (text) =>
        replaced(
          text,
          "'Whether the daemon serves, in which generation.',\n    data: z.object({}),",
          "'How it is.',\n    data: z.object({ loud: z.boolean().optional() }),",
        ),
      ),
    probe: async (situation) => {
      const { client } = situation
      assert.match(String((await client.request('system:health', { loud: 5 })).error), /Invalid parameter loud/)
      assert.equal((await client.request('system:health', { loud: true })).status, 'healthy')
      await hasNewRunner(situation)
    },
  },
  {
    name: 'the default of a setting',
    expect: 'taken over',
    edit: (project) =>
      project.edit('src/contracts/settings.ts', (text) =>
        replaced(text, "default('echo/echo')", "default('echo/edited')"),
      ),
    probe: async (situation) => {
      const { client } = situation
      const { request_id } = await client.request('completion:async', { prompt: 'which model?' })
      const { result } = await client.request('completion:wait', { request_id })
      assert.equal((result as { response: { model: string } }).response.model, 'echo/edited')
      await hasNewRunner(situation)
    },
  },
  {
    name: 'a provider',
    expect: 'ignored',
    latencyMs: 600,
    edit: (project) =>
      project.edit('src/runner/providers/echo.ts', (text) =>
        replaced(text, "provider: 'echo',\n    request_id", "provider: 'echo', edited: true,\n    request_id"),
      ),
    probe: async (situation) => {
      const { ksi, client, before } = situation
      // While the old runner finishes what it runs, the new one takes what is new.
      const both = await ksi.untilStatus(({ runners }) =>
        runners.some(({ id, accepting }) => accepting && id !== before.runners[0]?.id),
      )
      assert.deepEqual(
        both.runners.map(({ accepting }) => accepting),
        [false, true],
      )
      const { request_id } = await client.request('completion:async', { prompt: 'who are you?' })
      const { result } = await client.request('completion:wait', { request_id })
      assert.equal((result as { response: { metadata: { edited?: boolean } } }).response.metadata.edited, true)
      assert.equal(both.generation, before.generation, 'the daemon does not care')
      await hasNewRunner(situation)
    },
  },
  {
    name: 'a migration added',
    expect: 'taken over',
    edit: (project) => migration(project, nth(1, 'matrix'), 'CREATE TABLE matrix (id INTEGER PRIMARY KEY);'),
    probe: async ({ project }) => {
      assert.equal(schemaOf(project), before + 1)
      assert.ok(existsSync(project.path(`var/db/dev_checkpoint.v${before}.db`)), 'a copy was set aside')
    },
  },
  {
    name: 'a migration that was applied taken back, as by git checkout',
    expect: 'refused',
    error:
      /It went through \d+_matrix\.sql, .*A copy from before is .*: it lacks \d+ requests accepted and \d+ outcomes/,
    files: [fileOf(nth(1, 'matrix'))],
    edit: (project) => rmSync(project.path(fileOf(nth(1, 'matrix')))),
  },
  {
    name: 'a migration edited after it was applied',
    expect: 'refused',
    error: /The migration \d+_matrix\.sql is not what it was when the journal.*Put it back as it was/,
    files: [fileOf(nth(1, 'matrix'))],
    edit: (project) => project.edit(fileOf(nth(1, 'matrix')), (text) => `${text}-- edited`),
  },
  {
    name: 'a migration added that SQLite does not understand',
    expect: 'refused',
    error: /syntax error/,
    files: [fileOf(nth(2, 'wrong'))],
    edit: (project) => migration(project, nth(2, 'wrong'), 'CREATE TABEL wrong (id INTEGER);'),
    repair: (project) => migration(project, nth(2, 'wrong'), 'CREATE TABLE wrong (id INTEGER);'),
    probeRepair: async ({ project }) => assert.equal(schemaOf(project), before + 2),
  },
  {
    name: 'a migration that fails half way',
    expect: 'refused',
    error: /no such table: nowhere/,
    files: [fileOf(nth(3, 'half'))],
    edit: (project) =>
      migration(project, nth(3, 'half'), 'CREATE TABLE half (id INTEGER); INSERT INTO nowhere VALUES (1);'),
    probe: async ({ project }) => assert.equal(schemaOf(project), before + 2, 'nothing of it is left'),
    repair: (project) => migration(project, nth(3, 'half'), 'CREATE TABLE half (id INTEGER);'),
    probeRepair: async ({ project }) => assert.equal(schemaOf(project), before + 3),
  },
  ...(['system:startup', 'system:ready'] as const).map((event, i): Edit => ({
    name: `a migration added whose code throws in ${event}`,
    expect: 'refused',
    error: /fails after the migration/,
    files: [health, fileOf(nth(4 + i, 'matrix'))],
    edit: async (project) => {
      migration(project, nth(4 + i, 'matrix'), `CREATE TABLE matrix${i} (id INTEGER);`)
      // Outcomes come in meanwhile: they must not go down with the journal that is given up.
      const fail =
        "await new Promise((resolve) => setTimeout(resolve, 400)); throw new Error('fails after the migration')"
      addLine(project, `  core.router.on('${event}', async () => { ${fail} }, { service: 'health' })`)
    },
    probe: async ({ project }) =>
      assert.equal(schemaOf(project), before + 3 + i, 'the journal is as it was before the migration'),
    repair: (project) => project.edit(health, (text) => text.replace(/^.*fails after the migration.*\n/m, '')),
    probeRepair: async ({ project }) => assert.equal(schemaOf(project), before + 4 + i),
  })),
  {
    name: 'a file of the supervisor',
    expect: 'ignored',
    edit: (project) => project.edit('src/supervisor/banner.ts', (text) => `${text}\n// edited\n`),
    probe: async ({ ksi, before }) => {
      const status = await ksi.untilStatus(({ waiting_for_restart: waiting }) => waiting.length > 0)
      assert.deepEqual(status.waiting_for_restart, ['src/supervisor/banner.ts'])
      assert.equal(status.generation, before.generation)
    },
  },
  {
    name: 'nothing: a save that leaves the content as it was',
    expect: 'ignored',
    edit: (project) => project.edit(health, (text) => text),
    probe: async ({ project, ksi, client, before }) => {
      // A save after it has been seen: so has the first, and it alone brought nothing.
      project.edit('src/daemon/wire/parameters.ts', (text) => `${text}\n// a comment\n`)
      await ksi.untilStatus(({ generation }) => (generation ?? 0) > (before.generation ?? 0))
      await untilReply(client, 'system:health', ({ generation }) => generation === (before.generation ?? 0) + 1)
      await client.until((c) => c.pushes.some((push) => push.event === 'system:reloaded'))
      const reloaded = client.pushes.filter((push) => push.event === 'system:reloaded')
      assert.deepEqual(
        reloaded.map(({ data }) => data.files),
        [['src/daemon/wire/parameters.ts']],
      )
    },
  },
]

test('edits of all kinds while 20 requests run and 80 wait: everything is done, in order, once', async (t) => {
  using project = makeProject({ changesReplies: true })
  await using ksi = await Ksi.start(project)
  const matrix = new EditMatrix(project, ksi)
  for (const edit of edits) await t.test(edit.name, (entry) => matrix.run(entry, edit))
})
