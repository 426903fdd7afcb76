import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { RequestStatus } from '../../contracts/completion.ts'
import { logDirOf } from '../../store/run-log/read-run.ts'
import { silentLog } from '../../lib/log.ts'
import { RunLog } from '../../store/run-log/run-log.ts'
import { muchText, setFull } from '../../store/testing/temp-journal.ts'
import type { Core } from '../core.ts'
import type { RunnerLink } from './runner-link.ts'
import { describeRequest } from './status.ts'
import { handleEvent } from '../wire/handle-event.ts'
import { internalContext } from '../wire/router.ts'
import { TestRoot, accept, begin, completed, contentOf, rowOf } from '../testing/test-core.ts'

/** A link that only notes which runs are committed. */
function fakeLink(): { link: RunnerLink; committed: string[] } {
  const committed: string[] = []
  const link = { id: '1', committed: (runId: string) => committed.push(runId), abort: () => {} }
  return { link: link as unknown as RunnerLink, committed }
}

/** What a runner that is no more has left: a run of each request, ended or cut short after some words. */
function leave(core: Core, requests: Record<string, 'ended' | 'cut'>): void {
  const log = new RunLog({
    dir: logDirOf(core.settings.paths.runLogs, '1'),
    log: silentLog(),
    onWritten: () => {},
  })
  for (const [id, end] of Object.entries(requests)) {
    log.begin({ run_id: `run-${id}`, request_id: id, attempt: 1, at: 1 })
    for (const text of ['Some ', 'words']) log.chunk(`run-${id}`, { kind: 'text', text })
    if (end === 'ended') log.end(`run-${id}`, completed('s'), 2)
  }
  log.close()
}

test('a restore takes in what dead runners left in their logs, writes its file, and run again changes nothing', () => {
  using root = new TestRoot()
  const core = root.core()
  for (const id of ['done', 'lost']) begin(core, accept(core, { request_id: id, session_id: id }))
  leave(core, { done: 'ended', lost: 'cut', 'of nobody': 'ended' })
  const service = root.completion(core)
  const report = service.restore(true)
  assert.deepEqual(report, { queued: 0, adopted: 0, requeued: 0, lost: 1, poisoned: 0, recovered_outcomes: 1 })
  service.open()
  assert.equal(core.requests.outcome('lost')?.partial, 'Some words')
  assert.equal(readFileSync(join(core.settings.paths.responses, 's.jsonl'), 'utf8').split('\n').length, 3)
  const content = contentOf(core)
  assert.deepEqual(service.restore(true), { ...report, lost: 0, recovered_outcomes: 0 })
  assert.deepEqual(contentOf(core), content)
})

test('what a dead runner left is taken in whole or not at all, and again after a restore that was cut', () => {
  using root = new TestRoot()
  const core = root.core()
  begin(core, accept(core, { request_id: 'done', session_id: 's' }))
  leave(core, { done: 'ended' })
  const service = root.completion(core)
  const cut = (): never =>
    core.journal.tx(() => {
      service.restore(false)
      throw new Error('cut')
    })
  assert.throws(cut, /cut/)
  assert.equal(rowOf(core, 'done').state, 'processing')
  core.journal.tx(() => service.restore(false))
  assert.equal(rowOf(core, 'done').state, 'completed')
})

test('the log of a runner that lives is not looked into; what it says before it dies is taken in after that', () => {
  using root = new TestRoot()
  const core = root.core()
  const service = root.completion(core)
  const { link } = fakeLink()
  let living: RunnerLink | undefined = link
  service.links.get = () => living
  begin(core, accept(core, { request_id: 'a', session_id: 's' }))
  service.welcomed(link, [{ run_id: 'run-a', request_id: 'a', started_at: 1 }])
  assert.equal(service.restore(false).adopted, 1)
  service.open()
  leave(core, { a: 'ended' })
  living = undefined
  service.gone('1')
  assert.equal(rowOf(core, 'a').state, 'completed')
})

