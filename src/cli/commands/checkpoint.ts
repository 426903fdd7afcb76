import type { CheckpointContent, CheckpointSummary } from '../../contracts/checkpoint.ts'
import type { EventInput } from '../../contracts/events.ts'
import type { CheckpointReplies } from '../../contracts/events/dev.ts'
import { checkpointReason } from '../../contracts/words.ts'
import { exitCodes, KsiError, messageOf } from '../../lib/errors.ts'
import { printable } from '../../lib/printable.ts'
import { assertNoMore, didYouMean } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { ask, clear, exportAll, removeRequest, restore } from './checkpoint-changes.ts'
import { brief, columns, count, duration, moment, paint, print, printJson, say } from '../output.ts'

const defaultBestEffortMs = 5_000
// For the end of the process itself.
const exitMarginMs = 150

/** What each action takes: how many words, and which options beside those of all. */
const actions: Record<string, { run: (invocation: Invocation, words: string[]) => Promise<number>; words: number }> = {
  create: {
    run: (invocation) =>
      invocation.values['best-effort'] === true ? createBestEffort(invocation) : create(invocation),
    words: 0,
  },
  list: { run: list, words: 0 },
  show: { run: (invocation, [number]) => show(invocation, readNumber(number)), words: 1 },
  diff: { run: (invocation, [number, against]) => diff(invocation, readNumber(number), readNumber(against)), words: 2 },
  restore: { run: (invocation, [number]) => restore(invocation, readNumber(number)), words: 1 },
  export: { run: (invocation, [number]) => exportAll(invocation, readNumber(number)), words: 1 },
  'remove-request': { run: (invocation, [id]) => removeRequest(invocation, id), words: 1 },
  clear: { run: clear, words: 0 },
}

const optionsOf: Record<string, string> = {
  reason: 'create',
  'best-effort': 'create',
  conversation: 'restore',
  'dry-run': 'restore',
  replay: 'restore',
  all: 'clear',
}

export const checkpoint: Command = {
  usage: 'checkpoint create|list|show|diff|restore|export|remove-request|clear [N] [M] [OPTIONS]',
  examples: [
    ['checkpoint create', 'take one now'],
    ['checkpoint list', 'those there are, newest first'],
    ['checkpoint show 12 --json', 'its queues and active operations; without a number, of the newest'],
    ['checkpoint diff 11 12', 'what was added, started, finished in between'],
    ['checkpoint restore 12 --dry-run', 'what would be queued again of what was lost since; without --dry-run, it is'],
    ['checkpoint export 12 > twelve.ndjson', 'all of it, a line for each request'],
    ['checkpoint clear --all', 'remove finished requests; without --all, failed ones'],
    ['checkpoint create --reason pre-stop --best-effort --timeout 5s', 'as a pre_stop hook'],
  ],
  words: Infinity,
  options: {
    reason: { type: 'string', help: 'R  create: manual (default), pre-stop, …' },
    'best-effort': {
      type: 'boolean',
      help: 'create: exit with 0 whatever happens, within the time limit (default 5s); the reason on stderr',
    },
    conversation: { type: 'string', help: 'C  restore: only what belongs to this conversation' },
    'dry-run': { type: 'boolean', help: 'restore: say what would be done, and do nothing' },
    replay: { type: 'boolean', help: 'restore: run again what was completed since, too' },
    all: { type: 'boolean', help: 'clear: completed and cancelled requests, too' },
    yes: { type: 'boolean', help: 'restore, remove-request, clear: do not ask' },
  },
  notes: ['A checkpoint shows what it showed, whatever is removed or cleared; docs/checkpoints.md tells more.'],
  run: (invocation) => {
    const [name = '', ...words] = invocation.positionals
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined
    if (action === undefined) {
      const hint = didYouMean(name, Object.keys(actions))
      throw new KsiError('KSI_BAD_REQUEST', `Say what to do: ksi ${checkpoint.usage}.${hint}`)
    }
    assertNoMore(checkpoint.usage, words, action.words)
    const stray = Object.keys(invocation.values).find((option) => (optionsOf[option] ?? name) !== name)
    if (stray !== undefined)
      throw new KsiError('KSI_BAD_REQUEST', `--${stray} is for ${optionsOf[stray] ?? ''}, not for ${name}.`)
    return action.run(invocation, words)
  },
}

async function create(invocation: Invocation): Promise<number> {
  const saved = await ask(invocation, 'create', { reason: readReason(invocation.values['reason']) })
  if (invocation.json) printJson(saved)
  else
    print(
      `Checkpoint ${saved.checkpoint} is saved: ${saved.queued_requests} queued, ` +
        `${saved.active_requests} running, in ${count(saved.sessions, 'session')}.`,
    )
  return exitCodes.ok
}

