import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { EditMatrix, untilReply } from '../testing/edit-matrix.ts'
import type { Edit, Situation } from '../testing/edit-matrix.ts'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import type { Project } from '../testing/project.ts'
import type { Data, Push } from '../testing/wire-client.ts'

const health = 'src/daemon/health.ts'
const unused = 'src/daemon/unused.ts'
const runs = 'src/runner/runs.ts'
const branchFiles = 50

/** Saves health.ts so that it answers with `save: n`; `more` is code at its end. */
function saveNumber(project: Project, n: number, more = ''): void {
  project.edit(health, (text) => {
    const plain = text.replace(/ save: \d+,/, '').replace(/\n\/\/ more[^]*$/, '')
    assert.ok(plain.includes('boot_id: core.bootId,'))
    return `${plain.replace('boot_id: core.bootId,', `boot_id: core.bootId, save: ${n},`)}\n// more\n${more}\n`
  })
}
const answersWith =
  (n: number) =>
  async ({ client }: Situation): Promise<void> =>
    untilReply(client, 'system:health', ({ save }) => save === n)

/** Commits the project, and comments in 50 of its files on a branch `other`, made in a work tree elsewhere. */
function makeBranch(project: Project): void {
  const git = (cwd: string, ...args: string[]): void => {
    execFileSync(
      'git',
      ['-c', 'user.name=ksi', '-c', 'user.email=ksi@localhost', '-c', 'commit.gpgsign=false', ...args],
      { cwd, stdio: 'pipe' },
    )
  }
  const tree = mkdtempSync(join(tmpdir(), 'ksi-tree-'))
  git(project.root, 'init', '--quiet')
  appendFileSync(project.path('.git/info/exclude'), 'node_modules\nvar/\n')
  git(project.root, 'add', '--all')
  git(project.root, 'commit', '--quiet', '--message', 'as it is')
  git(project.root, 'worktree', 'add', '--quiet', '-b', 'other', tree)
  const served = ['runner', 'contracts', 'lib', 'daemon', 'store'].flatMap((folder) => filesIn(tree, `src/${folder}`))
  assert.ok(served.length >= branchFiles && served.includes(health), `${served.length} files`)
  for (const file of [health, ...served.filter((name) => name !== health)].slice(0, branchFiles))
    change(join(tree, file), (text) =>
      text.replace('boot_id: core.bootId,', "boot_id: core.bootId, branch: 'other',").concat('\n// other\n'),
    )
  git(tree, 'commit', '--all', '--quiet', '--message', 'fifty comments')
  git(project.root, 'worktree', 'remove', '--force', tree)
}

function change(path: string, edit: (text: string) => string): void {
  writeFileSync(path, edit(readFileSync(path, 'utf8')))
}

function filesIn(root: string, folder: string): string[] {
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map(({ parentPath, name }) => join(parentPath, name).slice(root.length + 1))
}