test('a runner keeps an outcome until the generation that took it in is live: its journal may yet be given up', () => {
  using root = new TestRoot()
  const core = root.core()
  const service = root.completion(core)
  const { link, committed } = fakeLink()
  service.links.get = () => link
  begin(core, accept(core, { request_id: 'a', session_id: 's' }))
  service.welcomed(link, [{ run_id: 'run-a', request_id: 'a', started_at: 1 }])
  service.restore(false)
  service.outcomes(link, [{ run_id: 'run-a', request_id: 'a', outcome: completed('s') }])
  assert.deepEqual([rowOf(core, 'a').state, committed], ['completed', []])
  service.open()
  assert.deepEqual(committed, ['run-a'])
})

test('who waits is answered at the outcome, at the time limit with the present state, and by a restore', async () => {
  using root = new TestRoot()
  const core = root.core()
  const service = root.completion(core)
  service.restore(false)
  for (const id of ['a', 'b']) begin(core, accept(core, { request_id: id, session_id: id }))
  const wait = async (request_id: string, timeout_ms: number): Promise<RequestStatus> => {
    const [status] = await core.router.emit('completion:wait', { request_id, timeout_ms })
    return status as RequestStatus
  }
  assert.equal((await wait('a', 0)).status, 'processing')
  assert.equal((await wait('a', 5)).status, 'processing')
  const waiting = [wait('a', 60_000), wait('a', 60_000), wait('b', 60_000)]
  service.outcomes(fakeLink().link, [{ run_id: 'run-a', request_id: 'a', outcome: completed('s') }])
  core.journal.tx(() => service.restore(false))
  const [first, second, lost] = await Promise.all(waiting)
  assert.deepEqual(
    [first?.status, second?.result?.response.result, lost?.reason],
    ['completed', 'done', 'daemon_restart'],
  )
  await assert.rejects(async () => wait('unknown', 5), { code: 'KSI_NOT_FOUND' })
})

test('an outcome that finds the disk full is taken in later, once, and the runner keeps it until then', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  using root = new TestRoot()
  const core = root.core()
  const service = root.completion(core)
  service.restore(false)
  service.open()
  begin(core, accept(core, { request_id: 'a', session_id: 's' }))
  const { link, committed } = fakeLink()
  setFull(core.journal, true)
  const outcome = { ...completed('s'), response: { result: muchText } } as ReturnType<typeof completed>
  service.outcomes(link, [{ run_id: 'run-a', request_id: 'a', outcome: outcome }])
  t.mock.timers.tick(1_000)
  assert.deepEqual([rowOf(core, 'a').state, committed], ['processing', []])
  setFull(core.journal, false)
  t.mock.timers.tick(1_000)
  assert.deepEqual([rowOf(core, 'a').state, committed], ['completed', ['run-a']])
  service.outcomes(link, [{ run_id: 'run-a', request_id: 'a', outcome: outcome }])
  assert.deepEqual(committed, ['run-a', 'run-a'], 'said again, it is forgotten again')
  assert.equal(core.events.after(0, 100).filter(({ name }) => name === 'completion:result').length, 1)
})

test('news and the end of a runner do not end a daemon whose disk is full', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  using root = new TestRoot()
  const core = root.core()
  const service = root.completion(core)
  service.restore(false)
  begin(core, accept(core, { request_id: 'a', session_id: muchName }))
  setFull(core.journal, true)
  service.progress('a', { text: muchText })
  fillTheRest(core)
  service.gone('1')
  assert.equal(rowOf(core, 'a').state, 'processing')
  setFull(core.journal, false)
  t.mock.timers.tick(1_000)
  assert.equal(core.requests.outcome('a')?.reason, 'daemon_restart')
})

const muchName = 's'.repeat(150)

