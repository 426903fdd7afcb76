import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

const home = resolve(import.meta.dirname, '../..')
/** What a running ksi has no use for. */
const notCopied = /\/src\/(scenarios|testing|bench)(\/|$)/

/** A copy of ksi whose source a scenario may edit as a person would. */
export interface Project {
  readonly root: string
  /** What is saved changes what replies say: they are not held to the contract. */
  readonly changesReplies: boolean
  path(file: string): string
  read(file: string): string
  /** Saves a file in place; `change` gets the present text. */
  edit(file: string, change: (text: string) => string): void
  /** Saves a file as many editors do: a new one, renamed over the old. */
  editByRename(file: string, change: (text: string) => string): void
  /** Brings in a file of this checkout that the copy has left out. */
  add(file: string): void
  [Symbol.dispose](): void
}

/**
 * Makes a project in a temporary folder, whose name begins with `folder`; source and dependencies are those of the
 * checkout `from`, by default this.
 */
export function makeProject({ changesReplies = false, from = home, folder = 'ksi-' } = {}): Project {
  const root = mkdtempSync(join(tmpdir(), folder))
  const path = (file: string): string => join(root, file)
  cpSync(join(from, 'src'), path('src'), {
    recursive: true,
    filter: (source) => !source.endsWith('.test.ts') && !notCopied.test(source),
  })
  cpSync(join(from, 'package.json'), path('package.json'))
  symlinkSync(join(from, 'node_modules'), path('node_modules'))
  const read = (file: string): string => readFileSync(path(file), 'utf8')
  return {
    root,
    changesReplies,
    path,
    read,
    edit(file, change) {
      mkdirSync(dirname(path(file)), { recursive: true })
      writeFileSync(path(file), change(read(file)))
    },
    editByRename(file, change) {
      writeFileSync(`${path(file)}.tmp`, change(read(file)))
      renameSync(`${path(file)}.tmp`, path(file))
    },
    add(file) {
      cpSync(join(home, file), path(file))
    },
    [Symbol.dispose]() {
      rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}
