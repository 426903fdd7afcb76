import type { RunInput } from '../../contracts/runner.ts'
import { Dispatcher } from '../completion/dispatcher.ts'
import type { RunnerLink } from '../completion/runner-link.ts'
import type { RunnerLinks } from '../completion/runner-links.ts'
import type { Core } from '../core.ts'

/** A dispatcher with what it gave to its only runner, and how many transactions it took. */
export class Dispatched {
  readonly inputs: RunInput[] = []
  readonly transactions: number[] = []
  readonly dispatcher: Dispatcher

  constructor(core: Core) {
    const link = { id: '1', start: (input: RunInput) => this.inputs.push(input) } as unknown as RunnerLink
    const links = { accepting: () => link } as unknown as RunnerLinks
    this.dispatcher = new Dispatcher(core, links, () => {})
    core.journal.onEvents((events) => this.transactions.push(events.length))
  }

  get ids(): string[] {
    return this.inputs.map(({ request_id }) => request_id)
  }

  async turns(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await new Promise(setImmediate)
  }
}