const edits: Edit[] = [
  {
    name: 'a git checkout of a branch with 50 changed files',
    expect: 'taken over',
    prepare: makeBranch,
    edit: (project) => {
      execFileSync('git', ['checkout', '--quiet', 'other'], { cwd: project.root, stdio: 'pipe' })
    },
    probe: async ({ client, ksi, before }) => {
      await untilReply(client, 'system:health', ({ branch }) => branch === 'other')
      await ksi.untilStatus(({ runners }) =>
        runners.some(({ id, accepting }) => accepting && id !== before.runners[0]?.id),
      )
    },
  },
  {
    name: 'ten saves in a second',
    expect: 'taken over',
    edit: async (project) => {
      for (let n = 1; n <= 10; n++) {
        saveNumber(project, n)
        await delay(100)
      }
    },
    probe: answersWith(10),
  },
  {
    name: 'ten saves at once, by rename',
    expect: 'taken over',
    edit: (project) => {
      for (let n = 11; n <= 20; n++) project.editByRename(health, (text) => text.replace(/save: \d+/, `save: ${n}`))
    },
    probe: answersWith(20),
  },
  {
    name: 'ten saves of the runner in a second',
    expect: 'ignored',
    latencyMs: 400,
    edit: async (project) => {
      for (let n = 1; n <= 10; n++) {
        project.edit(runs, (text) => {
          const plain = text.replace(/log\.debug\(\{ save: \d+,/, 'log.debug({')
          assert.ok(plain.includes('log.debug({ run_id, request_id, status'))
          return plain.replace(
            'log.debug({ run_id, request_id, status',
            `log.debug({ save: ${n}, run_id, request_id, status`,
          )
        })
        await delay(100)
      }
    },
    probe: async ({ ksi, client, before }) => {
      const { runners } = await ksi.untilStatus(
        (status) => status.runners.length === 1 && status.runners[0]?.id !== before.runners[0]?.id,
      )
      const { request_id } = await client.request('completion:async', { prompt: 'which save?' })
      await client.request('completion:wait', { request_id })
      const isEnd = (entry: Data): boolean => entry.msg === 'run ended' && entry.request_id === request_id
      while (!ksi.log.some(isEnd)) await delay(5)
      const end = ksi.log.find(isEnd)
      assert.deepEqual([end?.save, end?.runner], [10, runners[0]?.id], 'the runner that is left has the newest code')
    },
  },
  {
    name: 'a save while the new code boots',
    expect: 'taken over',
    edit: async (project, ksi) => {
      saveNumber(
        project,
        31,
        "process.stderr.write('it boots slowly\\n')\nawait new Promise((resolve) => setTimeout(resolve, 300))",
      )
      while (!ksi.raw.some((line) => line.includes('it boots slowly'))) await delay(5)
      saveNumber(project, 32)
    },
    probe: answersWith(32),
  },
  {
    name: 'a save while the new code takes over',
    expect: 'taken over',
    edit: async (project, ksi) => {
      const { generation } = await ksi.status()
      project.edit(health, (text) =>
        text.replace(
          "core.router.on(\n    'system:health'",
          "core.router.on('system:startup', () => new Promise((resolve) => setTimeout(resolve, 300)), " +
            "{ service: 'slow' })\n  core.router.on(\n    'system:health'",
        ),
      )
      // The old one has let go: only the supervisor answers.
      await ksi.untilStatus(({ phase }) => phase === 'swapping')
      assert.equal((await ksi.status()).generation, generation)
      project.edit(health, (text) => text.replace(/save: \d+/, 'save: 33'))
    },
    probe: answersWith(33),
  },
  {
    name: 'a broken save and its repair at once',
    expect: 'taken over',
    edit: async (project, ksi) => {
      const { failed_swaps: before } = await ksi.status()
      saveNumber(project, 34, 'const = 1')
      await ksi.untilStatus(({ phase, failed_swaps: failed }) => phase === 'swapping' || failed > before)
      saveNumber(project, 35)
    },
    probe: answersWith(35),
  },
  {
    name: 'a file deleted that nobody imports',
    expect: 'taken over',
    edit: (project) => rmSync(project.path(unused)),
    probe: async ({ client }) => {
      const reloaded = (): Push | undefined => client.pushes.find((push) => push.event === 'system:reloaded')
      await client.until(() => reloaded() !== undefined)
      assert.deepEqual(reloaded()?.data.files, [unused])
    },
  },
  {
    name: 'a file renamed, its import mended in a second save',
    expect: 'refused',
    error: /Cannot find module .*housekeeping\.ts/,
    files: ['src/daemon/housekeeping.ts', 'src/daemon/tidying.ts'],
    edit: (project) => renameSync(project.path('src/daemon/housekeeping.ts'), project.path('src/daemon/tidying.ts')),
    repair: (project) =>
      project.edit('src/daemon/generation.ts', (text) => text.replace('./housekeeping.ts', './tidying.ts')),
  },
]

test('many saves at once, saves during swaps, files that come and go, while 20 requests run and 80 wait', async (t) => {
  using project = makeProject({ changesReplies: true })
  writeFileSync(project.path(unused), 'export const unused = 1\n')
  await using ksi = await Ksi.start(project)
  const matrix = new EditMatrix(project, ksi)
  for (const edit of edits) await t.test(edit.name, (entry) => matrix.run(entry, edit))
})
