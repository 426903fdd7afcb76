import type { RequestStatus } from '../../contracts/completion.ts'
import { exitCodes, KsiError } from '../../lib/errors.ts'
import { assertNoMore, didYouMean } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { reach } from '../daemon-link.ts'
import { brief, columns, duration, moment, print, printJson } from '../output.ts'

const verbs = { show, cancel, retry }

export const request: Command = {
  usage: 'request show|cancel|retry ID [--as NEW_ID]',
  examples: [
    ['request show d0a5e281', 'how it stands, and what came of it'],
    ['request cancel d0a5e281', 'take it out of the queue, or end its run'],
    ['request retry d0a5e281', 'queue a failed or cancelled one once more, under an id of its own'],
  ],
  words: 2,
  options: { as: { type: 'string', help: 'NEW_ID  retry: the id of the new one; default: one is made' } },
  notes: ['Ids are whole: `ksi status`, `ksi sessions ID` and `ksi watch` show them.'],
  run: (invocation) => {
    const [verb = '', id, ...more] = invocation.positionals
    if (!isVerb(verb))
      throw new KsiError(
        'KSI_BAD_REQUEST',
        `Say what to do: ksi ${request.usage}.${didYouMean(verb, Object.keys(verbs))}`,
      )
    if (id === undefined) throw new KsiError('KSI_BAD_REQUEST', `Say which request: ksi request ${verb} ID.`)
    if (invocation.values['as'] !== undefined && verb !== 'retry')
      throw new KsiError('KSI_BAD_REQUEST', `--as is for retry, not for ${verb}.`)
    assertNoMore(request.usage, more, 0)
    return verbs[verb](invocation, id)
  },
}

function isVerb(text: string): text is keyof typeof verbs {
  return Object.hasOwn(verbs, text)
}

async function show(invocation: Invocation, id: string): Promise<number> {
  await using client = await reach(invocation)
  const reply = await client.request('completion:status', { request_id: id })
  if (!('request_id' in reply))
    throw new KsiError('KSI_INTERNAL', 'The daemon told of the service, not of the request.')
  if (invocation.json) printJson(reply)
  else print(describe(reply))
  return exitCodes.ok
}

async function cancel(invocation: Invocation, id: string): Promise<number> {
  await using client = await reach(invocation)
  const reply = await client.request('completion:cancel', { request_id: id })
  if (invocation.json) printJson(reply)
  else print(`Request ${reply.request_id} is cancelled.`)
  return exitCodes.ok
}

async function retry(invocation: Invocation, id: string): Promise<number> {
  const { as } = invocation.values
  await using client = await reach(invocation)
  const data = { request_id: id, ...(typeof as === 'string' ? { as } : {}) }
  const reply = await client.request('completion:retry', data)
  if (invocation.json) printJson(reply)
  else print(`Request ${reply.retry_of} is queued again as ${reply.request_id}.`)
  return exitCodes.ok
}

function describe(request: RequestStatus): string {
  const { queued_at, started_at, completed_at, result, next_try_at } = request
  const took =
    started_at === null || completed_at === null ? undefined : Date.parse(completed_at) - Date.parse(started_at)
  const answer = result?.response['result'] ?? result?.response['text']
  const rows: (readonly [string, string | null | undefined])[] = [
    ['status', request.status],
    ['reason', request.reason],
    ['message', request.message],
    ['conversation', request.conversation],
    ['session', request.session_id],
    ['agent', request.agent_id],
    ['model', request.model],
    ['priority', request.priority],
    ['attempts', `${request.attempts}${request.crash_count > 0 ? `, ${request.crash_count} with the daemon` : ''}`],
    ['queued', moment(queued_at)],
    ['started', started_at === null ? null : moment(started_at)],
    [
      'ended',
      completed_at === null ? null : `${moment(completed_at)}${took === undefined ? '' : `, ${duration(took)}`}`,
    ],
    ['next try', next_try_at === undefined ? undefined : moment(next_try_at)],
    ['repeats', request.retry_of],
    ['resumed from', request.resumed_from],
    ['answer', typeof answer === 'string' ? brief(answer, 200) : undefined],
  ]
  const told = rows.flatMap(([name, value]) => (value === null || value === undefined ? [] : [[name, value]]))
  return [`Request ${request.request_id}`, columns(told, '  ')].join('\n')
}
