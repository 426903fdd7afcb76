import type { Settings } from '../contracts/settings.ts'
import { KsiError, messageOf } from '../lib/errors.ts'
import { ensureSecret, SecretFile } from '../lib/secret-file.ts'
import type { Tokens } from './front/rights.ts'

/**
 * The tokens of this ksi as they stand whenever they are asked for: `ksi token --new` needs no restart.
 * @throws KsiError KSI_CONFIG_INVALID when other machines could get in without anybody having said that they may;
 * KSI_DB_NOT_WRITABLE when the tokens cannot be kept
 */
export function openTokens(settings: Settings): Tokens {
  const { paths, KSI_HOST: host, KSI_TOKEN: given, KSI_PUBLISHED: published, asksForToken } = settings
  if (given === undefined && published === undefined && !isLoopback(host))
    throw new KsiError(
      'KSI_CONFIG_INVALID',
      `KSI_HOST=${host} lets other machines in. Set KSI_TOKEN=auto (\`ksi token\` shows what it becomes) or to a ` +
        'value of your own, or leave KSI_HOST at 127.0.0.1.',
    )
  const own = new SecretFile(paths.token)
  const reading = new SecretFile(paths.readingToken)
  const isFile = asksForToken && (given === undefined || given === 'auto')
  keep(reading)
  if (isFile) keep(own)
  return {
    get token() {
      if (!asksForToken) return undefined
      // One that was removed is made again: without it nobody could get in.
      return isFile ? (own.value ?? keep(own)) : given
    },
    get readingToken() {
      return reading.value
    },
  }
}

/** Whether TCP asks for a token, and how to change that: a line for the banner. */
export function describeTokens({ asksForToken, KSI_TOKEN: given, KSI_PUBLISHED: published }: Settings): string {
  if (!asksForToken) return 'not asked for: all users of this machine may use tcp; KSI_TOKEN=auto in .env changes that'
  const asked = 'asked for on tcp (not on the socket)'
  if (given !== undefined && given !== 'auto') return `${asked}: the value of KSI_TOKEN`
  return (
    `${asked}: "ksi token" shows it, "ksi token --new" replaces it` +
    (published === undefined ? '' : '; set by KSI_TOKEN=auto')
  )
}

function keep(file: SecretFile): string {
  try {
    return ensureSecret(file.path)
  } catch (error) {
    const message =
      `The token cannot be kept in ${file.path} (${messageOf(error)}). ` +
      'Give the user of this process write access to its folder.'
    throw new KsiError('KSI_DB_NOT_WRITABLE', message, { cause: error })
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}
