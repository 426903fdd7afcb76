import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { readProviderSettings, readSettings, secretNames, settingNames } from '../../contracts/settings.ts'
import { exitCodes, KsiError } from '../../lib/errors.ts'
import { parseObject } from '../../lib/ndjson.ts'
import { didYouMean } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { publishedAddress } from '../daemon-link.ts'
import { readEnvFile } from '../env-file.ts'
import { columns, print, printJson } from '../output.ts'
import { invalidSettings, unreadSettings } from '../settings-check.ts'

interface Setting {
  value: unknown
  from: 'default' | 'environment' | '.env'
}

/** compose.yaml says these itself, whatever .env has. */
const ofCompose = /^KSI_(?:ROOT|MODE|HOST|PORT|PUBLISHED|SIDECAR\w*|CHECKPOINT|DAEMON_ADDRESS|DOCKER_\w+|WORK_DIR)$/
const askContainerMs = 10_000

export const config: Command = {
  usage: 'config show|check',
  examples: [
    ['config show', 'every setting: what it is, and whether it is the default, from the environment or from .env'],
    ['config check', 'values that are wrong, names that nothing reads, and what waits for `docker compose up -d`'],
  ],
  words: 1,
  options: {},
  notes: ['Of tokens and keys it says only whether they are set. check exits with 1 when something is wrong.'],
  run: ({ positionals: [verb = ''], ...invocation }) => {
    if (verb === 'show') return Promise.resolve(show(invocation))
    if (verb === 'check') return check(invocation)
    const hint = didYouMean(verb, ['show', 'check'])
    throw new KsiError('KSI_BAD_REQUEST', `Say what to do: ksi config show, or check.${hint}`)
  },
}

type Asked = Pick<Invocation, 'place' | 'env' | 'json'>

function show({ place, env, json }: Asked): number {
  const settings = settingsOf(place.root, env)
  if (json) printJson({ root: place.root, settings })
  else
    print(
      columns(
        Object.entries(settings).map(([name, { value, from }]) => [
          name,
          value === undefined ? '–' : asText(value),
          from,
        ]),
      ),
    )
  return exitCodes.ok
}

/** @throws KsiError KSI_CONFIG_INVALID */
function settingsOf(root: string, env: NodeJS.ProcessEnv): Record<string, Setting> {
  const inFile = readEnvFile(root)
  const { paths: _, ...known } = readSettings(env)
  const values: Record<string, unknown> = { ...known, ...readProviderSettings(env) }
  return Object.fromEntries(
    settingNames.map((name) => {
      const isSet = (env[name] ?? '') !== ''
      const from = !isSet ? 'default' : env[name] === inFile[name] ? '.env' : 'environment'
      const value = values[name] ?? (isSet ? env[name] : undefined)
      return [name, { value: secretNames.includes(name) && value !== undefined ? '(set)' : value, from }]
    }),
  )
}

function asText(value: unknown): string {
  if (value instanceof Map) return asText(Object.fromEntries(value))
  return typeof value === 'string' ? value : JSON.stringify(value)
}

async function check({ place, env, json }: Asked): Promise<number> {
  const problems = [...invalidSettings(env), ...unreadSettings(env), ...(await waiting(place.root, env))]
  if (json) printJson({ problems })
  else print(problems.length === 0 ? 'All is well.' : problems.join('\n'))
  return problems.length === 0 ? exitCodes.ok : exitCodes.failed
}

/** What was set here and does not hold in the container yet: Compose gives it to a new one. */
async function waiting(root: string, env: NodeJS.ProcessEnv): Promise<string[]> {
  if ((await publishedAddress(root)) === undefined) return []
  const command = ['compose', 'exec', '-T', 'daemon', 'ksi', 'config', 'show', '--json']
  const shown = promisify(execFile)('docker', command, { cwd: root, timeout: askContainerMs })
  const { stdout } = await shown.catch(() => ({ stdout: '' }))
  const there = parseObject(stdout)?.['settings'] as Record<string, Setting> | undefined
  if (there === undefined) return []
  const here = invalidSettings(env).length > 0 ? {} : settingsOf(root, env)
  return Object.entries(here).flatMap(([name, { value }]) =>
    ofCompose.test(name) || name.endsWith('_FILE') || JSON.stringify(value) === JSON.stringify(there[name]?.value)
      ? []
      : [`${name}: waits for \`docker compose up -d\``],
  )
}
