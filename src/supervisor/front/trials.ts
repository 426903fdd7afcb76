import type { Log } from '../../lib/log.ts'
import { ClientConnection } from './client-connection.ts'
import type { Line, Lines } from './lines.ts'
import type { PoisonList } from './poison.ts'
import { poisonReply } from './poison.ts'
import type { RelayLink } from './relay-link.ts'
import type { RequestLine } from './request-line.ts'
import { Retrial } from './retrial.ts'
import type { DetachCause, Suspect } from './retrial.ts'
import type { Roster } from './roster.ts'

/** What the relay does for trials. */
export interface Court {
  readonly lines: Lines
  readonly roster: Roster
  readonly poison: PoisonList
  readonly log: Log
  /** that of a live generation */
  liveLink(): RelayLink | undefined
  send(link: RelayLink, line: Line): void
  /** Nothing is on trial any more. */
  sendRest(link: RelayLink): void
  fail(line: Line, why: string): void
  settle(line: Line): void
}

/** Finds out what ended a generation, and puts it aside. */
export class Trials {
  readonly #court: Court
  readonly #retrial = new Retrial()

  constructor(court: Court) {
    this.#court = court
  }

  /** While true nothing else may be relayed. */
  get isOn(): boolean {
    return this.#retrial.isOn
  }

  /** A generation has ended, and nobody has said yet why. */
  get isUndecided(): boolean {
    return this.#retrial.isUndecided
  }

  /** Whether this connection's subscription still waits for its trial. */
  isPending(connection: ClientConnection): boolean {
    return this.#retrial.isPending(connection)
  }

  /** A generation let go in peace. */
  handedOver(): void {
    this.#court.poison.codeChanged()
    this.#retrial.handedOver()
    for (const { subscription } of this.#court.roster.subscribers()) subscription.isAsked = false
  }

  /** A generation has ended. @param given the lines it was given and has not answered */
  ended(given: Line[]): void {
    const subscribers = this.#court.roster.subscribers()
    const asked = subscribers.filter(({ subscription }) => subscription.isAsked)
    const served = subscribers.filter(({ subscription }) => !subscription.isAsked)
    const sent = given.filter(({ state }) => state === 'sent')
    const running = given.filter(({ state }) => state === 'running')
    this.#retrial.ended([...asked, ...sent], [...served, ...running])
    for (const { subscription } of asked) subscription.isAsked = false
  }

  /** Says why it ended. */
  judge(cause: DetachCause): void {
    const suspect = this.#retrial.judge(cause)
    if (suspect === undefined) return
    if (suspect instanceof ClientConnection) {
      const { subscription } = suspect
      const asked = { event: 'monitor:subscribe', text: subscription.asLine }
      suspect.send(this.#putAside(suspect, asked, 'The subscription'))
      subscription.end()
    } else {
      suspect.place.reply(this.#putAside(suspect.connection, suspect.request, 'The request'))
      this.#court.settle(suspect)
    }
  }

  /** It did the generation no harm. */
  passed(suspect: Suspect): void {
    if (!this.#retrial.isTrying(suspect)) return
    suspect.deaths = 0
    this.#retrial.passed(suspect)
    this.goOn()
  }

  /** Nobody wants to know any more. */
  abandoned(suspect: Suspect): void {
    if (!this.#retrial.isTrying(suspect)) return
    this.#retrial.abandoned(suspect)
    this.goOn()
  }

  /** Tries the next ones, if there is somebody to try them on who has nothing in hand. */
  goOn(): void {
    const link = this.#court.liveLink()
    if (link === undefined || !this.#retrial.isIdle) return
    // What may be counted is given only to a generation that has shown that it lives without.
    if (this.#retrial.isGrave && !link.isProven) return link.prove(() => this.goOn())
    const suspects = this.#retrial.next((one) => this.#isThere(one))
    for (const suspect of suspects) {
      if (suspect instanceof ClientConnection) link.subscribed(suspect)
      else this.#court.send(link, suspect)
    }
    if (suspects.length === 0) this.#court.sendRest(link)
  }

  /** Whether there is still somebody who wants to know. A line that ended a generation goes with its client. */
  #isThere(suspect: Suspect): boolean {
    if (suspect instanceof ClientConnection) return !suspect.isGone && suspect.subscription.stands
    if (this.#court.lines.get(suspect.relay) !== suspect) return false
    if (suspect.deaths === 0 || !suspect.connection.isGone) return true
    this.#court.fail(suspect, 'it ended a generation of the daemon, and its client has gone')
    return false
  }

  #putAside(connection: ClientConnection, request: Pick<RequestLine, 'event' | 'text'>, what: string): string {
    const record = this.#court.poison.add(request.event, request.text)
    this.#court.log.error({ connection: connection.id, ...record }, 'put aside as poison')
    return poisonReply(what, request)
  }
}
