import type { EventReply } from '../../contracts/events.ts'
import { exitCodes } from '../../lib/errors.ts'
import type { Command, Invocation } from '../command.ts'
import { reach } from '../daemon-link.ts'
import { columns, count, moment, print, printJson, say } from '../output.ts'

type Session = EventReply<'completion:session_status'>

export const sessions: Command = {
  usage: 'sessions [SESSION]',
  examples: [
    ['sessions', 'those that have something queued or running'],
    ['sessions demo', 'the requests of one, newest last'],
  ],
  words: 1,
  options: {},
  notes: ['A conversation that has no session yet is listed by its own id.'],
  run: async (invocation) => {
    const [id] = invocation.positionals
    return id === undefined ? list(invocation) : show(invocation, id)
  },
}

async function list(invocation: Invocation): Promise<number> {
  await using client = await reach(invocation)
  const reply = await client.request('completion:status')
  const busy = 'queues' in reply ? reply.queues.sessions : {}
  if (invocation.json) printJson({ sessions: busy })
  else if (Object.keys(busy).length === 0) say('No session has anything queued or running.')
  else
    print(
      columns([
        ['SESSION', 'QUEUED', 'RUNNING', 'NEXT TRY'],
        ...Object.entries(busy).map(([id, { queue_size, running, next_try_at }]) => [
          id,
          String(queue_size),
          running ?? '-',
          next_try_at === null ? '-' : moment(next_try_at),
        ]),
      ]),
    )
  return exitCodes.ok
}

async function show(invocation: Invocation, id: string): Promise<number> {
  await using client = await reach(invocation)
  const session = await client.request('completion:session_status', { session_id: id })
  if (invocation.json) printJson(session)
  else if (session.conversation === null) say(`There is no session ${id}.`)
  else print(describe(session))
  return session.conversation === null ? exitCodes.failed : exitCodes.ok
}

function describe({ session_id, conversation, completions, queue, session }: Session): string {
  const rows = completions.map(({ request_id, status, queued_at, reason }) => [
    request_id,
    status,
    moment(queued_at),
    reason ?? '',
  ])
  return [
    `Session ${session_id}, conversation ${conversation}: ${count(queue.queue_size, 'request')} queued` +
      (session.lock_holder === null ? '' : `, ${session.lock_holder} running`),
    ...(rows.length === 0 ? [] : [columns(rows, '  ')]),
  ].join('\n')
}
