import { spawn } from 'node:child_process'

interface RunOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  /** ends it */
  signal?: AbortSignal | undefined
  timeoutMs: number
}

const maxOutput = 64 * 1024 * 1024

/**
 * Runs a program to its end, out of reach of the terminal's Ctrl-C: who runs it says when it ends.
 * @returns what it printed
 * @throws Error with what it printed last, when it fails or does not end in time; the signal's reason
 */
export async function runProgram(file: string, args: readonly string[], options: RunOptions): Promise<string> {
  const { cwd, env, signal, timeoutMs } = options
  signal?.throwIfAborted()
  const child = spawn(file, args, {
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output: string[] = []
  let length = 0
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      length += text.length
      if (length < maxOutput) output.push(text)
    })
  let late = false
  const end = (): void => void child.kill('SIGTERM')
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, timeoutMs)
  signal?.addEventListener('abort', end)
  try {
    const how = await new Promise<string | number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, by) => resolve(code ?? by))
    })
    signal?.throwIfAborted()
    if (how === 0) return output.join('')
    const why = late ? `did not end within ${timeoutMs / 1_000} s` : `failed (${how})`
    throw new Error(`${[file, ...args].join(' ')} ${why}: ${output.join('').trim().slice(-2_000)}`)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', end)
  }
}
