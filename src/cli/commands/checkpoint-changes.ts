import type { EventInput } from '../../contracts/events.ts'
import type { CheckpointReplies, RestorePlan } from '../../contracts/events/dev.ts'
import { exitCodes, KsiError } from '../../lib/errors.ts'
import type { Invocation } from '../command.ts'
import { confirm } from '../confirm.ts'
import { reach } from '../daemon-link.ts'
import { columns, count, print, printJson, say } from '../output.ts'

/** A restore, clearing or export of a million requests takes as long as it takes, unless --timeout says how long. */
const patientMs = 600_000

/** Asks for an action of `dev:checkpoint`. */
export async function ask<A extends keyof CheckpointReplies>(
  invocation: Invocation,
  action: A,
  data: Omit<EventInput<'dev:checkpoint'>, 'action'> = {},
): Promise<CheckpointReplies[A]> {
  await using client = await reach(invocation)
  return (await client.request('dev:checkpoint', { action, ...data })) as CheckpointReplies[A]
}

/** Queues again what was lost since a checkpoint, after saying what that is. */
export async function restore(invocation: Invocation, number: number | undefined): Promise<number> {
  if (number === undefined)
    throw new KsiError('KSI_BAD_REQUEST', 'Say which: ksi checkpoint restore N. `ksi checkpoint list` names them.')
  const { values } = invocation
  const data = {
    checkpoint: number,
    replay: values['replay'] === true,
    ...(typeof values['conversation'] === 'string' && { conversation: values['conversation'] }),
  }
  await using client = await reach({ ...invocation, timeoutMs: invocation.timeoutMs ?? patientMs })
  const dry = await client.request('dev:restore', { ...data, dry_run: true })
  const due = dry.completion_results.restored_requests
  if (values['dry-run'] === true || due === 0) {
    if (invocation.json) printJson(dry)
    else print(describe(dry.plan, 'would be'))
    return exitCodes.ok
  }
  if (!invocation.json) say(describe(dry.plan, 'would be'))
  if (!(await confirm(`Restore ${count(due, 'request')} of checkpoint ${number}?`, values['yes'] === true)))
    return exitCodes.ok
  const done = await client.request('dev:restore', data)
  if (invocation.json) printJson(done)
  else print(describe(done.plan, 'are'))
  return done.completion_results.failed_requests > 0 ? exitCodes.failed : exitCodes.ok
}

function describe(plan: RestorePlan | undefined, verb: string): string {
  if (plan === undefined) return ''
  const { checkpoint, taken, requests } = plan
  const rows = requests.map(({ request_id, becomes, as, error }) => [
    request_id,
    error ?? (becomes === 'queued_again' ? `as ${as}` : 'under its id'),
  ])
  return [
    `Of checkpoint ${checkpoint}: ${plan.brought_back} ${verb} brought back, ` +
      `${plan.queued_again} ${verb} queued again; ${plan.stays} stay where they are, ${plan.completed} were completed.`,
    ...(rows.length === 0 ? [] : [columns(rows, '  ')]),
    ...(taken === null ? [] : [`Before that, checkpoint ${taken} was taken.`]),
  ].join('\n')
}

/** Prints all that a checkpoint shows: a line of JSON for itself, then one for each request. */
export async function exportAll(invocation: Invocation, number: number | undefined): Promise<number> {
  await using client = await reach({ ...invocation, timeoutMs: invocation.timeoutMs ?? patientMs })
  const data = number === undefined ? {} : { checkpoint: number }
  for (let after: number | null | undefined; after !== null;) {
    const reply = (await client.request('dev:checkpoint', {
      action: 'show',
      ...data,
      ...(after !== undefined && { after }),
    })) as CheckpointReplies['show']
    const { session_queues, active_operations, truncated: _, next, ...head } = reply
    // The newest may be another one by the next page.
    data.checkpoint = head.id
    if (after === undefined) {
      print(JSON.stringify(head))
      for (const [request_id, operation] of Object.entries(active_operations))
        print(JSON.stringify({ request_id, ...operation }))
    }
    for (const [session_id, queue] of Object.entries(session_queues))
      for (const request of queue) print(JSON.stringify({ ...request, session_id }))
    after = next
  }
  return exitCodes.ok
}

/** Takes a request out of the queues, as if it had never been asked for. */
export async function removeRequest(invocation: Invocation, id: string | undefined): Promise<number> {
  if (id === undefined) throw new KsiError('KSI_BAD_REQUEST', 'Say which: ksi checkpoint remove-request ID.')
  if (!(await confirm(`Remove the request ${id}?`, invocation.values['yes'] === true))) return exitCodes.ok
  const reply = await ask(invocation, 'remove_request', { request_id: id })
  if (invocation.json) printJson(reply)
  else print(`Request ${reply.request_id} is removed.`)
  return exitCodes.ok
}

/** Removes failed requests from the journal, or all finished ones. */
export async function clear(invocation: Invocation): Promise<number> {
  const all = invocation.values['all'] === true
  const what = all ? 'all finished requests' : 'the failed requests'
  if (!(await confirm(`Remove ${what} from the journal?`, invocation.values['yes'] === true))) return exitCodes.ok
  const patient = { ...invocation, timeoutMs: invocation.timeoutMs ?? patientMs }
  const reply = await ask(patient, all ? 'clear_all' : 'clear_failed')
  if (invocation.json) printJson(reply)
  else print(`${count(reply.removed_count, 'request')} removed, ${reply.remaining_count} are left.`)
  return exitCodes.ok
}
