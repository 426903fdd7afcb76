import type { ToGeneration } from '../../../contracts/control.ts'
import type { ChildEnd } from '../../../lib/child-end.ts'
import type { GenerationEvent } from '../events.ts'
import { limits } from './limits.ts'

/** What a save does to whoever runs it. */
export const kinds = [
  'good',
  'slow to boot',
  'fails at import',
  'hangs at import',
  'exits at import',
  'fails when it activates',
  'never gets live',
  'loops when it activates',
  'busy when it activates',
  'dies young',
  'hangs young',
  'throws when it retires',
  'hangs when it retires',
] as const
export type Kind = (typeof kinds)[number]

export interface Code {
  version: number
  kind: Kind
}

/** What a process needs of its world. */
export interface Surroundings {
  readonly disk: Code
  readonly diskIsFull: boolean
  tell(from: number, event: GenerationEvent): void
  later(ms: number, run: () => void): void
  ended(process: SimProcess, end: Partial<ChildEnd>): void
}

const restore = { queued: 0, adopted: 0, requeued: 0, lost: 0, poisoned: 0, recovered_outcomes: 0 }

/** A generation's process as the supervisor sees it: what it is told, what it says, how it ends. */
export class SimProcess {
  readonly id: number
  readonly #world: Surroundings
  readonly #kept: Code | undefined
  readonly #inbox: ToGeneration[] = []
  code: Code | undefined
  bootedFor: number | undefined
  isAlive = true
  /** It writes to the journal. */
  isLive = false
  isWatched = false
  /** SIGSTOP, or an endless loop: it reads and says nothing. */
  isStopped = false
  isLooping = false
  /** A debugger is attached to it. */
  isDebugged = false

  /** @param kept the code it runs, whatever is on the disk */
  constructor(id: number, world: Surroundings, kept?: Code) {
    this.id = id
    this.#kept = kept
    this.#world = world
    world.later(20, () => {
      if (this.isAlive && !this.isSilent) world.tell(id, { type: 'spare', id })
    })
  }

  get isSilent(): boolean {
    return this.isStopped || this.isLooping
  }

  get hasMail(): boolean {
    return this.isAlive && !this.isSilent && this.#inbox.length > 0
  }

  /** @param newest the newest save the supervisor knows of */
  post(message: ToGeneration, newest: number): void {
    if (message.type === 'boot') this.bootedFor = this.#kept?.version ?? newest
    this.#inbox.push(message)
  }

  /** It hangs from now on; the heartbeat finds out where there is one. */
  hang(how: 'stopped' | 'looping'): void {
    if (how === 'stopped') this.isStopped = true
    else this.isLooping = true
    const look = (): void => {
      if (!this.isAlive || !this.isSilent) return
      if (this.isWatched && !this.isDebugged) this.#world.tell(this.id, { type: 'silent', id: this.id })
      else this.#world.later(limits.heartbeatMs, look)
    }
    this.#world.later(limits.heartbeatMs, look)
  }

  die(end: Partial<ChildEnd>): void {
    if (!this.isAlive) return
    this.isAlive = this.isLive = false
    this.#world.ended(this, end)
  }

  /** Reads one message. */
  read(): void {
    const message = this.#inbox.shift()
    switch (message?.type) {
      case 'boot':
        return this.#boot()
      case 'activate':
        return this.#activate()
      case 'retire':
        return this.#retire()
      case 'ping':
        return this.#world.tell(this.id, { type: 'answered', id: this.id })
      case 'end':
        return this.die({ code: 0 })
      case 'failure':
      case 'phases':
      case undefined:
    }
  }

  #boot(): void {
    const { id } = this
    this.code = this.#kept ?? this.#world.disk
    switch (this.code.kind) {
      case 'fails at import':
        return this.#fail('broken at import')
      case 'hangs at import':
        return this.hang('looping')
      case 'exits at import':
        return this.die({ code: 3 })
      case 'slow to boot':
        return this.#world.later(700, () => {
          if (this.isAlive && !this.isSilent) this.#world.tell(id, { type: 'standby', id, phases: {} })
        })
      default:
        this.#world.tell(id, { type: 'standby', id, phases: {} })
    }
  }

  #activate(): void {
    const kind = this.code?.kind
    if (kind === 'fails when it activates') return this.#fail('broken when activated')
    if (kind === 'never gets live') return
    if (kind === 'loops when it activates') return this.hang('looping')
    if (kind === 'busy when it activates') return this.#sync(5)
    this.#goLive()
  }

  /** It blocks for most of each second, so often. */
  #sync(times: number): void {
    if (!this.isAlive || this.isStopped) return
    if (times === 0) return this.#goLive()
    this.isLooping = true
    this.#world.later(900, () => (this.isLooping = false))
    this.#world.later(1_000, () => this.#sync(times - 1))
  }

  #goLive(): void {
    const { id } = this
    const kind = this.code?.kind
    this.isLive = true
    const live = { type: 'live', generation: id, phases: {}, restored: restore, previous_end: 'handover' } as const
    this.#world.tell(id, { type: 'live', id, live })
    if (kind === 'dies young') this.#world.later(300, () => this.die({ code: 1 }))
    if (kind === 'hangs young') this.#world.later(4_000, () => this.hang('looping'))
  }

  #retire(): void {
    const { id } = this
    if (this.#world.diskIsFull) return this.#fail('no room', 'SQLITE_FULL')
    if (this.code?.kind === 'throws when it retires') return this.#fail('broken at retire')
    if (this.code?.kind === 'hangs when it retires') return this.hang('looping')
    this.isLive = false
    this.#world.tell(id, { type: 'retired', id })
  }

  #fail(message: string, code?: string): void {
    this.#world.tell(this.id, { type: 'failed', id: this.id, error: { message, code } })
  }
}
