import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { messageOf, systemCodeOf } from '../../lib/errors.ts'
import { isObject, parseObject } from '../../lib/ndjson.ts'
import { publishedAddress } from '../daemon-link.ts'
import type { Finding } from './finding.ts'

const run = promisify(execFile)
const askMs = 5_000
const doctorMs = 20_000
/** `pre_stop` came with it. */
const leastCompose = [2, 40, 3]

/** The engine and Compose, where Docker is there; it need not be. */
export async function docker(root: string): Promise<Finding[]> {
  if (!existsSync(join(root, 'compose.yaml'))) return []
  return Promise.all([engine(root), compose(root)])
}

async function engine(root: string): Promise<Finding> {
  const check = 'docker'
  try {
    const { stdout } = await run('docker', ['version', '--format', '{{.Server.Version}}'], {
      cwd: root,
      timeout: askMs,
    })
    return { check, state: 'ok', says: `engine ${stdout.trim()}` }
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return { check, state: 'skip', says: 'not installed; ksi runs without it' }
    const denied = messageOf(error).includes('permission denied')
    const mend = denied ? 'sudo usermod -aG docker "$USER", and log in again' : 'start Docker'
    return { check, state: 'warn', says: 'the engine does not answer; ksi runs without it', mend }
  }
}

async function compose(root: string): Promise<Finding> {
  const check = 'compose'
  try {
    const { stdout } = await run('docker', ['compose', 'version', '--short'], { cwd: root, timeout: askMs })
    const says = stdout.trim()
    const parts = says
      .replace(/^v/, '')
      .split('.')
      .map((part) => Number.parseInt(part, 10))
    const at = parts.findIndex((part, n) => part !== leastCompose[n])
    const isOld = at !== -1 && (parts[at] ?? 0) < (leastCompose[at] ?? 0)
    if (!isOld && !/[^ -~]/.test(basename(root))) return { check, state: 'ok', says }
    if (!isOld) {
      const mend = 'where `docker compose build` fails over it, rename the folder'
      return { check, state: 'warn', says: `${says}, which may not build in a folder of this name`, mend }
    }
    return {
      check,
      state: 'fail',
      says: `${says}: 2.40.3 is the least (pre_stop)`,
      mend: 'install a newer docker-compose-plugin',
    }
  } catch {
    return { check, state: 'skip', says: 'not installed; ksi runs without it' }
  }
}

/** What the same command finds in the container, where Docker runs this checkout's ksi. */
export async function inContainer(root: string): Promise<Finding[]> {
  if ((await publishedAddress(root)) === undefined) return []
  const command = ['compose', 'exec', '-T', 'daemon', 'ksi', 'doctor', '--json']
  const { stdout } = await run('docker', command, { cwd: root, timeout: doctorMs }).catch((error: unknown) => ({
    stdout: isObject(error) && typeof error['stdout'] === 'string' ? error['stdout'] : '',
  }))
  const findings: unknown = parseObject(stdout)?.['findings']
  if (!Array.isArray(findings))
    return [{ check: 'container', state: 'warn', says: 'it could not be asked', mend: 'docker compose logs daemon' }]
  return (findings as Finding[]).map((finding) => ({ ...finding, check: `container: ${finding.check}` }))
}