/** For hooks that must neither fail nor hold up a stop: SIGTERM alone is just as safe, this only comes earlier. */
async function createBestEffort(invocation: Invocation): Promise<number> {
  const limitMs = invocation.timeoutMs ?? defaultBestEffortMs
  // The limit is the whole process's: what Node took to get here counts.
  const leftMs = Math.max(1, limitMs - performance.now() - exitMarginMs)
  const timer = setTimeout(() => {
    say(`ksi: no checkpoint: no reply within ${duration(limitMs)}.`)
    process.exit(exitCodes.ok)
  }, leftMs)
  try {
    await create({ ...invocation, timeoutMs: limitMs * 2 })
  } catch (error) {
    say(`ksi: no checkpoint: ${messageOf(error)}`)
  }
  clearTimeout(timer)
  return exitCodes.ok
}

async function list(invocation: Invocation): Promise<number> {
  const { checkpoints } = await ask(invocation, 'list')
  if (invocation.json) printJson({ checkpoints })
  else if (checkpoints.length === 0) say('There is no checkpoint yet.')
  else
    print(
      columns([
        ['NUMBER', 'TAKEN', 'REASON', 'GENERATION', 'QUEUED', 'RUNNING', 'RESTORED'],
        ...checkpoints.map(toRow),
      ]),
    )
  return exitCodes.ok
}

function toRow(summary: CheckpointSummary): string[] {
  const { id, at, reason, generation, queued, active, restored_by } = summary
  return [
    String(id),
    moment(at),
    reason,
    String(generation),
    String(queued),
    String(active),
    restored_by === null ? '-' : `by generation ${restored_by}`,
  ]
}

async function show(invocation: Invocation, number: number | undefined): Promise<number> {
  const content = await ask(invocation, 'show', number === undefined ? {} : { checkpoint: number })
  if (invocation.json) printJson(content)
  else print(describe(content))
  return exitCodes.ok
}

function describe(content: CheckpointContent): string {
  const { id, at, reason, generation, files, session_queues, active_operations, module_failures } = content
  const head =
    `Checkpoint ${id}, ${reason}, ${moment(at)} (${duration(Date.now() - Date.parse(at))} ago), ` +
    `by generation ${generation}.`
  const running = Object.entries(active_operations).map(([requestId, { session_id, conversation, started_at }]) => [
    requestId,
    session_id ?? conversation,
    started_at === null ? '' : moment(started_at),
  ])
  const queues = Object.entries(session_queues).flatMap(([session, queue]) => [
    `  ${printable(session)}`,
    columns(
      queue.map(({ request_id, status, data }, n) => [
        `${n + 1}.`,
        request_id,
        status,
        brief(typeof data['prompt'] === 'string' ? data['prompt'] : JSON.stringify(data), 60),
      ]),
      '    ',
    ),
  ])
  return [
    head,
    ...(files.length === 0 ? [] : [`Changed: ${files.join(', ')}`]),
    ...module_failures.map(({ module, error }) => `Without the state of the module ${module}: ${error}`),
    paint('bold', `${running.length} running`),
    ...(running.length === 0 ? [] : [columns(running, '  ')]),
    paint('bold', `${content.queued} queued`),
    ...queues,
    ...(content.truncated ? [`  … and more: ksi checkpoint export ${id}`] : []),
  ].join('\n')
}

async function diff(invocation: Invocation, number: number | undefined, against: number | undefined): Promise<number> {
  if (number === undefined)
    throw new KsiError(
      'KSI_BAD_REQUEST',
      'Say which checkpoints to compare: ksi checkpoint diff N [M]; without M, the newest.',
    )
  const changes = await ask(invocation, 'diff', { checkpoint: number, ...(against === undefined ? {} : { against }) })
  if (invocation.json) printJson(changes)
  else print([`From checkpoint ${changes.checkpoint} to ${changes.against}:`, ...describeChanges(changes)].join('\n'))
  return exitCodes.ok
}

function describeChanges(changes: CheckpointReplies['diff']): string[] {
  const kinds = ['added', 'started', 'queued_again', 'finished'] as const
  return kinds.flatMap((kind) => {
    const more = changes.counts[kind] - changes[kind].length
    return [
      paint('bold', `${changes.counts[kind]} ${kind.replace('_', ' ')}`),
      ...changes[kind].map((requestId) => `  ${printable(requestId)}`),
      ...(more > 0 ? [`  … and ${more} more`] : []),
    ]
  })
}

function readReason(given: string | boolean | undefined): EventInput<'dev:checkpoint'>['reason'] {
  if (given === undefined) return undefined
  const reason = checkpointReason.safeParse(given)
  if (reason.success) return reason.data
  throw new KsiError('KSI_BAD_REQUEST', `--reason takes one of ${checkpointReason.options.join(', ')}, not "${given}".`)
}

function readNumber(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^[1-9]\d*$/.test(text))
    throw new KsiError(
      'KSI_BAD_REQUEST',
      `"${text}" is no checkpoint number. \`ksi checkpoint list\` names those there are.`,
    )
  return Number(text)
}
