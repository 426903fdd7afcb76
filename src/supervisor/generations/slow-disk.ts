import type { Trouble } from '../../contracts/control.ts'
import { holders } from './questions.ts'
import type { State } from './state.ts'

/** As the generations call it themselves, once they can speak. */
const theDisk = 'the disk'

/**
 * What goes wrong in a generation, by its own word and by what it cannot say while it waits for the disk.
 * @param waits whether the process of that id does
 * @param path the journal's
 */
export function withSlowDisk(
  troubles: readonly Trouble[],
  state: State,
  { waits, path }: { waits: (id: number) => boolean; path: string },
): readonly Trouble[] {
  const isSaid = troubles.some(({ what }) => what === theDisk)
  if (isSaid || !holders(state).some(({ id }) => waits(id))) return troubles
  const { swap, view } = state
  const waiting = swap === null ? 'Every reply waits for it.' : 'The change waits for it.'
  const message = `A sync of the journal, or another wait for the disk, takes long. ${waiting}`
  return [...troubles, { what: theDisk, message, file: null, path, since: view.phaseSince, times: 1, grave: false }]
}
