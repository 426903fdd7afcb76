/** How a child process ended. */
export interface ChildEnd {
  code: number | null
  signal: NodeJS.Signals | null
  /** the end of what it wrote to stderr */
  stderr: string
  /** SIGKILL, and not from us */
  killedFromOutside: boolean
}

/** "exit code 1", "signal SIGKILL": how a child ended, in words. */
export function describeEnd({ code, signal }: ChildEnd): string {
  if (signal !== null) return `signal ${signal}`
  return code === null ? 'it could not be started' : `exit code ${code}`
}
