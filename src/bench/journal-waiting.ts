import { Journal } from '../store/journal.ts'

/** Makes a journal in which so many conversations wait an hour for another try. */
export function fillWaiting(path: string, count: number): void {
  const now = Date.now()
  const journal = Journal.open(path, 'bench', { suspect: false, now })
  const { requests, runs } = journal
  journal.tx(() => {
    for (let i = 0; i < count; i++) {
      const request_id = `waits-${i}`
      const tick = journal.emitAny('completion:queued', { request_id }, request_id)
      requests.accept({
        request_id,
        conversation: request_id,
        session_id: null,
        agent_id: null,
        priority: 'ASYNC',
        event: 'completion:async',
        model: 'echo/echo',
        on_restart: 'fail',
        digest: '',
        client: null,
        now,
        tick,
        payload: '{"prompt":"waits"}',
      })
      const started = journal.emitAny('completion:progress', { request_id }, request_id)
      const run = { run_id: request_id, runner_id: null, epoch: 1, deadline: null, resumed_from: null }
      runs.start({ id: tick, conversation: request_id }, { ...run, tick: started, now })
      requests.requeue(request_id, { notBefore: now + 3_600_000, uncounted: false, now, run: 'again' })
    }
  })
  journal.close()
}
