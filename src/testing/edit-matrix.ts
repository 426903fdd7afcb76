import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { SupervisorStatus } from '../contracts/control.ts'
import type { Ksi } from './ksi.ts'
import type { Project } from './project.ts'
import { snapshotOf } from './snapshot.ts'
import type { Snapshot } from './snapshot.ts'
import type { WireClient } from './wire-client.ts'
import { assertAllDone, outcomesOf } from './work.ts'
import type { Sent } from './work.ts'

/** What an edit's own checks work with. */
export interface Situation {
  project: Project
  ksi: Ksi
  client: WireClient
  /** the status when the edit was made */
  before: SupervisorStatus
}

/** One way to save code while work is going on. */
export interface Edit {
  name: string
  /** Makes the edit as a person would: one save or several. */
  edit: (project: Project, ksi: Ksi) => void | Promise<void>
  /**
   * taken over: new code is live and nothing is wrong · refused: the code before serves on, the status says why and
   * names the files, the repaired save takes over · in trouble: it is live and serves on, the status says what is wrong
   * · ignored: nothing happens, as `probe` has to show
   */
  expect: 'taken over' | 'refused' | 'in trouble' | 'ignored'
  /** refused, in trouble: stands in the reported error */
  error?: RegExp
  /**
   * refused: the files that are saved. The status names those of the change that failed: two saves may be two changes.
   */
  files?: string[]
  /** Made before the work begins. */
  prepare?: (project: Project) => void
  /** Whether it is really the new code that runs. */
  probe?: (situation: Situation) => Promise<void>
  /** The save that mends it. Without it, all is put back as it was. */
  repair?: (project: Project) => void
  /** Looks at things after the repair. */
  probeRepair?: (situation: Situation) => Promise<void>
  /** Each request takes so long: long enough that work spans the edit. */
  latencyMs?: number
  /** Generations that die of it. */
  crashes?: number
}

const conversations = 20
const perConversation = 5
/** The runner writes its log line at once, the pipe brings it a little later. */
const logLagMs = 3_000

/** Makes edits on one running ksi, each while 20 requests run and 80 wait, and checks what holds after every one. */
export class EditMatrix {
  readonly #project: Project
  readonly #ksi: Ksi
  readonly #statusUrl: string | undefined
  #n = 0

  /** @param statusUrl the sidecar's `/status`, where there is one */
  constructor(project: Project, ksi: Ksi, statusUrl?: string) {
    this.#project = project
    this.#ksi = ksi
    this.#statusUrl = statusUrl
  }

  /** Runs one edit from a whole project to a whole project, also where a check fails. */
  async run(t: TestContext, edit: Edit): Promise<void> {
    edit.prepare?.(this.#project)
    const whole = snapshotOf(this.#project.path('src'))
    const begun = performance.now()
    let passed = false
    try {
      const told = await this.#check(edit, () => whole.restore())
      passed = true
      t.diagnostic(`${edit.name}: ${Math.round(performance.now() - begun)} ms (${told})`)
    } finally {
      if (!passed) await this.#startOver(whole)
    }
  }

  /** After a failed check: the next edit must find things whole. */
  async #startOver(whole: Snapshot): Promise<void> {
    whole.restore()
    this.#project.edit('src/daemon/health.ts', (text) => `${text}\n// over\n`)
    await this.#ksi.untilStatus((status) => isWell(status) && status.runners.length === 1).catch(() => undefined)
    using client = await this.#ksi.client()
    await untilReply(client, 'system:health', ({ queued, processing }) => queued === 0 && processing === 0).catch(
      () => undefined,
    )
  }

  async #check(edit: Edit, restore: () => void): Promise<string> {
    const ksi = this.#ksi
    using client = await ksi.client()
    await client.request('monitor:subscribe', { event_patterns: ['*'] })
    const before = await ksi.untilStatus((status) => isWell(status) && status.runners.length === 1)
    const sent = await this.#sendWork(client, edit.latencyMs ?? 250)
    const situation: Situation = { project: this.#project, ksi, client, before }
    const saved = performance.now()
    await edit.edit(this.#project, ksi)
    await this.#meets(edit, situation)
    const tookMs = performance.now() - saved
    const open = conversations * perConversation - outcomesOf(client).length
    await edit.probe?.(situation)
    if (edit.expect === 'refused' || edit.expect === 'in trouble') await this.#repair(edit, situation, restore)
    await untilDone(client, sent)
    await untilLogged(ksi, sent)
    assertAllDone(client, sent, await ksi.runsByRequest())
    await this.#assertWell(edit, situation)
    return `${edit.expect} after ${Math.round(tookMs)} ms with ${open} of ${conversations * perConversation} open`
  }

  /** All at once on one connection, which keeps their order; resolves when 20 run and 80 wait. */
  async #sendWork(client: WireClient, latencyMs: number): Promise<Sent> {
    const tag = `e${this.#n++}-`
    const sent: Sent = new Map()
    const replies: Promise<unknown>[] = []
    for (let i = 0; i < perConversation; i++) {
      for (let c = 0; c < conversations; c++) {
        const session_id = `${tag}${c}`
        const request_id = `${session_id}-${i}`
        sent.set(session_id, [...(sent.get(session_id) ?? []), request_id])
        const extra_body = { echo: { latency_ms: latencyMs } }
        replies.push(
          client.request('completion:async', { prompt: `say ${request_id}`, session_id, request_id, extra_body }),
        )
      }
    }
    await Promise.all(replies)
    await client.until(
      (c) => c.pushes.filter((push) => push.data.status === 'calling_provider').length >= conversations,
    )
    assert.ok(outcomesOf(client).length <= conversations, 'the edit comes while most of the work waits')
    return sent
  }

  async #meets(edit: Edit, { ksi, client, before }: Situation): Promise<void> {
    const generation = before.generation ?? 0
    if (edit.expect === 'ignored') return
    if (edit.expect === 'taken over') {
      await ksi.untilStatus((status) => (status.generation ?? 0) > generation && isWell(status))
      return
    }
    if (edit.expect === 'in trouble') {
      const status = await ksi.untilStatus(({ trouble }) => trouble !== null)
      assert.match(`${status.trouble?.error.message}`, edit.error ?? /./)
      assert.equal(status.generation, generation + 1, 'the new code is live and stays it')
      assert.equal((await client.request('system:health')).status, 'healthy')
      await this.#untilPage('warn', edit.error)
      return
    }
    const status = await ksi.untilStatus(({ last_failure, phase }) => last_failure !== null && phase === 'live')
    const { error, files = [] } = status.last_failure ?? {}
    assert.match(`${error?.message}\n${error?.stack}`, edit.error ?? /./)
    const expected = edit.files ?? []
    assert.ok(
      files.length > 0 && files.every((file) => expected.includes(file)),
      `${files.join(', ')} instead of ${expected.join(', ')}`,
    )
    for (const file of files) assert.ok(status.problem?.includes(file), `the problem names ${file}: ${status.problem}`)
    assert.equal((await client.request('system:health')).status, 'healthy')
    await client.until((c) => c.pushes.some((push) => push.event === 'system:reload_failed'))
    await this.#untilPage('warn', new RegExp(files[0]?.replaceAll('.', '\\.') ?? ''))
  }

