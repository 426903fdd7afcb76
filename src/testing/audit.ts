import type { Push } from './wire-client.ts'

interface Waiting {
  id: string
  /** 0 queued again, 1 INJECT, 2 ASYNC */
  rank: number
  /** seq of its acceptance */
  accepted: number
}

interface ConversationModel {
  queue: Waiting[]
  running: Waiting | undefined
}

/** How a request ended, as it was pushed. */
export interface Outcome {
  state: 'completed' | 'failed' | 'cancelled'
  reason: string | undefined
}

const finals: Record<string, Outcome['state']> = {
  'completion:result': 'completed',
  'completion:failed': 'failed',
  'completion:cancelled': 'cancelled',
}
/** The names of the events that end a request. */
export const finalEvents = Object.keys(finals)
const problemsKept = 50

/** Plays every event of the journal through a model of the queues, and notes what the promises do not allow. */
export class EventAudit {
  readonly outcomes = new Map<string, Outcome>()
  /** seqs of the events that ended requests */
  readonly finalSeqs: number[] = []
  readonly problems: string[] = []
  /** calls of providers that were announced */
  starts = 0
  readonly #conversations = new Map<string, ConversationModel>()
  readonly #accepted = new Map<string, number>()

  get accepted(): number {
    return this.#accepted.size
  }

  /** Takes the next event; in order of seq. */
  take({ event, seq, data }: Push): void {
    const id = typeof data.request_id === 'string' ? data.request_id : undefined
    if (id === undefined || typeof data.conversation !== 'string') return
    const conversation = this.#conversations.get(data.conversation) ?? { queue: [], running: undefined }
    this.#conversations.set(data.conversation, conversation)
    const about = `${id} (event ${seq})`
    if (event === 'completion:queued')
      this.#queued(
        conversation,
        { id, rank: data.priority === 'INJECT' ? 1 : 2, accepted: seq },
        data.again === true,
        about,
      )
    else if (event === 'completion:progress' && data.status === 'calling_provider')
      this.#started(conversation, id, about)
    else if (event === 'completion:progress' && data.status === 'retrying') this.#again(conversation, id, about)
    else if (finals[event] !== undefined)
      this.#ended(conversation, { id, seq, state: finals[event], reason: data.reason }, about)
  }

  problem(text: string): void {
    if (this.problems.length < problemsKept) this.problems.push(text)
  }

  #queued(conversation: ConversationModel, waiting: Waiting, again: boolean, about: string): void {
    if (again) return this.#again(conversation, waiting.id, about)
    if (this.#accepted.has(waiting.id)) this.problem(`${about} was accepted twice`)
    this.#accepted.set(waiting.id, waiting.accepted)
    conversation.queue.push(waiting)
  }

  /** Back at the head of its conversation. */
  #again(conversation: ConversationModel, id: string, about: string): void {
    if (conversation.running?.id !== id) return this.problem(`${about} was queued again but was not running`)
    conversation.queue.push({ ...conversation.running, rank: 0 })
    conversation.running = undefined
  }

  #started(conversation: ConversationModel, id: string, about: string): void {
    this.starts += 1
    if (conversation.running !== undefined)
      this.problem(`${about} was started while ${conversation.running.id} was running`)
    conversation.queue.sort((a, b) => a.rank - b.rank || a.accepted - b.accepted)
    const at = conversation.queue.findIndex((waiting) => waiting.id === id)
    if (at === -1) return this.problem(`${about} was started but was not queued`)
    if (at > 0) this.problem(`${about} was started before ${conversation.queue[0]?.id}`)
    conversation.running = conversation.queue.splice(at, 1)[0]
  }

  #ended(
    conversation: ConversationModel,
    end: { id: string; seq: number; state: Outcome['state']; reason: unknown },
    about: string,
  ): void {
    const { id, seq, state, reason } = end
    if (this.outcomes.has(id))
      this.problem(`${about} has a second outcome: ${state} after ${this.outcomes.get(id)?.state}`)
    this.outcomes.set(id, { state, reason: typeof reason === 'string' ? reason : undefined })
    this.finalSeqs.push(seq)
    if (conversation.running?.id === id) conversation.running = undefined
    else if (state === 'completed') this.problem(`${about} completed but was not running`)
    else conversation.queue = conversation.queue.filter((waiting) => waiting.id !== id)
  }
}

/** Counts what one subscription missed or was told twice. */
export class SubscriberAudit {
  last: number
  missed = 0
  doubled = 0
  /** seqs of the events that ended requests; kept where not all events are asked for */
  readonly finalSeqs: number[] = []
  readonly #all: boolean

  /** @param since the seq it subscribed at; `all` when its patterns leave nothing out, so that seqs have no holes */
  constructor(since: number, all: boolean) {
    this.last = since
    this.#all = all
  }

  /** @returns false when the event was seen before */
  take({ event, seq }: Push): boolean {
    // The front's own word at the end of all has no place in the journal.
    if (!Number.isInteger(seq)) return false
    if (seq <= this.last) {
      this.doubled += 1
      return false
    }
    if (this.#all) this.missed += seq - this.last - 1
    else this.finalSeqs.push(seq)
    if (event === 'monitor:gap') this.missed += 1
    this.last = seq
    return true
  }
}

/** One run as the runner's log tells of it. */
export interface RunEnd {
  request_id: string
  run_id: string
  duration_ms: number
  /** epoch ms of its end */
  time: number
}

/** Nothing ran more often than it was tried, and no two runs of one conversation overlap. @returns what is wrong */
export function auditRuns(
  runs: readonly RunEnd[],
  conversationOf: (requestId: string) => string | undefined,
  tries: (requestId: string) => number,
): string[] {
  const problems: string[] = []
  const byRequest = Map.groupBy(runs, (run) => run.request_id)
  for (const [id, mine] of byRequest) if (mine.length > tries(id)) problems.push(`${id} was run ${mine.length} times`)
  for (const [conversation, mine] of Map.groupBy(runs, (run) => conversationOf(run.request_id) ?? run.request_id)) {
    const ordered = mine.toSorted((a, b) => a.time - b.time)
    for (const [i, run] of ordered.entries()) {
      const before = ordered[i - 1]
      // Both times are whole ms, and the log line comes after the end.
      if (before !== undefined && run.time - run.duration_ms < before.time - 1)
        problems.push(`in ${conversation}, ${run.request_id} ran beside ${before.request_id}`)
    }
  }
  return problems.slice(0, problemsKept)
}
