import type { StatusDocument } from '../contracts/status.ts'

export type DockerFacts = NonNullable<StatusDocument['docker']['facts']>
export type ContainerFact = DockerFacts['containers'][number]
export type ContainerEvent = DockerFacts['events'][number]

/** What the engine says of a service's container. */
export function containerOf(facts: DockerFacts | null, service: string): ContainerFact | undefined {
  return facts?.containers.find((container) => container.service === service)
}

/** Whether it has a process. */
export function isUp(container: ContainerFact): boolean {
  return container.state === 'running' || container.state === 'restarting' || container.state === 'paused'
}

/** How it stands, in words. */
export function stateOf(container: ContainerFact): string {
  const memory = container.oom_killed ? ', out of memory' : ''
  if (isUp(container))
    return `its container is ${container.state}${container.health === 'unhealthy' ? ' and unhealthy' : ''}${memory}`
  if (container.state !== 'exited' || container.exit_code === null)
    return `its container is ${container.state}${memory}`
  return `its container has exited with code ${container.exit_code}${memory}`
}
