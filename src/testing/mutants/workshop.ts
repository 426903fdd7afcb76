import { spawn } from 'node:child_process'
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Mutant } from './mutant.ts'

/** Who refused a mutant; `nobody` has to be mended. */
export type Verdict = 'compiler' | 'tests' | 'nobody'

/** A test run that takes longer than this, in ms, hangs: that is a refusal too. */
const testLimitMs = 120_000

/** A copy of the project in which mutants are made, one at a time. */
export class Workshop implements Disposable {
  readonly #dir = mkdtempSync(join(tmpdir(), 'ksi-mutants-'))

  constructor(root: string) {
    for (const name of ['src', 'package.json', 'tsconfig.json', 'README.md'])
      cpSync(join(root, name), join(this.#dir, name), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(this.#dir, 'node_modules'))
  }

  /** Makes a mutant, asks the compiler and then the tests, and takes it back. */
  async judge({ file, change, compiled, tests }: Mutant): Promise<Verdict> {
    const path = join(this.#dir, file)
    const whole = readFileSync(path, 'utf8')
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
      writeFileSync(path, whole)
    }
  }

  /** Whether everything passes as it is: else nothing would be shown. */
  async isWhole(tests: readonly string[]): Promise<boolean> {
    const files = tests.flatMap((glob) => globSync(glob, { cwd: this.#dir }))
    const compiled = await this.#passes('tsc', ['-p', '.'])
    return compiled && (await this.#passes('node', ['--test', '--test-concurrency=2', ...files]))
  }

  [Symbol.dispose](): void {
    rmSync(this.#dir, { recursive: true, force: true })
  }

  #passes(program: string, args: string[]): Promise<boolean> {
    const command = program === 'node' ? process.execPath : join(this.#dir, 'node_modules/.bin', program)
    const child = spawn(command, args, { cwd: this.#dir, stdio: 'ignore', timeout: testLimitMs })
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code) => resolve(code === 0))
    })
  }
}
