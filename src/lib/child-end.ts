/** How a child process ended. */
export interface ChildEnd {
  code: number | null
  signal: NodeJS.Signals | null
  /** the end of what it wrote to stderr */
  stderr: string
  /** SIGKILL, and not from us; or from us, when somebody had stopped it by a signal */
  killedFromOutside: boolean
  /** a debugger was attached to it, then or just before */
  debugged: boolean
}

/** "exit code 1", "signal SIGKILL": how a child ended, in words. */
export function describeEnd({ code, signal }: ChildEnd): string {
  if (signal !== null) return `signal ${signal}`
  return code === null ? 'it could not be started' : `exit code ${code}`
}
