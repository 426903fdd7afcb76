import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { globalOptions } from './arguments.ts'
import { commandTable } from './command-table.ts'

const root = resolve(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const documents = ['', 'docs'].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(folder, file)),
)

/** What a document shows as typed into a shell: code in a line, and blocks; of those with output the lines with a $. */
function shellLines(document: string): string[] {
  const blocks = [...document.matchAll(/^```(sh|yaml|console)\n(.*?)^```/gms)].flatMap(([, kind, block = '']) =>
    block
      .replaceAll(/\\\n\s*/g, '')
      .split('\n')
      .filter((line) => kind !== 'console' || line.startsWith('$ ')),
  )
  const prose = document.replaceAll(/^```.*?^```/gms, '')
  const spans = Array.from(prose.matchAll(/`([^`]+)`/g), ([, code = '']) => code.replaceAll(/\s*\n\s*/g, ' '))
  return [...blocks, ...spans.filter((span) => /^(?:npx |npm |docker compose exec )?[^/]*\bksi |^npm /.test(span))]
}

/** The words after `ksi` of each call in a line, up to a pipe, a redirection or a comment. */
function callsIn(line: string): string[][] {
  return line
    .replaceAll('\\|', '|')
    .split(/ && | \|\| |; | \| (?=\w)| > /)
    .map(
      (part) => /(?:^|\s)ksi (?:-- )?(?!ksi |-- )([a-z].*)$/.exec(part.replace(/\s#.*/, ''))?.[1]?.split(/\s+/) ?? [],
    )
    .filter((call) => call.length > 0)
}

test('every command, action and option of ksi that a document shows is there', async () => {
  let seen = 0
  for (const document of documents)
    for (const line of shellLines(read(document)))
      for (const [name = '', ...words] of callsIn(line)) {
        seen += 1
        const where = `${document}: ${line}`
        const command = await (Object.hasOwn(commandTable, name) ? commandTable[name] : undefined)?.load()
        assert.ok(command !== undefined, where)
        const [action = ''] = words
        if (/^[a-z-]+$/.test(action) && !action.startsWith('-'))
          assert.match(command.usage, new RegExp(`\\b${action}\\b`), where)
        if (command.takeData !== undefined) continue
        for (const [, option = ''] of words.join(' ').matchAll(/(?:^|[\s[])--([a-z][\w-]*)/g))
          assert.ok(option in command.options || option in globalOptions, `${where}: --${option}`)
      }
  assert.ok(seen > 80, `only ${seen} commands: the pattern finds nothing`)
})

test('every command is in the table of commands', () => {
  const table = read('docs/commands.md')
  for (const name of Object.keys(commandTable))
    assert.match(table, new RegExp(`^\\| .*\`(?:ksi )?${name}\\b.*\\|`, 'm'), name)
})

test('every npm script that a document names is there', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  let seen = 0
  for (const document of documents)
    for (const [, script = ''] of read(document).matchAll(/npm\s+run\s+(?:--silent |--prefix \S+ )*([a-z][\w:-]*)/g)) {
      seen += 1
      assert.ok(script in scripts, `${document} names npm run ${script}`)
    }
  assert.ok(seen > 10, `only ${seen} scripts: the pattern finds nothing`)
})
