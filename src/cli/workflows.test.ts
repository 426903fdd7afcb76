import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { parse } from 'yaml'
import { smoke } from './commands/smoke.ts'

interface Step {
  uses?: string
  run?: string
  with?: Record<string, unknown>
}

interface Workflow {
  permissions: Record<string, string>
  concurrency: { 'cancel-in-progress': boolean }
  jobs: Record<string, { permissions?: unknown; 'timeout-minutes': number; steps: Step[] }>
}

const home = join(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(join(home, file), 'utf8')
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
const builtIn = ['ci', 'cit', 'install', 'test', 'start']

const examples = Array.from(read('docs/ci.md').matchAll(/```yaml\n([^]*?)```/g), ([, text = '']) => text)
const workflows: [name: string, text: string][] = [
  ...readdirSync(join(home, '.github/workflows')).map((name): [string, string] => [
    name,
    read(`.github/workflows/${name}`),
  ]),
  ...examples.map((text): [string, string] => ['the example in docs/ci.md', text]),
]

/** The npm scripts that a shell line runs. */
function scriptsIn(shell: string): string[] {
  return Array.from(shell.matchAll(/\bnpm (?:--?\S+ )*(run )?(?:--prefix \S+ )?([\w:]+)/g), ([, run, name = '']) =>
    run === undefined && builtIn.includes(name) ? '' : name,
  ).filter(Boolean)
}

/** Options given to `ksi smoke` in a shell line. */
function smokeOptionsIn(shell: string): string[] {
  return Array.from(shell.matchAll(/\bsmoke((?: (?:--?\S+|"[^"]*"))*)/g), ([, all = '']) =>
    Array.from(all.matchAll(/--([a-z]+)/g), ([, option = '']) => option),
  ).flat()
}

test('the command lines that are looked for are found', () => {
  assert.deepEqual(scriptsIn('npm ci --prefix x && npm run a:b -- --c; npm run --prefix ksi ksi -- smoke'), [
    'a:b',
    'ksi',
  ])
  assert.deepEqual(smokeOptionsIn('npm run ksi -- smoke --local --junit "$X/y.xml"'), ['local', 'junit'])
  assert.equal(examples.length, 1)
})

for (const [name, text] of workflows)
  describe(name, () => {
    const workflow = parse(text) as Workflow
    const jobs = Object.entries(workflow.jobs)
    const steps = jobs.flatMap(([, job]) => job.steps)

    test('names only scripts and options there are', () => {
      const shells = steps.flatMap(({ run }) => run ?? [])
      assert.ok(shells.length > 0)
      assert.deepEqual(
        shells.flatMap(scriptsIn).filter((script) => !Object.hasOwn(scripts, script)),
        [],
      )
      const options = shells.flatMap(smokeOptionsIn).filter((option) => !option.startsWith('$'))
      assert.deepEqual(
        options.filter((option) => !Object.hasOwn(smoke.options, option)),
        [],
      )
    })

    test('may read and nothing else, keeps no credentials, and has a time limit for each job', () => {
      assert.deepEqual(workflow.permissions, { contents: 'read' })
      assert.equal(workflow.concurrency['cancel-in-progress'], true)
      for (const [job, { permissions, 'timeout-minutes': minutes }] of jobs) {
        assert.equal(permissions, undefined, job)
        assert.ok(minutes > 0 && minutes <= 360, job)
      }
      for (const { uses, with: given } of steps)
        if (uses?.startsWith('actions/checkout@') === true) assert.equal(given?.['persist-credentials'], false)
    })

    test('pins each action by a hash, and says which tag that is', () => {
      for (const [line] of text.matchAll(/^.*\buses:.*$/gm))
        assert.match(line, /uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
    })
  })

test('the same action is pinned to the same hash everywhere', () => {
  const pins = workflows.flatMap(([, text]) => Array.from(text.matchAll(/uses: (\S+)@(\S+)/g)))
  const byAction = Map.groupBy(pins, ([, action]) => action)
  for (const [action, all] of byAction) assert.equal(new Set(all.map(([, , hash]) => hash)).size, 1, String(action))
})