/** Uses up what room the last pages of the events have. */
function fillTheRest(core: Core): void {
  assert.throws(
    () => {
      for (;;) core.journal.tx(() => core.journal.emitAny('filler', {}))
    },
    { code: 'SQLITE_FULL' },
  )
}

test("an outcome of a run that is no longer the request's changes nothing", () => {
  using root = new TestRoot()
  const core = root.core()
  const service = root.completion(core)
  service.restore(false)
  service.open()
  begin(core, accept(core, { request_id: 'a', session_id: 's' }))
  const { link, committed } = fakeLink()
  service.outcomes(link, [{ run_id: 'an older run', request_id: 'a', outcome: completed('s') }])
  service.outcomes(link, [{ run_id: 'run-x', request_id: 'unknown', outcome: completed('s') }])
  assert.deepEqual([rowOf(core, 'a').state, committed], ['processing', ['an older run', 'run-x']])
})

test('a queued request is cancelled at once; a running one keeps its conversation until its run has ended', () => {
  using root = new TestRoot()
  const core = root.core()
  const service = root.completion(core)
  service.restore(false)
  for (const id of ['runs', 'waits', 'last']) accept(core, { request_id: id, session_id: 's' })
  begin(core, 'runs')
  const cancel = (id: string): unknown => core.journal.tx(() => service.cancel(id))
  cancel('waits')
  assert.deepEqual([core.requests.head('s')?.request_id, core.conversations.get('s')?.queued], ['last', 1])
  cancel('runs')
  assert.equal(core.conversations.runnable(1)[0], undefined)
  service.outcomes(fakeLink().link, [{ run_id: 'run-runs', request_id: 'runs', outcome: completed('s') }])
  assert.deepEqual([rowOf(core, 'runs').state, core.conversations.runnable(1)[0]], ['cancelled', 's'])
  assert.throws(() => cancel('runs'), { code: 'KSI_BAD_REQUEST', message: 'Request runs already cancelled' })
  assert.throws(() => cancel('unknown'), { code: 'KSI_NOT_FOUND' })
})

test('what was given to a runner that ended in peace without reading it is queued again, not told as lost', () => {
  using root = new TestRoot()
  const core = root.core()
  for (const [id, runner] of [
    ['unread', 'drained'],
    ['lost', 'dead'],
  ] as const)
    begin(core, accept(core, { request_id: id, session_id: id }), runner)
  const service = root.completion(core)
  service.links.update([], ['drained'])
  const report = service.restore(false)
  assert.deepEqual([report.requeued, report.lost], [1, 1])
  assert.deepEqual(
    [rowOf(core, 'unread').state, rowOf(core, 'unread').attempts, rowOf(core, 'lost').state],
    ['queued', 0, 'failed'],
  )
})

test('outcomes that come together are one transaction; one that cannot be taken in troubles no other', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  using root = new TestRoot()
  const core = root.core()
  const service = root.completion(core)
  service.restore(false)
  service.open()
  const ids = ['a', 'bad', 'c']
  for (const id of ids) begin(core, accept(core, { request_id: id, session_id: id }))
  const finish = core.requests.finish.bind(core.requests)
  const broken = t.mock.method(core.requests, 'finish', (...[id, end]: Parameters<typeof finish>) => {
    if (id === 'bad') throw new Error('a bug was saved')
    return finish(id, end)
  })
  const transactions: number[] = []
  core.journal.onEvents((events) => transactions.push(events.length))
  const { link, committed } = fakeLink()
  service.outcomes(
    link,
    ids.map((id) => ({ run_id: `run-${id}`, request_id: id, outcome: completed(id) })),
  )
  assert.deepEqual([transactions, committed], [[2], ['run-a', 'run-c']])
  assert.equal(rowOf(core, 'bad').state, 'processing')
  broken.mock.restore()
  t.mock.timers.tick(1_000)
  assert.deepEqual([rowOf(core, 'bad').state, committed.at(-1)], ['completed', 'run-bad'])
})

