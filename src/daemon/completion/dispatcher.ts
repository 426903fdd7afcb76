import { randomUUID } from 'node:crypto'
import { promptOf } from '../../contracts/prompt.ts'
import type { RunInput } from '../../contracts/runner.ts'
import type { ConversationRow, RequestRow } from '../../store/rows.ts'
import type { Core } from '../core.ts'
import type { RunnerLink, RunnerLinks } from './runner-links.ts'

/** Starts of one turn of the event loop: between them clients get their replies. */
const startsPerTurn = 16
/** After a failed dispatch (a bug just saved, a full disk) everything waits this long, in ms, before the next try. */
const troubleDelayMs = 1_000

/** Starts the next request of each conversation that may go on, as long as there is room. Keeps no queue of its own. */
export class Dispatcher {
  readonly #core: Core
  readonly #links: RunnerLinks
  readonly #onStart: (link: RunnerLink, input: RunInput) => void
  #open = false
  #scheduled: NodeJS.Immediate | undefined
  #timer: NodeJS.Timeout | undefined

  /** @param onStart called for each run before the runner hears of it */
  constructor(core: Core, links: RunnerLinks, onStart: (link: RunnerLink, input: RunInput) => void) {
    this.#core = core
    this.#links = links
    this.#onStart = onStart
  }

  open(): void {
    this.#open = true
    this.kick()
  }

  close(): void {
    this.#open = false
    clearImmediate(this.#scheduled)
    clearTimeout(this.#timer)
  }

  /** Something changed: look for work soon. */
  kick(): void {
    if (!this.#open || this.#scheduled !== undefined) return
    this.#scheduled = setImmediate(() => {
      this.#scheduled = undefined
      this.#run()
    })
  }

  #run(): void {
    try {
      for (let started = 0; started < startsPerTurn; started++) if (!this.#startNext()) return this.#waitForNextTry()
      this.kick()
    } catch (error) {
      // The request keeps its place; a repaired save or more room lets it go on.
      this.#core.log.error({ err: error }, 'dispatch failed, trying again')
      this.#wakeIn(troubleDelayMs)
    }
  }

  #startNext(): boolean {
    const core = this.#core
    if (!this.#open || core.requests.total('processing') >= core.settings.KSI_MAX_CONCURRENT) return false
    const link = this.#links.accepting()
    if (link === undefined) return false
    const name = core.conversations.nextRunnable(Date.now())
    if (name === undefined) return false
    const conversation = core.conversations.get(name)
    const request = core.requests.head(name)
    if (conversation === undefined || request === undefined) core.journal.tx(() => core.conversations.refresh(name, 0))
    else this.#start(request, conversation, link)
    return true
  }

  #start(request: RequestRow, conversation: ConversationRow, link: RunnerLink): void {
    const core = this.#core
    core.journal.tx(() => core.requests.takeInHand(request.request_id))
    const input = toRunInput(core, request, conversation)
    core.journal.tx(() => {
      const now = Date.now()
      const resumedFrom =
        request.session_id !== null &&
        conversation.session_id !== null &&
        request.session_id !== conversation.session_id
          ? conversation.session_id
          : null
      const tick = core.journal.emit(
        'completion:progress',
        {
          request_id: request.request_id,
          conversation: conversation.conversation,
          session_id: input.session_id ?? null,
          status: 'calling_provider',
          provider: input.model.split('/')[0] ?? input.model,
          attempt: input.attempt,
        },
        request.request_id,
      )
      core.requests.start({
        request_id: request.request_id,
        now,
        tick,
        run_id: input.run_id,
        runner_id: link.id,
        epoch: core.generation,
        resumed_from: resumedFrom,
      })
      core.conversations.setRunning(conversation.conversation, request.request_id, now)
      core.conversations.refresh(conversation.conversation, -1)
    })
    this.#onStart(link, input)
    link.start(input)
  }

  #waitForNextTry(): void {
    const at = this.#core.conversations.nextTryAt()
    if (at !== undefined && at > Date.now()) this.#wakeIn(at - Date.now())
  }

  #wakeIn(ms: number): void {
    clearTimeout(this.#timer)
    if (this.#open) this.#timer = setTimeout(() => this.kick(), Math.min(ms, 60_000))
  }
}

/** What the runner is asked to do: from the request as it was sent and the conversation as it stands. */
function toRunInput(core: Core, request: RequestRow, conversation: ConversationRow): RunInput {
  const data = core.requests.payload(request.request_id)
  const messages = data.messages as RunInput['messages']
  return {
    request_id: request.request_id,
    run_id: randomUUID(),
    attempt: request.attempts + 1,
    model: request.model,
    prompt: promptOf(data),
    messages,
    session_id: conversation.session_id ?? undefined,
    session_unproven: conversation.session_id !== null && !core.conversations.isHandedOut(conversation.session_id),
    agent_id: request.agent_id ?? undefined,
    client_id: typeof data.originator_id === 'string' ? data.originator_id : undefined,
    temperature: (data.temperature as number | null | undefined) ?? undefined,
    max_tokens: (data.max_tokens as number | null | undefined) ?? undefined,
    timeout_ms: (data.timeout_ms as number | null | undefined) ?? core.settings.KSI_PROVIDER_TIMEOUT_MS,
    extra_body: (data.extra_body as Record<string, unknown> | null | undefined) ?? undefined,
  }
}
