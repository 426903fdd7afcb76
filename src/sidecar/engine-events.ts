import { isObject, parseObject } from '../lib/ndjson.ts'
import type { ContainerEvent } from './container-words.ts'

const kept = 50
const execsKept = 200

/**
 * The commands of our health checks in compose.yaml; each probe makes three exec events (docs/containers.md, "Engine
 * events").
 */
const probePrefixes = ['ksi health', 'node -e fetch(']

const shown = new Set([
  'create',
  'start',
  'restart',
  'stop',
  'die',
  'kill',
  'oom',
  'pause',
  'unpause',
  'destroy',
  'health_status',
  'exec_start',
  'exec_die',
])

/** The commands of ksi: after `ksi` one more word may be told. */
const ksiCommands = new Set('dev start stop restart reload status health send checkpoint watch token page'.split(' '))
const maxNameLength = 100

/** The engine's events of this project's containers, as far as a person wants to know them: the newest ones. */
export class EngineEvents {
  #events: ContainerEvent[] = []
  /** exec_die names only the id of the exec; its command was told by exec_start. */
  readonly #commands = new Map<string, { name: string; isProbe: boolean }>()
  #newestNs = 0

  /** Oldest first. */
  get events(): ContainerEvent[] {
    return this.#events
  }

  /** Epoch seconds to ask from after a reconnect; the overlap is dropped here. */
  get sinceSeconds(): number | undefined {
    return this.#newestNs === 0 ? undefined : Math.floor(this.#newestNs / 1e9)
  }

  /** Takes one line of the stream. @returns true when it says something new about a container */
  push(line: string): boolean {
    const event = parseObject(line)
    const timeNano = Number(event?.['timeNano'] ?? 0)
    if (!event || event['Type'] !== 'container' || timeNano <= this.#newestNs) return false
    this.#newestNs = timeNano
    const actor = isObject(event['Actor']) ? event['Actor'] : {}
    const attributes = isObject(actor['Attributes']) ? actor['Attributes'] : {}
    const [action, rest] = cutInTwo(textOf(event['Action'], ''))
    const detail = this.#detailOf(action, rest, attributes)
    if (detail === undefined || !shown.has(action)) return false
    const service = textOf(attributes['com.docker.compose.service'], textOf(attributes['name'], '?'))
    this.#events = [...this.#events, { at: new Date(timeNano / 1e6).toISOString(), service, action, detail }].slice(
      -kept,
    )
    return true
  }

  /** `undefined` for what nobody wants to see. */
  #detailOf(action: string, rest: string | null, attributes: Record<string, unknown>): string | null | undefined {
    const execId = textOf(attributes['execID'], '')
    if (action === 'exec_create') return undefined
    if (action === 'exec_start') {
      const command = { name: nameOf(rest ?? ''), isProbe: isProbe(rest ?? '') }
      this.#remember(execId, command)
      return command.isProbe ? undefined : command.name
    }
    if (action === 'exec_die') {
      const command = this.#commands.get(execId)
      this.#commands.delete(execId)
      return command === undefined || command.isProbe
        ? undefined
        : `${command.name} ended with code ${textOf(attributes['exitCode'], '?')}`
    }
    if (action === 'die') return `exit code ${textOf(attributes['exitCode'], '?')}`
    if (action === 'kill') return `signal ${textOf(attributes['signal'], '?')}`
    return rest
  }

  #remember(execId: string, command: { name: string; isProbe: boolean }): void {
    this.#commands.set(execId, command)
    const oldest = this.#commands.keys().next().value
    if (this.#commands.size > execsKept && oldest !== undefined) this.#commands.delete(oldest)
  }
}

function textOf(value: unknown, fallback: string): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : fallback
}

function isProbe(command: string): boolean {
  return probePrefixes.some((prefix) => command.startsWith(prefix))
}

/** A command without its arguments, which may hold anything: a prompt, a key. */
function nameOf(command: string): string {
  const [program = '', first = ''] = command.split(/\s+/, 2)
  return `${program.slice(0, maxNameLength)}${program === 'ksi' && ksiCommands.has(first) ? ` ${first}` : ''}`
}

/** `health_status: healthy` and `exec_start: ksi …` carry what they tell of within the action. */
function cutInTwo(action: string): [string, string | null] {
  const at = action.indexOf(': ')
  return at === -1 ? [action, null] : [action.slice(0, at), action.slice(at + 2).trim()]
}