test('with KSI_DURABILITY=disk who waits is answered, the runner forgets, once the outcome is on disk', async () => {
  using root = new TestRoot()
  const ends: (() => void)[] = []
  const core = root.core({}, { durability: 'disk', sync: (_fd, done) => void ends.push(() => done(null)) })
  const service = root.completion(core)
  service.restore(false)
  service.open()
  begin(core, accept(core, { request_id: 'a', session_id: 's' }))
  const { link, committed } = fakeLink()
  const wait = async (timeout_ms: number): Promise<RequestStatus> =>
    (await core.router.emit('completion:wait', { request_id: 'a', timeout_ms }))[0] as RequestStatus
  const told: string[] = []
  const waiting = [wait(60_000).then(() => told.push('first'))]
  service.outcomes(link, [{ run_id: 'run-a', request_id: 'a', outcome: completed('s') }])
  waiting.push(wait(0).then(() => told.push('second')))
  while (ends.length === 0) await new Promise(setImmediate)
  const file = join(core.settings.paths.responses, 's.jsonl')
  assert.deepEqual([rowOf(core, 'a').state, told, committed, existsSync(file)], ['completed', [], [], false])
  ends.shift()?.()
  await Promise.all(waiting)
  assert.deepEqual([told.toSorted(), committed, existsSync(file)], [['first', 'second'], ['run-a'], true])
})

test('a log that is torn or cannot be read is no trouble to a restore: what is in it no more is told as lost', () => {
  using root = new TestRoot()
  const core = root.core()
  for (const id of ['a', 'b']) begin(core, accept(core, { request_id: id, session_id: id }))
  leave(core, { a: 'ended', b: 'ended' })
  const file = join(logDirOf(core.settings.paths.runLogs, '1'), '000001.log')
  const lines = readFileSync(file, 'utf8').split('\n')
  writeFileSync(file, `${lines.slice(0, 4).join('\n')}\n{"garbage\n${lines.slice(4).join('\n').slice(0, -30)}`)
  const { lost, recovered_outcomes } = root.completion(core).restore(true)
  assert.deepEqual([recovered_outcomes, lost], [1, 1])
})

test('a failed or cancelled request is queued once more under an id of its own, linked to the old one', () => {
  using root = new TestRoot()
  const core = root.core()
  const service = root.completion(core)
  accept(core, { request_id: 'first', prompt: 'say it', extra_body: { echo: { latency_ms: 1 } } })
  const retry = (data: Record<string, unknown>): Record<string, unknown> => {
    const context = { ...internalContext, eventId: `retry-${JSON.stringify(data)}` }
    const results = handleEvent(core, { event: 'completion:retry', data, context, again: false })
    assert.ok(!(results instanceof Promise))
    return results[0] as Record<string, unknown>
  }
  assert.match(String(retry({ request_id: 'first' }).error), /first is queued: only a failed or cancelled one/)
  core.journal.tx(() => service.cancel('first'))
  const again = retry({ request_id: 'first', as: 'second' })
  const { conversation } = rowOf(core, 'first')
  assert.deepEqual(
    [again.request_id, again.status, again.retry_of, again.conversation],
    ['second', 'queued', 'first', conversation],
  )
  const payload = core.requests.payload('second')
  assert.ok(payload)
  const { request_id, retry_of, conversation_id, ...content } = payload
  assert.deepEqual([request_id, retry_of, conversation_id], ['second', 'first', conversation])
  assert.deepEqual(content, { prompt: 'say it', extra_body: { echo: { latency_ms: 1 } } })
  assert.equal(describeRequest(core, 'second').retry_of, 'first')
  assert.deepEqual(
    [describeRequest(core, 'first').status, describeRequest(core, 'first').retry_of],
    ['cancelled', undefined],
  )
  assert.match(String(retry({ request_id: 'nobody' }).error), /Unknown request_id: nobody/)
})
