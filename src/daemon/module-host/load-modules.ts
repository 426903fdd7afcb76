import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { messageOf } from '../../lib/errors.ts'
import { Module } from './define-module.ts'

/** Where add-on modules lie. */
const ownFolder = join(import.meta.dirname, '../modules')

/**
 * Imports every add-on module, in the order of their names; tests beside them are left out. Called while a generation
 * boots: a module that cannot be imported is a save that fails, like a mistake in any other file.
 * @throws Error that names the module
 */
export async function loadModules(folder = ownFolder): Promise<Module[]> {
  const files = filesIn(folder)
  return Promise.all(files.map((file) => loadModule(folder, file)))
}

function filesIn(folder: string): string[] {
  try {
    const names = readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : []))
    return names.filter((name) => /^[^.]+\.ts$/.test(name)).sort()
  } catch (error) {
    // Whoever has deleted all modules may have deleted the folder too.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

async function loadModule(folder: string, file: string): Promise<Module> {
  const name = file.slice(0, -'.ts'.length)
  try {
    const exported = (await import(pathToFileURL(join(folder, file)).href)) as Record<string, unknown>
    const modules = Object.values(exported).filter((value) => value instanceof Module)
    const [module] = modules
    if (module === undefined || modules.length > 1)
      throw new Error(`it exports ${modules.length} modules, and should export one, made by defineModule`)
    if (module.name !== name) throw new Error(`its file is ${file}, and it calls itself ${module.name}`)
    return module
  } catch (error) {
    throw naming(name, error)
  }
}

/** The error as it was, with the name of the module before its message. */
function naming(name: string, error: unknown): Error {
  const message = `The module ${name} cannot be loaded: ${messageOf(error)}`
  const named = new Error(message, { cause: error })
  if (error instanceof Error && error.stack !== undefined) named.stack = `${message}\n${error.stack}`
  return named
}
