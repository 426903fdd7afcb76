import type { Kind } from './stage.ts'

interface Named {
  name: string
  /** what it does, by where ksi runs */
  what: Record<Kind, string>
}

const both = (what: string): Record<Kind, string> => ({ compose: what, local: what })

/** The scenarios in the order in which they are played. A command line names them without loading anything else. */
export const scenarioNames = [
  { name: 'save', what: both('a file is saved') },
  { name: 'broken-save', what: both('a file is saved broken, and repaired') },
  { name: 'generation', what: both('kill -9 of the generation') },
  { name: 'runner', what: both('kill -9 of the runner') },
  {
    name: 'container',
    what: { compose: 'kill of the container, and up', local: 'kill -9 of the supervisor, and start' },
  },
  { name: 'recreate', what: { compose: 'up --force-recreate', local: 'restart' } },
  { name: 'up-again', what: { compose: 'a second up -d', local: 'a second start' } },
  { name: 'stop', what: { compose: 'stop with pre_stop, and up', local: 'SIGTERM, and start' } },
  { name: 'down', what: { compose: 'down, and up', local: 'SIGTERM, nothing stays, and start' } },
] as const satisfies readonly Named[]

export type ScenarioName = (typeof scenarioNames)[number]['name']
