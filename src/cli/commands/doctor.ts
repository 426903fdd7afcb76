import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readSettings } from '../../contracts/settings.ts'
import { exitCodes } from '../../lib/errors.ts'
import type { Command, Invocation } from '../command.ts'
import { daemon, openTcp, ports } from '../doctor/daemon.ts'
import { docker, inContainer } from '../doctor/docker.ts'
import { journal, permissions, socketPath } from '../doctor/files.ts'
import type { Finding } from '../doctor/finding.ts'
import { fileSystem, inotify, node, openFiles, space } from '../doctor/machine.ts'
import { columns, paint, print, printJson } from '../output.ts'
import { invalidSettings, unreadSettings } from '../settings-check.ts'
import { findSupervisor } from '../supervisor-process.ts'

export const doctor: Command = {
  usage: 'doctor',
  examples: [
    ['doctor', 'look at all that ksi needs here, and say what mends what is wrong'],
    ['doctor --json', 'the same for programs: check, state, says, mend'],
  ],
  options: {},
  notes: [
    'Works whether ksi runs or not, on a bare machine, on the host of its containers and inside of them.',
    'Exits with 1 when something fails; what is only warned about works, and may not always.',
    'Providers have a command of their own: `ksi providers`.',
  ],
  run: async (invocation) => {
    const findings = await examine(invocation)
    const ok = findings.every(({ state }) => state !== 'fail')
    if (invocation.json) printJson({ ok, findings })
    else print(describe(findings))
    return ok ? exitCodes.ok : exitCodes.failed
  },
}

async function examine(invocation: Invocation): Promise<Finding[]> {
  const { root } = invocation.place
  findSupervisor(root)
  const settings = checkSettings(invocation.env)
  const there = await inContainer(root)
  const engine = await docker(root)
  // Where Docker runs it, its files and ports are the container's.
  if (there.length > 0) return [node(), ...settings, ...engine, ...there]
  const asked = await daemon(invocation)
  const local = settings.some(({ state }) => state === 'fail') ? [] : await localFindings(invocation, asked)
  return [node(), ...settings, ...engine, ...asked.findings, ...local]
}

async function localFindings(
  { env, place }: Invocation,
  asked: Awaited<ReturnType<typeof daemon>>,
): Promise<Finding[]> {
  const { root } = place
  const production = readSettings({ ...env, KSI_ROOT: root })
  const dev = readSettings({ ...env, KSI_ROOT: root, KSI_MODE: 'dev' })
  // The one that runs knows best; else what was used last.
  const settings =
    (asked.status?.mode ?? (existsSync(dev.paths.journal) ? 'dev' : 'production')) === 'dev' ? dev : production
  const data = existsSync(join(root, 'var/db')) ? join(root, 'var/db') : root
  return [
    ...ports(settings, asked.status),
    openTcp(settings),
    socketPath(settings.paths.socket),
    permissions(root),
    fileSystem(data),
    space(data),
    journal(settings.paths.journal, root),
    await inotify(root),
    openFiles(settings.KSI_MAX_CONNECTIONS),
  ]
}

function checkSettings(env: NodeJS.ProcessEnv): Finding[] {
  const mend = 'ksi config check'
  const wrong: Finding[] = [
    ...invalidSettings(env).map((says) => ({ check: 'settings', state: 'fail' as const, says, mend })),
    ...unreadSettings(env).map((says) => ({ check: 'settings', state: 'warn' as const, says, mend })),
  ]
  return wrong.length > 0 ? wrong : [{ check: 'settings', state: 'ok', says: 'all can be read' }]
}

const marks = { ok: ['green', 'ok  '], warn: ['yellow', 'warn'], fail: ['red', 'FAIL'], skip: ['dim', '-   '] } as const

function describe(findings: Finding[]): string {
  const rows = columns(findings.map(({ check, says }) => [check, says])).split('\n')
  return findings
    .flatMap(({ state, mend }, n) => {
      const [colour, word] = marks[state]
      const line = `${paint(colour, word)}  ${rows[n] ?? ''}`
      return mend === undefined || state === 'ok' ? [line] : [line, `      mend: ${mend}`]
    })
    .join('\n')
}
