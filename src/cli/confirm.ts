import { createInterface } from 'node:readline/promises'
import { KsiError } from '../lib/errors.ts'

/**
 * Asks for a yes, where somebody is there to be asked; `yes` is one given beforehand.
 * @throws KsiError KSI_BAD_REQUEST when nobody can be asked
 */
export async function confirm(question: string, yes: boolean): Promise<boolean> {
  if (yes) return true
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new KsiError('KSI_BAD_REQUEST', `${question} Say so with --yes.`)
  const asker = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await asker.question(`${question} [y/N] `)).trim())
  } finally {
    asker.close()
  }
}
