import { exitCodes, KsiError } from '../../lib/errors.ts'
import type { Command, Invocation } from '../command.ts'
import { confirm } from '../confirm.ts'
import { productionJournal, putAside, stockOf, tellStock } from '../discarding.ts'
import type { Stock } from '../discarding.ts'
import { assertNotInDocker, doElsewhere } from '../elsewhere.ts'
import { print, printJson, say } from '../output.ts'
import { stopAndWait } from '../stopping.ts'

export const stop: Command = {
  usage: 'stop [--discard [--yes]] [--timeout TIME]',
  examples: [
    ['stop', 'take a checkpoint, end, and wait until it has ended; what is queued goes on at the next start'],
    ['stop --discard', 'and begin empty at the next start; asks before'],
  ],
  options: {
    discard: { type: 'boolean', help: 'put the journal aside: nothing of it goes on at the next start' },
    yes: { type: 'boolean', short: 'y', help: 'with --discard: do not ask' },
  },
  notes: [
    'Exits with 0 also when ksi was not running, with 75 when it still runs at the time limit (default 20s).',
    'What --discard puts aside stays beside the journal as ….discarded-TIME until you remove it.',
  ],
  run: async (invocation) => {
    const discards = invocation.values['discard'] === true
    if (discards && !invocation.place.byRoot)
      throw new KsiError(
        'KSI_BAD_REQUEST',
        '--discard is for the ksi of this folder: leave out --address and --socket.',
      )
    const done = await doElsewhere(invocation, 'stop')
    if (done !== undefined) return done
    const stock = await stockOf({ ...invocation, place: { ...invocation.place, byRoot: false } })
    if (discards && !(await isMeant(invocation, stock))) {
      say('Nothing was stopped.')
      return exitCodes.failed
    }
    const status = await stopAndWait(invocation)
    if (status === 'not running') await assertNotInDocker(invocation, 'stop')
    const aside = discards ? putAside(stock?.journal ?? productionJournal(invocation.place.root)) : undefined
    report(invocation, { status, stock, aside })
    return exitCodes.ok
  },
}

function isMeant({ values }: Invocation, stock: Stock | undefined): Promise<boolean> {
  const what = tellStock(stock) ?? 'The journal with all that was done'
  return confirm(`${what} will not go on at the next start.`, values['yes'] === true)
}

interface Outcome {
  status: 'stopped' | 'not running'
  stock: Stock | undefined
  aside: string | undefined
}

function report({ json }: Invocation, { status, stock, aside }: Outcome): void {
  if (json) {
    const left = stock && { queued: stock.queued, processing: stock.processing, kept: stock.kept }
    return printJson({ status, ...left, ...(aside === undefined ? {} : { discarded: aside }) })
  }
  print(status === 'stopped' ? 'ksi has ended.' : 'ksi was not running.')
  if (aside !== undefined) return print(`The journal was put aside as ${aside}.`)
  const left = tellStock(stock)
  if (left === undefined || stock === undefined) return
  print(stock.kept ? `${left}: they go on at the next start.` : `${left}: they are gone, since KSI_CHECKPOINT is off.`)
}
