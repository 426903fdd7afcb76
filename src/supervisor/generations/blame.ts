import type { BootFailure } from '../../contracts/control.ts'
import type { ChildEnd } from '../../lib/child-end.ts'
import type { ErrorReport } from '../../lib/errors.ts'
import { isObject } from '../../lib/ndjson.ts'
import type { State } from './state.ts'

const untoldKept = 10
/** So many files are named in a sentence. */
const named = 20

/** All files that were saved and are not live: any of them may be to blame for a failure until all are. */
export function filesNotLive({ failed, swap, pending }: State): string[] {
  return union(failed, swap?.change.files ?? [], pending?.change.files ?? [])
}

export function union(...lists: (readonly string[])[]): string[] {
  return [...new Set(lists.flat())]
}

/** "The change of a.ts, b.ts", or what stands for it where no file was changed. */
export function theChange(files: readonly string[], otherwise: string): string {
  if (files.length === 0) return otherwise
  const more = files.length > named ? ` and ${files.length - named} more` : ''
  return `The change of ${files.slice(0, named).join(', ')}${more}`
}

/** The newest failures that are to be told by the next one live. */
export function untoldWith(untold: readonly BootFailure[], failure: BootFailure): BootFailure[] {
  return [...untold.slice(1 - untoldKept), failure]
}

/** What a process that ended on its way says of why. */
export function errorOfEnd(end: ChildEnd): ErrorReport {
  const { code, signal, stderr } = end
  const how = signal === null ? `ended with exit code ${String(code)}` : `was killed by ${signal}`
  const message = isUnstarted(end) ? 'the process could not be started' : `the process ${how}${headline(stderr)}`
  return { message, stack: stderr }
}

/** As much of an error as a sentence has room for. */
export function headOf(message: string): string {
  return (message.split('\n', 1)[0] ?? '').slice(0, 200)
}

/** What a person can do about an error that other people have met before. */
export function withAdvice(error: ErrorReport): ErrorReport {
  const advice = advices.find(([met]) => met.test(error.message))?.[1]
  return advice === undefined ? error : { ...error, message: `${error.message}. ${advice}` }
}

/** What was to be imported is not installed, or not at this moment. */
export function isNotInstalled({ message }: ErrorReport): boolean {
  return message.includes("Cannot find package '")
}

const advices: [met: RegExp, advice: string][] = [
  [
    /Cannot find package '/,
    'Install it with `npm ci`; in Docker `docker compose up -d --build` puts it into the image.',
  ],
  [
    /EADDRINUSE/,
    'The generation before may hold that port while the new one starts: open it in `system:startup`, close it in ' +
      '`system:shutdown` (CONTRIBUTING.md, "How to add").',
  ],
]

/** Whoever ended it, from outside or with a debugger, says nothing of its code, nor of what it was given. */
export function isFromOutside({ killedFromOutside, debugged }: ChildEnd): boolean {
  return killedFromOutside || debugged
}

/** The system had no process or file descriptor for it: that is not the code's fault. */
export function isUnstarted({ code, signal }: ChildEnd): boolean {
  return code === null && signal === null
}

/** The disk or the journal's file is at fault, and not the code of the generation that says so. */
export function isFileTrouble({ code }: ErrorReport): boolean {
  return code !== undefined && fileTrouble.test(code)
}

const fileTrouble =
  /^(KSI_D(ISK|B)_\w+|EDQUOT|SQLITE_(FULL|IOERR|BUSY|READONLY|CANTOPEN|CORRUPT|NOTADB)\w*|E(NOSPC|IO|ROFS|ACCES))$/

/** The line of a stack that says what happened, if there is one. */
function headline(stderr: string): string {
  const line = stderr.split('\n').find((text) => /^(\w*Error|Error)\b/.test(text))
  return line === undefined ? '' : `: ${line}`
}

/** What of a message that nobody understands says which one it is. */
export function errorOfUnknown(message: unknown): ErrorReport {
  const which =
    isObject(message) && typeof message.type === 'string' ? `"${message.type.slice(0, 100)}"` : 'without a type'
  return {
    message:
      `it sent a message (${which}) that this supervisor does not know. ` +
      'Restart ksi if supervisor and daemon were changed together.',
  }
}
