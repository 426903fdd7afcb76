import { spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  globSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { renamed } from './mutant.ts'
import type { Mutant } from './mutant.ts'

/** Who refused a mutant; `nobody` has to be mended. */
export type Verdict = 'compiler' | 'tests' | 'nobody'

/** What no test of a mutant looks at. */
const notCopied = new Set(['.git', 'node_modules', 'var'])
/** A test run that takes longer than this, in ms, hangs: that is a refusal too. */
const testLimitMs = 120_000

/** A copy of the project in which mutants are made, one at a time. */
export class Workshop implements Disposable {
  readonly #dir = mkdtempSync(join(tmpdir(), 'ksi-mutants-'))

  constructor(root: string) {
    // Documents and all: a test that misses one would refuse every mutant.
    for (const name of readdirSync(root).filter((name) => !notCopied.has(name)))
      cpSync(join(root, name), join(this.#dir, name), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(this.#dir, 'node_modules'))
  }

  /** Makes a mutant, asks the compiler and then the tests, and takes it back. */
  async judge({ file, change, compiled, tests }: Mutant): Promise<Verdict> {
    const path = join(this.#dir, file)
    const isNew = !existsSync(path)
    const whole = isNew ? '' : readFileSync(path, 'utf8')
    const mutant = change(whole)
    if (mutant === whole) throw new Error(`${file} did not change`)
    writeFileSync(path, mutant)
    try {
      if (compiled && !(await this.#passes('tsc', ['-p', '.', '--singleThreaded']))) return 'compiler'
      for (const glob of tests) {
        const files = globSync(glob, { cwd: this.#dir })
        if (files.length > 0 && !(await this.#passes('node', ['--test', '--test-concurrency=2', ...files])))
          return 'tests'
      }
      return 'nobody'
    } finally {
      if (isNew) rmSync(path)
      else writeFileSync(path, whole)
    }
  }

  /**
   * Shows many renamed fields to the compiler at once. @returns those it misses by their new name somewhere, which it
   * would do for each alone too; of the others nothing is known
   */
  async missed(mutants: readonly Mutant[]): Promise<Set<Mutant>> {
    const whole = new Map<string, string>()
    const names = new Map<string, Mutant>()
    for (const mutant of mutants) {
      const { file, field } = mutant
      if (field === undefined) continue
      const path = join(this.#dir, file)
      const text = readFileSync(path, 'utf8')
      if (!whole.has(path)) whole.set(path, text)
      const name = `${field.key}_renamed${names.size}`
      names.set(name, mutant)
      writeFileSync(path, renamed(text, field, name))
    }
    const { output } = await this.#run('tsc', ['-p', '.', '--singleThreaded', '--noErrorTruncation'])
    for (const [path, text] of whole) writeFileSync(path, text)
    const missing = namesMissed(output)
    return new Set([...names].flatMap(([name, mutant]) => (missing.has(name) ? [mutant] : [])))
  }

  [Symbol.dispose](): void {
    rmSync(this.#dir, { recursive: true, force: true })
  }

  async #passes(program: 'tsc' | 'node', args: string[]): Promise<boolean> {
    return (await this.#run(program, args)).code === 0
  }

  #run(program: 'tsc' | 'node', args: string[]): Promise<{ code: number | null; output: string }> {
    const command = program === 'node' ? process.execPath : join(this.#dir, 'node_modules/.bin', program)
    const child = spawn(command, args, { cwd: this.#dir, stdio: ['ignore', 'pipe', 'ignore'], timeout: testLimitMs })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => resolve({ code, output }))
    })
  }
}

/**
 * The new names the compiler says are missing, or not known; and those of fields it looks for by the old name in a type
 * that has just one of them, by its new name.
 */
function namesMissed(output: string): Set<string> {
  const names = new Set<string>()
  for (const [, name = ''] of output.matchAll(/Property '(\w+)' is missing in type/g)) names.add(name)
  for (const [, key = '', type = ''] of output.matchAll(/'(\w+)' does not exist (?:in|on) type (.*)/g)) {
    names.add(key)
    const there = new Set(type.match(new RegExp(`\\b${key}_renamed\\d+\\b`, 'g')))
    if (there.size === 1) for (const name of there) names.add(name)
  }
  return names
}