  async #repair(edit: Edit, situation: Situation, restore: () => void): Promise<void> {
    const { ksi, project } = situation
    const { generation, runners } = await ksi.status()
    if (edit.repair === undefined) restore()
    else edit.repair(project)
    // What only the runner loads brings a new runner; everything else a new generation.
    const isNew = (status: SupervisorStatus): boolean =>
      (status.generation ?? 0) > (generation ?? 0) ||
      status.runners.some(({ id, accepting }) => accepting && !runners.some((old) => old.id === id))
    await ksi.untilStatus((status) => isWell(status) && isNew(status))
    await edit.probeRepair?.(situation)
  }

  async #assertWell(edit: Edit, { ksi, client, before }: Situation): Promise<void> {
    const status = await ksi.untilStatus((now) => isWell(now) && now.runners.length === 1)
    assert.equal(status.crashes - before.crashes, edit.crashes ?? 0, 'generations died')
    const health = await client.request('system:health')
    assert.deepEqual([health.queued, health.processing], [0, 0])
    await this.#untilPage('pass')
  }

  /** What a person sees: the sidecar's verdict. */
  async #untilPage(verdict: string, summary: RegExp = /./): Promise<void> {
    if (this.#statusUrl === undefined) return
    const limit = performance.now() + 10_000
    for (;;) {
      const page = await fetch(this.#statusUrl).then(
        (response) => response.json() as Promise<{ status: string; summary: string }>,
        // It restarts when shared code changes.
        () => undefined,
      )
      if (page?.status === verdict && summary.test(page.summary)) return
      if (performance.now() > limit)
        assert.fail(`/status does not come to say ${verdict} ${String(summary)}: ${JSON.stringify(page).slice(0, 600)}`)
      await delay(50)
    }
  }
}

/** Serving, with the newest code, and nothing to complain of. */
function isWell(status: SupervisorStatus): boolean {
  return status.phase === 'live' && status.problem === null && status.last_failure === null && status.trouble === null
}

/** Waits until each of these requests has an outcome; others may come between. */
async function untilDone(client: WireClient, sent: Sent): Promise<void> {
  const ids = new Set([...sent.values()].flat())
  await client.until((c) => c.cut || outcomesOf(c).filter(({ request_id }) => ids.has(request_id)).length >= ids.size)
}

async function untilLogged(ksi: Ksi, sent: Sent): Promise<void> {
  const limit = performance.now() + logLagMs
  const isLogged = (): boolean => {
    const runs = ksi.runsSoFar()
    return [...sent.values()].flat().every((id) => runs.has(id))
  }
  while (!isLogged() && performance.now() < limit) await delay(5)
}

/** Asks until the reply is as it should be. */
export async function untilReply(
  client: WireClient,
  event: string,
  isRight: (reply: Record<string, unknown>) => boolean,
  limitMs = 10_000,
): Promise<void> {
  const limit = performance.now() + limitMs
  for (;;) {
    const reply = await client.request(event)
    if (isRight(reply)) return
    if (performance.now() > limit) assert.fail(`${event} still answers ${JSON.stringify(reply)}`)
    await delay(5)
  }
}
