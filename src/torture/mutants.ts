import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { replaceOnce } from '../testing/mutants/mutant.ts'

type Mistake = readonly [name: string, file: string, from: string, to: string]

/** Mistakes in the queue core, each of which some world must find. */
const mistakes: Mistake[] = [
  [
    'an INJECT does not go ahead of a waiting ASYNC',
    'store/requests.ts',
    'const rank = { INJECT: 1, ASYNC: 2 } as const',
    'const rank = { INJECT: 2, ASYNC: 2 } as const',
  ],
  [
    'what is queued again goes to the end',
    'store/requests.ts',
    "state = 'queued', rank = 0,",
    "state = 'queued', rank = 2,",
  ],
  [
    'a cancelled run frees its conversation at once',
    'store/requests.ts',
    "else if (state !== 'cancelled') this.#runs.end(",
    'else this.#runs.end(',
  ],
  [
    'the end of a run frees nothing',
    'store/runs.ts',
    'SET busy = 0 WHERE conversation = ?',
    'SET busy = 1 WHERE conversation = ?',
  ],
  [
    'a start does not work out the head anew',
    'store/runs.ts',
    "SET busy = 1, last_used_at = @now, queued = queued - 1, ${headOfQueue('@conversation')}",
    'SET busy = 1, last_used_at = @now, queued = queued - 1',
  ],
  [
    'an outcome that comes late is taken for that of the newest run',
    'daemon/completion/taking-in.ts',
    'if (row === undefined || row.run_id !== run.run_id) return',
    'if (row === undefined) return',
  ],
  [
    'what a dead runner has left is not looked at',
    'daemon/completion/reconcile.ts',
    'world.left(row.runner_id, runId)',
    'undefined as RunOutcome | undefined',
  ],
  [
    'what was never begun is told as lost',
    'daemon/completion/reconcile.ts',
    "} else if (knowledge === 'gone') {",
    "} else if (knowledge === 'gone' || held === undefined) {",
  ],
  [
    'a cancelled request that runs no more keeps its conversation for ever',
    'daemon/completion/reconcile.ts',
    "else if (!stillRuns(world, run)) core.journal.runs.end(run, 'cancelled', Date.now())",
    'else stillRuns(world, run)',
  ],
  [
    'a wait is never over',
    'store/conversations.ts',
    'not_before <= ? ORDER BY not_before LIMIT ?',
    'not_before <= ? - 1000000000 ORDER BY not_before LIMIT ?',
  ],
]

const worlds = 100

/** Makes each in a copy of the source, and counts the worlds that find it. @returns 0 when all are found */
export function findMutants(): number {
  let missed = 0
  for (const mistake of mistakes) {
    const found = wrongWorlds(mistake)
    if (found === 0) missed += 1
    process.stdout.write(`${found} of ${worlds} worlds: ${mistake[0]}\n`)
  }
  process.stdout.write(`${missed} of ${mistakes.length} mistakes are not found\n`)
  return missed > 0 ? 1 : 0
}

function wrongWorlds([, file, from, to]: Mistake): number {
  const home = resolve(import.meta.dirname, '../..')
  const root = mkdtempSync(join(tmpdir(), 'ksi-torture-'))
  try {
    cpSync(join(home, 'src'), join(root, 'src'), { recursive: true })
    cpSync(join(home, 'package.json'), join(root, 'package.json'))
    symlinkSync(join(home, 'node_modules'), join(root, 'node_modules'))
    const path = join(root, 'src', file)
    writeFileSync(path, replaceOnce(readFileSync(path, 'utf8'), from, to))
    const args = [join(root, 'src/torture/main.ts'), '--seeds', String(worlds), '--count']
    const out = execFileSync(process.execPath, args, { encoding: 'utf8' })
    return Number(/(\d+) wrong/.exec(out)?.[1] ?? 0)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}
