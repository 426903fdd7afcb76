import type { CheckpointContent, CheckpointSummary } from '../../contracts/checkpoint.ts'
import type { EventInput } from '../../contracts/events.ts'
import type { CheckpointReplies } from '../../contracts/events/dev.ts'
import { checkpointReason } from '../../contracts/words.ts'
import { exitCodes, KsiError, messageOf } from '../../lib/errors.ts'
import { printable } from '../../lib/printable.ts'
import { assertNoMore, didYouMean } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { reach } from '../daemon-link.ts'
import { brief, columns, count, duration, moment, paint, print, printJson, say } from '../output.ts'

const defaultBestEffortMs = 5_000
// For the end of the process itself.
const exitMarginMs = 150

export const checkpoint: Command = {
  usage: 'checkpoint create|list|show|diff [N] [M] [--reason R] [--best-effort] [--timeout TIME]',
  examples: [
    ['checkpoint create', 'take one now'],
    ['checkpoint list', 'those there are, newest first'],
    ['checkpoint show 12 --json', 'its queues and active operations; without a number, of the newest'],
    ['checkpoint diff 11 12', 'what was added, started, finished in between'],
    ['checkpoint create --reason pre-stop --best-effort --timeout 5s', 'as a pre_stop hook'],
  ],
  words: Infinity,
  options: {
    reason: { type: 'string', help: 'R  create: manual (default), pre-stop, …' },
    'best-effort': {
      type: 'boolean',
      help: 'create: exit with 0 whatever happens, within the time limit (default 5s); the reason on stderr',
    },
  },
  run: (invocation) => {
    const [action = '', ...numbers] = invocation.positionals
    const numbersOf: Record<string, number> = { create: 0, list: 0, show: 1, diff: 2 }
    if (Object.hasOwn(numbersOf, action)) assertNoMore(checkpoint.usage, numbers, numbersOf[action] ?? 0)
    if (action === 'create')
      return invocation.values['best-effort'] === true ? createBestEffort(invocation) : create(invocation)
    if (action === 'list') return list(invocation)
    if (action === 'show') return show(invocation, readNumber(numbers[0]))
    if (action === 'diff') return diff(invocation, readNumber(numbers[0]), readNumber(numbers[1]))
    const hint = didYouMean(action, Object.keys(numbersOf))
    throw new KsiError('KSI_BAD_REQUEST', `Say what to do: ksi checkpoint create, list, show [N] or diff N [M].${hint}`)
  },
}

async function ask<A extends keyof CheckpointReplies>(
  invocation: Invocation,
  action: A,
  data: Omit<EventInput<'dev:checkpoint'>, 'action'> = {},
): Promise<CheckpointReplies[A]> {
  await using client = await reach(invocation)
  return (await client.request('dev:checkpoint', { action, ...data })) as CheckpointReplies[A]
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
  return kinds.flatMap((kind) => [
    paint('bold', `${changes[kind].length} ${kind.replace('_', ' ')}`),
    ...changes[kind].map((requestId) => `  ${printable(requestId)}`),
  ])
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
